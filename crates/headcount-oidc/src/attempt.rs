//! A sign-in that has begun: kept by the browser alone, in a cookie that only this process can make.
//!
//! So strangers can fill no memory with attempts, and an answer counts only in the browser that asked (against login CSRF, RFC 9700 §4.7).
//! Each attempt serves once.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::encoding::{base64url, random_text};

/// How long a person may take at the provider.
pub(crate) const LIFETIME: Duration = Duration::from_secs(600);
/// The longest cookie's value, in bytes: browsers keep none that has more than 4,096 with its name (RFC 6265 §6.1), and they drop a longer one
/// without a word.
const MAX_COOKIE: usize = 3800;
/// How many finished attempts are remembered. Beyond it the oldest is forgotten: the provider takes no code twice either (RFC 6749 §4.1.2).
const MAX_USED: usize = 4096;

/// What the browser keeps until it comes back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Attempt {
    /// Comes back in the address.
    pub(crate) state: String,
    /// Comes back in the token.
    pub(crate) nonce: String,
    /// Proves to the provider that the code is ours (RFC 7636).
    pub(crate) verifier: String,
    /// Where the person wanted to go.
    pub(crate) next: String,
    /// The end of its life, in seconds since 1970 UTC.
    pub(crate) end: u64,
}

impl Attempt {
    pub(crate) fn new(next: &str) -> std::io::Result<Self> {
        Ok(Self {
            state: random_text()?,
            nonce: random_text()?,
            verifier: random_text()?,
            next: next.to_owned(),
            end: now() + LIFETIME.as_secs(),
        })
    }
}

/// Seals attempts for a browser, and opens each once.
pub(crate) struct Seals {
    /// Drawn at the start: a restart ends every attempt.
    key: [u8; 32],
    /// The states that have served, with the end of their attempt.
    used: Mutex<HashMap<String, u64>>,
}

impl std::fmt::Debug for Seals {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Seals(…)")
    }
}

impl Seals {
    pub(crate) fn new() -> std::io::Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| std::io::Error::other(error.to_string()))?;
        Ok(Self {
            key,
            used: Mutex::default(),
        })
    }

    /// The cookie's value: the attempt in hexadecimal, a dot, and its keyed hash. An address that makes it too long for browsers is left out: the
    /// person then comes to `/`.
    pub(crate) fn seal(&self, attempt: &Attempt) -> String {
        let cookie = self.sealed(attempt);
        if cookie.len() <= MAX_COOKIE {
            return cookie;
        }
        self.sealed(&Attempt {
            next: "/".to_owned(),
            ..attempt.clone()
        })
    }

    fn sealed(&self, attempt: &Attempt) -> String {
        // Texts and a number can always be written.
        let json = serde_json::to_vec(attempt).unwrap_or_default();
        format!("{}.{}", hex(&json), self.mark(&json))
    }

    /// The attempt, if it was sealed here, has not ended, and belongs to this `state`, which has not served before.
    pub(crate) fn open(&self, cookie: &str, state: &str) -> Option<Attempt> {
        let (json, mark) = cookie.split_once('.')?;
        let json = unhex(json)?;
        if !is_equal(&self.mark(&json), mark) {
            return None;
        }
        let attempt: Attempt = serde_json::from_slice(&json).ok()?;
        let is_live = is_equal(&attempt.state, state) && now() < attempt.end;
        (is_live && self.use_up(&attempt)).then_some(attempt)
    }

    /// Whether it is the first use.
    fn use_up(&self, attempt: &Attempt) -> bool {
        let mut used = self.used.lock();
        let now = now();
        if used.len() >= MAX_USED {
            used.retain(|_, end| *end > now);
        }
        if used.len() >= MAX_USED
            && let Some(oldest) = used
                .iter()
                .min_by_key(|(_, end)| **end)
                .map(|(state, _)| state.clone())
        {
            let _end = used.remove(&oldest);
        }
        used.insert(attempt.state.clone(), attempt.end).is_none()
    }

    fn mark(&self, json: &[u8]) -> String {
        base64url(blake3::keyed_hash(&self.key, json).as_bytes())
    }
}

/// In a time that does not depend on where they differ.
fn is_equal(first: &str, second: &str) -> bool {
    blake3::hash(first.as_bytes()) == blake3::hash(second.as_bytes())
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() % 2 == 1 || !text.is_ascii() {
        return None;
    }
    let pairs = text.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    bytes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_serves_once_with_its_own_state_and_where_it_was_sealed() {
        let seals = Seals::new().unwrap();
        let attempt = Attempt::new("/tools").unwrap();
        let cookie = seals.seal(&attempt);
        let other = Attempt::new("/").unwrap();
        assert!(seals.open(&cookie, &other.state).is_none(), "another state");
        assert!(
            Seals::new()
                .unwrap()
                .open(&cookie, &attempt.state)
                .is_none(),
            "another process"
        );
        let (json, mark) = cookie.split_once('.').unwrap();
        let changed = format!("{}.{mark}", json.replacen("7b", "7c", 1));
        assert!(seals.open(&changed, &attempt.state).is_none(), "changed");
        assert_eq!(seals.open(&cookie, &attempt.state).unwrap().next, "/tools");
        assert!(seals.open(&cookie, &attempt.state).is_none(), "again");
    }

    #[test]
    fn an_address_that_is_too_long_for_a_cookie_leads_to_the_start() {
        let seals = Seals::new().unwrap();
        let next = |length: usize, of: &str| format!("/sql?query={}", of.repeat(length));
        for (next, is_kept) in [
            (next(1_400, "a"), true),
            (next(1_900, "a"), false),
            (next(100_000, "a"), false),
            // JSON has two bytes for each of these.
            (next(900, "\""), false),
        ] {
            let attempt = Attempt::new(&next).unwrap();
            let cookie = seals.seal(&attempt);
            assert!(cookie.len() < 4000, "{}", cookie.len());
            let opened = seals.open(&cookie, &attempt.state).unwrap();
            let expected = if is_kept { next.as_str() } else { "/" };
            assert_eq!(opened.next, expected);
        }
    }

    #[test]
    fn an_attempt_ends() {
        let seals = Seals::new().unwrap();
        let attempt = Attempt {
            end: now(),
            ..Attempt::new("/").unwrap()
        };
        assert!(seals.open(&seals.seal(&attempt), &attempt.state).is_none());
    }

    #[test]
    fn a_cookie_that_is_no_attempt_is_none() {
        let seals = Seals::new().unwrap();
        for cookie in ["", ".", "zz.zz", "7b7d.x", "ä.ä", "1.2"] {
            assert!(seals.open(cookie, "x").is_none(), "{cookie}");
        }
    }
}
