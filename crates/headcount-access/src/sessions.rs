//! Sessions of people whom an identity provider knows.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::principal::Principal;

/// What the cookie of such a session begins with. No other session's does.
const PREFIX: &str = "sso.";
/// How many sessions there are at most. Beyond it the one that ends first gives way: an operator's staff is smaller.
const MAX_SESSIONS: usize = 10_000;

/// Sessions in memory alone, by the hash of their cookie: a restart ends them, and nothing on a disk leads to one. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sessions(Arc<Mutex<HashMap<blake3::Hash, Session>>>);

#[derive(Debug)]
struct Session {
    principal: Principal,
    end: Instant,
}

impl Sessions {
    /// Begins a session that lasts so long; returns the value of its cookie.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub(crate) fn begin(&self, principal: Principal, lifetime: Duration) -> io::Result<String> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let cookie = format!("{PREFIX}{digits}");
        let now = Instant::now();
        let mut sessions = self.0.lock();
        sessions.retain(|_, session| session.end > now);
        if sessions.len() >= MAX_SESSIONS {
            let first = sessions.iter().min_by_key(|(_, session)| session.end);
            if let Some(hash) = first.map(|(hash, _)| *hash) {
                let _ended = sessions.remove(&hash);
            }
        }
        let end = now + lifetime;
        let _new = sessions.insert(hash_of(&cookie), Session { principal, end });
        Ok(cookie)
    }

    /// Who began the session; `None` if there is none, or none any more.
    pub(crate) fn find(&self, cookie: &str) -> Option<Principal> {
        if !cookie.starts_with(PREFIX) {
            return None;
        }
        let sessions = self.0.lock();
        let session = sessions.get(&hash_of(cookie))?;
        (session.end > Instant::now()).then(|| session.principal.clone())
    }

    /// Ends the session, if there is one.
    pub(crate) fn end(&self, cookie: &str) {
        let _ended = self.0.lock().remove(&hash_of(cookie));
    }
}

/// Found by a hash, so that the time of a search says nothing about the cookies that there are.
fn hash_of(cookie: &str) -> blake3::Hash {
    blake3::hash(cookie.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::Role;

    fn anna() -> Principal {
        Principal::signed_on(Role::Viewer, "anna-1", "anna@example.com")
    }

    #[test]
    fn a_session_is_found_by_its_cookie_until_it_ends() {
        let sessions = Sessions::default();
        let hour = Duration::from_secs(3600);
        let (one, other) = (
            sessions.begin(anna(), hour).unwrap(),
            sessions.begin(anna(), hour).unwrap(),
        );
        assert_ne!(one, other);
        assert_eq!(sessions.find(&one), Some(anna()));
        for wrong in ["", "sso.", &one[..one.len() - 1], &one["sso.".len()..]] {
            assert_eq!(sessions.find(wrong), None, "{wrong}");
        }
        sessions.end(&one);
        assert_eq!(sessions.find(&one), None);
        assert_eq!(sessions.find(&other), Some(anna()));
        let over = sessions.begin(anna(), Duration::ZERO).unwrap();
        assert_eq!(sessions.find(&over), None);
    }

    #[test]
    fn sessions_are_bounded_and_the_one_that_ends_first_gives_way() {
        let sessions = Sessions::default();
        let first = sessions.begin(anna(), Duration::from_secs(60)).unwrap();
        for _ in 0..MAX_SESSIONS {
            let _cookie = sessions.begin(anna(), Duration::from_secs(3600)).unwrap();
        }
        assert_eq!(sessions.0.lock().len(), MAX_SESSIONS);
        assert_eq!(sessions.find(&first), None);
    }
}
