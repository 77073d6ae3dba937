//! The text of a token that this collector made.

use std::fmt;
use std::io;

/// What every such token begins with, so that scanners for leaked secrets find it.
const PREFIX: &str = "hc_";

/// Hexadecimal digits of the id and of the secret part.
const ID_DIGITS: usize = 8;
const SECRET_DIGITS: usize = 64;

/// A token: `hc_`, its id in 8 hexadecimal digits, `_`, and 256 random bits in 64. The id is no secret: it is how the token is
/// listed, revoked and named in the audit log. `Debug` prints no more than the id.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A new one.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn generate() -> io::Result<Self> {
        let mut bytes = [0; (ID_DIGITS + SECRET_DIGITS) / 2];
        getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let (id, secret) = digits.split_at(ID_DIGITS);
        Ok(Self(format!("{PREFIX}{id}_{secret}")))
    }

    /// Reads a token, ignoring white space around it.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let is_hex = |part: &str, digits: usize| {
            let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            part.len() == digits && part.bytes().all(is_digit)
        };
        let fits = is_hex(id, ID_DIGITS) && is_hex(secret, SECRET_DIGITS);
        fits.then(|| Self(text.to_owned()))
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.0[PREFIX.len()..][..ID_DIGITS]
    }

    /// The secret text.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The value of the cookie of a session that it began. It does not reveal the token.
    pub fn session(&self) -> String {
        format!("{}.{}", self.id(), session_key(&self.0))
    }

    /// The hash that is stored of it.
    pub(crate) fn digest(&self) -> blake3::Hash {
        digest_of_session(&session_key(&self.0))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Secret({}…)", self.id())
    }
}

/// The id and the key in the cookie of a session.
pub(crate) fn parse_session(cookie: &str) -> Option<(&str, &str)> {
    let (id, key) = cookie.split_once('.')?;
    (id.len() == ID_DIGITS && key.len() == SECRET_DIGITS).then_some((id, key))
}

/// The secret of a session that a token began. Only the token leads to it.
pub(crate) fn session_key(token: &str) -> String {
    let key = blake3::derive_key("headcount dashboard session v1", token.as_bytes());
    blake3::Hash::from_bytes(key).to_hex().to_string()
}

/// The hash by which a token and its sessions are known. It leads to neither.
pub(crate) fn digest_of_session(key: &str) -> blake3::Hash {
    blake3::hash(key.as_bytes())
}
