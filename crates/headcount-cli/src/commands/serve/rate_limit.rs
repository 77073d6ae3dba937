//! The option `--rate-limit`.

use std::str::FromStr;

/// Requests a second; any number if `None`.
#[derive(Debug, Clone, Copy)]
pub(super) struct RateLimit(pub(super) Option<u32>);

impl FromStr for RateLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(None));
        }
        let rate = text.parse().ok().filter(|rate| *rate > 0);
        let rate = rate.ok_or_else(|| {
            format!(
                "`{text}` is no rate; give a whole number of requests a second from 1, or `none`"
            )
        })?;
        Ok(Self(Some(rate)))
    }
}
