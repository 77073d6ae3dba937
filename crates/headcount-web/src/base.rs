//! The path under which the site is served.

use std::fmt;
use std::sync::Arc;

/// What every address on a page begins with: empty, or a path such as `/headcount` without a slash at its end. Requests reach the
/// site without it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Base(Arc<str>);

impl Base {
    pub(crate) fn new(path: &str) -> Self {
        Self(path.into())
    }

    /// The path for which a browser keeps a cookie of the site (RFC 6265 §5.1.4).
    pub(crate) fn cookie_path(&self) -> &str {
        match self.0.is_empty() {
            true => "/",
            false => &self.0,
        }
    }
}

impl fmt::Display for Base {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
