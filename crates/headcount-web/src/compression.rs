//! gzip for clients that accept it (RFC 9110 §8.4.1.3): pages and answers shrink to a fifth.

use std::io::Write as _;

use axum::body::{Body, HttpBody as _};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::BodyExt as _;

/// Smaller bodies, in bytes, are not compressed: the header costs more than it saves.
const MIN_BYTES: usize = 1024;

/// Larger bodies, in bytes, are compressed off the runtime's workers.
const MAX_INLINE_BYTES: usize = 64 * 1024;

/// Whether the client accepts gzip.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter();
    let texts = values.filter_map(|value: &HeaderValue| value.to_str().ok());
    let mut codings = texts.flat_map(|text| text.split(','));
    codings.any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let is_rejected = parts.any(|weight| {
            let weight = weight.strip_prefix("q=").and_then(|q| q.parse().ok());
            weight.is_some_and(|weight: f32| weight <= 0.0)
        });
        is_gzip && !is_rejected
    })
}

/// The response with its body as gzip, where the client accepts it and it is text of some length.
pub(crate) async fn compress(response: Response, request_headers: &HeaderMap) -> Response {
    let (mut parts, body) = response.into_parts();
    let is_whole = body.size_hint().exact().is_some();
    if !accepts_gzip(request_headers)
        || !is_whole
        || !is_text(&parts.headers)
        || parts.headers.contains_key(CONTENT_ENCODING)
    {
        return Response::from_parts(parts, body);
    }
    let Ok(collected) = body.collect().await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let plain = collected.to_bytes();
    parts
        .headers
        .append(VARY, HeaderValue::from_static("accept-encoding"));
    let compressed = if plain.len() > MAX_INLINE_BYTES {
        let plain = plain.clone();
        let compressing = tokio::task::spawn_blocking(move || gzip(&plain));
        compressing.await.unwrap_or_default()
    } else {
        gzip(&plain)
    };
    let Some(compressed) = compressed else {
        return Response::from_parts(parts, Body::from(plain));
    };
    parts.headers.remove(CONTENT_LENGTH);
    let coding = HeaderValue::from_static("gzip");
    parts.headers.insert(CONTENT_ENCODING, coding);
    Response::from_parts(parts, Body::from(compressed))
}

fn is_text(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| {
        let value = value.as_bytes();
        value.starts_with(b"text/") || value.windows(4).any(|window| window == b"json")
    })
}

/// `body` as gzip; `None` for a short body or one that would not shrink.
pub(crate) fn gzip(body: &[u8]) -> Option<Bytes> {
    if body.len() < MIN_BYTES {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::new(5));
    encoder.write_all(body).ok()?;
    let compressed = encoder.finish().ok()?;
    (compressed.len() < body.len()).then(|| compressed.into())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn accepts(value: &'static str) -> bool {
        let value = HeaderValue::from_static(value);
        accepts_gzip(&HeaderMap::from_iter([(ACCEPT_ENCODING, value)]))
    }

    #[test]
    fn gzip_is_used_only_where_it_is_accepted() {
        assert!(accepts("gzip, deflate, br"));
        assert!(accepts("br;q=1.0, GZIP;q=0.5"));
        assert!(!accepts("br"));
        assert!(!accepts("gzip;q=0"));
        assert!(!accepts("gzip;q=0.000, identity"));
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn gzip_round_trips() {
        let page = "a page of rows ".repeat(500);
        let compressed = gzip(page.as_bytes()).unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(&compressed[..])
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, page);
        assert_eq!(gzip(b"short"), None);
    }
}
