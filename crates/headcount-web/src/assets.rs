//! The files of the pages, built in: one style sheet, one script, one icon.
//!
//! Their addresses name their content (`/assets/<hash>/page.css`), so that a browser asks once and never again.

use std::sync::LazyLock;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue};

use crate::compression::{gzip, takes_gzip};

/// A file that is served as it is.
struct Asset {
    name: &'static str,
    media_type: &'static str,
    plain: &'static str,
    packed: Option<Bytes>,
}

/// The addresses that a page names.
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
        packed: gzip(plain.as_bytes()),
    };
    FILES.into_iter().map(asset).collect()
});

static ADDRESSES: LazyLock<Addresses> = LazyLock::new(|| {
    let mut all = blake3::Hasher::new();
    for (_, _, text) in FILES {
        let _hasher = all.update(text.as_bytes());
    }
    let hash = all.finalize().to_hex();
    let address = |name: &str| format!("/assets/{}/{name}", &hash[..12]);
    Addresses {
        style: address("page.css"),
        script: address("page.js"),
        icon: address("icon.svg"),
    }
});

/// The addresses of the files of this build.
pub(crate) fn addresses() -> &'static Addresses {
    &ADDRESSES
}

/// The file `name`, whichever build's page asks for it.
pub(crate) fn serve(name: &str, asker: &HeaderMap) -> Option<Response> {
    let asset = ASSETS.iter().find(|asset| asset.name == name)?;
    let packed = asset.packed.as_ref().filter(|_| takes_gzip(asker));
    let body = match packed {
        Some(packed) => Body::from(packed.clone()),
        None => Body::from(asset.plain),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    let media_type = HeaderValue::from_static(asset.media_type);
    let _none = headers.insert(CONTENT_TYPE, media_type);
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    let _none = headers.insert(CACHE_CONTROL, forever);
    let _none = headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if packed.is_some() {
        let _none = headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Some(response)
}
