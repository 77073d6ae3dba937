//! Middleware around every route: security headers, compression, panics.

use std::any::Any;

use axum::response::{IntoResponse as _, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, Version};
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{And, Predicate as _, SizeAbove};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::problem::panicked;

/// Only our own files are loaded, nothing inline runs, and no page may be framed. Markup in a tool's name would have no
/// effect even if a template did not escape it.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
                              connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Smaller bodies, in bytes, are not compressed: the header costs more than it saves.
const MIN_COMPRESSED_BYTES: u16 = 1024;

/// A compromise between size and time.
const GZIP_LEVEL: i32 = 5;

type SetHeader = SetResponseHeaderLayer<HeaderValue>;

type IsText = fn(StatusCode, Version, &HeaderMap, &Extensions) -> bool;

/// The headers of every response; a response without `Cache-Control` must not be stored.
pub(crate) fn security_headers() -> (SetHeader, SetHeader, SetHeader, SetHeader, SetHeader) {
    let fixed = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
    };
    let resource_policy = HeaderName::from_static("cross-origin-resource-policy");
    let same_origin = HeaderValue::from_static("same-origin");
    let no_store = HeaderValue::from_static("no-store");
    (
        fixed(CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        fixed(X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Signing in by a link leaves no referrer at all.
        SetResponseHeaderLayer::if_not_present(REFERRER_POLICY, same_origin),
        fixed(resource_policy, "same-origin"),
        SetResponseHeaderLayer::if_not_present(CACHE_CONTROL, no_store),
    )
}

/// gzip for text, for clients that accept it (RFC 9110 §8.4.1.3): pages and answers shrink to a fifth.
pub(crate) fn compression() -> CompressionLayer<And<SizeAbove, IsText>> {
    let is_text: IsText = is_text;
    CompressionLayer::new()
        .quality(CompressionLevel::Precise(GZIP_LEVEL))
        .compress_when(SizeAbove::new(MIN_COMPRESSED_BYTES).and(is_text))
}

fn is_text(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| {
        let value = value.as_bytes();
        value.starts_with(b"text/") || value.windows(4).any(|window| window == b"json")
    })
}

/// Answers 500 when a handler panics; the panic hook has printed the message.
pub(crate) fn catch_panic() -> CatchPanicLayer<fn(Box<dyn Any + Send>) -> Response> {
    CatchPanicLayer::custom(on_panic as fn(Box<dyn Any + Send>) -> Response)
}

fn on_panic(_: Box<dyn Any + Send>) -> Response {
    panicked().into_response()
}
