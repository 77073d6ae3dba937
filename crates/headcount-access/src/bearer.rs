//! Bearer tokens in requests, and the challenge of a response without one (RFC 6750).

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

/// The credentials of `Authorization: Bearer …`.
pub fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = text.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| credentials.trim())
}

/// Why a request needs another token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// It has none.
    Missing,
    /// The token is unknown, revoked or expired.
    Invalid,
    /// The token's role has not the right.
    Insufficient,
}

impl Challenge {
    /// The value of `WWW-Authenticate` (RFC 6750 §3).
    pub fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Missing => "Bearer",
            Self::Invalid => "Bearer error=\"invalid_token\"",
            Self::Insufficient => "Bearer error=\"insufficient_scope\"",
        })
    }
}
