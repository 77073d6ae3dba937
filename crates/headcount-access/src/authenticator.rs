//! Tells who is behind a token or a session.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use http::HeaderMap;
use parking_lot::{Mutex, RwLock};

use crate::access_token::AccessToken;
use crate::bearer::{Challenge, bearer_token};
use crate::principal::Principal;
use crate::role::{Right, Role};
use crate::secret::{Secret, digest_of_session, parse_session};
use crate::sessions::Sessions;
use crate::token_store::{FileStamp, TokenRecord, TokenStore, TokenStoreError};

/// How long a change of the token store may go unnoticed.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Knows the tokens of a collector, and notices when another process changes them. Clones share what they know.
#[derive(Debug, Clone)]
pub struct Authenticator(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    access_token: Option<AccessToken>,
    store: Option<TokenStore>,
    known: RwLock<HashMap<String, TokenRecord>>,
    last_look: Mutex<Look>,
    sessions: Sessions,
}

/// When the store was looked at, and how its file was then.
#[derive(Debug)]
struct Look {
    at: Instant,
    stamp: Option<FileStamp>,
}

impl Authenticator {
    /// Of a collector with this access token, if it has one, and these tokens.
    ///
    /// # Errors
    /// The token store cannot be read.
    pub fn open(
        access_token: Option<AccessToken>,
        store: TokenStore,
    ) -> Result<Self, TokenStoreError> {
        // Before the content: a change in between is noticed at the next look.
        let stamp = store.stamp();
        let records = store.list()?;
        Ok(Self(Arc::new(Inner {
            access_token,
            store: Some(store),
            known: RwLock::new(by_id(records)),
            last_look: Mutex::new(Look {
                at: Instant::now(),
                stamp,
            }),
            sessions: Sessions::default(),
        })))
    }

    /// The access token, if there is one.
    pub fn access_token(&self) -> Option<&AccessToken> {
        self.0.access_token.as_ref()
    }

    /// The holder of a bearer token; `None` if it is unknown, revoked or expired.
    pub fn bearer(&self, token: &str) -> Option<Principal> {
        let access_token = self.access_token();
        if access_token.is_some_and(|own| own.matches(token)) {
            return Some(Principal::access_token());
        }
        let secret = Secret::parse(token)?;
        self.known(secret.id(), &secret.digest())
    }

    /// Who began a session, by the session's cookie: the holder of a token, or somebody who signed on.
    pub fn session(&self, cookie: &str) -> Option<Principal> {
        if let Some(principal) = self.0.sessions.find(cookie) {
            return Some(principal);
        }
        let access_token = self.access_token();
        if access_token.is_some_and(|own| own.matches_session(cookie)) {
            return Some(Principal::access_token());
        }
        let (id, key) = parse_session(cookie)?;
        self.known(id, &digest_of_session(key))
    }

    /// The cookie of a session that `token` begins, if it is valid and may read.
    pub fn begin_session(&self, token: &str) -> Option<String> {
        let principal = self.bearer(token)?;
        if !principal.role().may(Right::ReadPublished) {
            return None;
        }
        let access_token = self.access_token();
        match access_token.filter(|own| own.matches(token)) {
            Some(own) => Some(own.session()),
            None => Secret::parse(token).map(|secret| secret.session()),
        }
    }

    /// The cookie of a session of somebody whom an identity provider knows. It lasts so long, and at most as long as this process.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn begin_sign_on(&self, principal: Principal, lifetime: Duration) -> io::Result<String> {
        self.0.sessions.begin(principal, lifetime)
    }

    /// Ends the session of somebody who signed on. That of a token ends with its token.
    pub fn end_session(&self, cookie: &str) {
        self.0.sessions.end(cookie);
    }

    /// The holder of the request's bearer token, if that has the right.
    ///
    /// # Errors
    /// There is no token, or not one with the right.
    pub fn require(&self, right: Right, headers: &HeaderMap) -> Result<Principal, Challenge> {
        let token = bearer_token(headers).ok_or(Challenge::Missing)?;
        let principal = self.bearer(token).ok_or(Challenge::Invalid)?;
        match principal.role().may(right) {
            true => Ok(principal),
            false => Err(Challenge::Insufficient),
        }
    }

    /// Reads the tokens now, whether or not their file seems to have changed; returns how many there are. The access token stays what
    /// it was at the start.
    ///
    /// # Errors
    /// The token store cannot be read; the tokens stay as they were.
    pub fn reload(&self) -> Result<usize, TokenStoreError> {
        let Some(store) = &self.0.store else {
            return Ok(0);
        };
        let mut last = self.0.last_look.lock();
        let stamp = store.stamp();
        let known = by_id(store.list()?);
        *last = Look {
            at: Instant::now(),
            stamp,
        };
        let count = known.len();
        *self.0.known.write() = known;
        Ok(count)
    }

    fn known(&self, id: &str, digest: &blake3::Hash) -> Option<Principal> {
        self.look_if_due();
        let known = self.0.known.read();
        let record = known.get(id)?;
        // `blake3::Hash` compares in constant time.
        let is_valid = record.digest == *digest && record.is_valid_at(Utc::now());
        is_valid.then(|| Principal::holder(record.role, &record.id, &record.name))
    }

    /// Reads the store again if its file has changed. One that cannot be read is reported, and the tokens stay as they were.
    fn look_if_due(&self) {
        let Some(store) = &self.0.store else {
            return;
        };
        let Some(mut last) = self.0.last_look.try_lock() else {
            return;
        };
        if last.at.elapsed() < LOOK_EVERY {
            return;
        }
        last.at = Instant::now();
        let stamp = store.stamp();
        if stamp == last.stamp {
            return;
        }
        last.stamp = stamp;
        match store.list() {
            Ok(records) => {
                let known = by_id(records);
                tracing::info!(tokens = known.len(), "the tokens have changed");
                *self.0.known.write() = known;
            }
            Err(error) => tracing::error!(
                "the tokens stay as they were: {error}; they are read again when the file changes"
            ),
        }
    }
}

impl From<AccessToken> for Authenticator {
    /// Of a collector with this token alone.
    fn from(access_token: AccessToken) -> Self {
        Self(Arc::new(Inner {
            access_token: Some(access_token),
            store: None,
            known: RwLock::default(),
            last_look: Mutex::new(Look {
                at: Instant::now(),
                stamp: None,
            }),
            sessions: Sessions::default(),
        }))
    }
}

fn by_id(records: Vec<TokenRecord>) -> HashMap<String, TokenRecord> {
    let valid = records
        .into_iter()
        .filter(|record| record.role != Role::Public);
    valid.map(|record| (record.id.clone(), record)).collect()
}
