//! The static assets, embedded: one style sheet, one script, one icon.
//!
//! Their addresses contain a hash of the content (`/assets/<hash>/page.css`), so that browsers cache them forever.

use std::sync::LazyLock;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue};

use crate::compression::{accepts_gzip, gzip};

/// A file, plain and compressed.
struct Asset {
    name: &'static str,
    media_type: &'static str,
    plain: &'static str,
    gzip: Option<Bytes>,
}

/// The addresses that pages link to.
#[derive(Debug)]
pub(crate) struct Addresses {
    pub(crate) style: String,
    pub(crate) script: String,
    pub(crate) icon: String,
}

const FILES: [(&str, &str, &str); 3] = [
    (
        "page.css",
        "text/css; charset=utf-8",
        include_str!("../assets/page.css"),
    ),
    (
        "page.js",
        "text/javascript; charset=utf-8",
        include_str!("../assets/page.js"),
    ),
    (
        "icon.svg",
        "image/svg+xml",
        include_str!("../assets/icon.svg"),
    ),
];

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let asset = |(name, media_type, plain): (_, _, &'static str)| Asset {
        name,
        media_type,
        plain,
        gzip: gzip(plain.as_bytes()),
    };
    FILES.into_iter().map(asset).collect()
});

static ADDRESSES: LazyLock<Addresses> = LazyLock::new(|| {
    let mut all = blake3::Hasher::new();
    for (_, _, text) in FILES {
        all.update(text.as_bytes());
    }
    let hash = all.finalize().to_hex();
    let address = |name: &str| format!("/assets/{}/{name}", &hash[..12]);
    Addresses {
        style: address("page.css"),
        script: address("page.js"),
        icon: address("icon.svg"),
    }
});

/// The addresses of this build.
pub(crate) fn addresses() -> &'static Addresses {
    &ADDRESSES
}

/// The file `name`; the hash in the address may be another build's.
pub(crate) fn serve(name: &str, request_headers: &HeaderMap) -> Option<Response> {
    let asset = ASSETS.iter().find(|asset| asset.name == name)?;
    let compressed = asset.gzip.as_ref();
    let compressed = compressed.filter(|_| accepts_gzip(request_headers));
    let body = match compressed {
        Some(compressed) => Body::from(compressed.clone()),
        None => Body::from(asset.plain),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    let media_type = HeaderValue::from_static(asset.media_type);
    headers.insert(CONTENT_TYPE, media_type);
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    headers.insert(CACHE_CONTROL, forever);
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if compressed.is_some() {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Some(response)
}
