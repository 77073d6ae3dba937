//! The static assets, embedded: one style sheet, one script, one icon.
//!
//! Their addresses contain a hash of the content (`/assets/<hash>/page.css`), so that browsers may cache them forever.

use std::sync::LazyLock;

use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

/// The addresses that pages link to.
#[derive(Debug)]
pub(crate) struct Addresses {
    pub(crate) style: String,
    pub(crate) script: String,
    pub(crate) icon: String,
}

/// The name, the media type and the content of each asset.
const ASSETS: [(&str, &str, &str); 3] = [
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

static ADDRESSES: LazyLock<Addresses> = LazyLock::new(|| {
    let mut hasher = blake3::Hasher::new();
    for (_, _, content) in ASSETS {
        hasher.update(content.as_bytes());
    }
    let hash = hasher.finalize().to_hex();
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

/// The asset `name`; the hash in the address may be another build's.
pub(crate) fn serve(name: &str) -> Option<Response> {
    let (_, media_type, content) = ASSETS.into_iter().find(|(known, ..)| *known == name)?;
    let headers = [
        (CONTENT_TYPE, media_type),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Some((headers, content).into_response())
}
