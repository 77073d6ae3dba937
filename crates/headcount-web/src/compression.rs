//! gzip for those who take it (RFC 9110 §8.4.1.3): pages and answers shrink to a fifth.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue};

/// Below this, in bytes, the header costs more than it saves.
const WORTH_IT: usize = 1024;

/// Whether the asker takes gzip.
pub(crate) fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter();
    let texts = values.filter_map(|value: &HeaderValue| value.to_str().ok());
    let mut codings = texts.flat_map(|text| text.split(','));
    codings.any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let is_refused = parts.any(|weight| {
            let weight = weight.strip_prefix("q=").and_then(|q| q.parse().ok());
            weight.is_some_and(|weight: f32| weight <= 0.0)
        });
        is_gzip && !is_refused
    })
}

/// `body` as gzip, or `None` where that is not worth it.
pub(crate) fn gzip(body: &[u8]) -> Option<Bytes> {
    if body.len() < WORTH_IT {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::new(5));
    encoder.write_all(body).ok()?;
    let packed = encoder.finish().ok()?;
    (packed.len() < body.len()).then(|| packed.into())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn accepts(value: &'static str) -> bool {
        let value = HeaderValue::from_static(value);
        takes_gzip(&HeaderMap::from_iter([(ACCEPT_ENCODING, value)]))
    }

    #[test]
    fn gzip_is_for_those_who_take_it() {
        assert!(accepts("gzip, deflate, br"));
        assert!(accepts("br;q=1.0, GZIP;q=0.5"));
        assert!(!accepts("br"));
        assert!(!accepts("gzip;q=0"));
        assert!(!accepts("gzip;q=0.000, identity"));
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn what_is_packed_is_what_was_given() {
        let page = "a page of rows ".repeat(500);
        let packed = gzip(page.as_bytes()).unwrap();
        let mut text = String::new();
        let _bytes = flate2::read::GzDecoder::new(&packed[..])
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, page);
        assert_eq!(gzip(b"short"), None);
    }
}
