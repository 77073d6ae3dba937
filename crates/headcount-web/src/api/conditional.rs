//! Conditional requests: entity tags and `304 Not Modified` (RFC 9110 §13).

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::BodyExt as _;

/// Adds an entity tag over the body, or answers 304 where the client has the same.
pub(super) async fn conditional(response: Response, request_headers: &HeaderMap) -> Response {
    let (parts, body) = response.into_parts();
    let Ok(collected) = body.collect().await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let bytes = collected.to_bytes();
    let tag = entity_tag(&bytes);
    let whole = Response::from_parts(parts, Body::from(bytes));
    tagged(whole, &tag, request_headers)
}

/// As [`conditional`], with a tag that is already known.
pub(super) fn tagged(mut response: Response, tag: &str, request_headers: &HeaderMap) -> Response {
    let condition = request_headers
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    let matches = condition.is_some_and(|tags| {
        let mut tags = tags.split(',').map(str::trim);
        tags.any(|known| {
            known == "*" || known.trim_start_matches("W/") == tag.trim_start_matches("W/")
        })
    });
    if matches {
        *response.body_mut() = Body::empty();
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().remove(CONTENT_TYPE);
    }
    if let Ok(value) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(ETAG, value);
    }
    response
}

/// A weak tag, because the same answer may be compressed or not.
pub(super) fn entity_tag(bytes: &[u8]) -> String {
    format!("W/\"{}\"", &blake3::hash(bytes).to_hex()[..24])
}
