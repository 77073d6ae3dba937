//! The access token of a data folder: whoever has it is an administrator.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use headcount_log::private_file::read_or_create as read_or_create_private_file;

use crate::secret::{Secret, session_key};

/// The shortest token accepted from a file, in characters.
const MIN_LENGTH: usize = 16;

/// The longest token, in characters: it must fit into a header.
const MAX_LENGTH: usize = 512;

/// The token that the first start makes, in a file that only its owner can read. Unlike those of a
/// [`TokenStore`](crate::TokenStore) its text is kept, so that commands on the same machine find it. `Debug` does not print it.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(String);

/// Why no token could be loaded.
#[derive(Debug, thiserror::Error)]
pub enum AccessTokenError {
    /// The file cannot be read or created.
    #[error("cannot open the token file {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file holds no valid token.
    #[error(
        "the token file {} must contain one line of {MIN_LENGTH} to {MAX_LENGTH} printable ASCII characters; \
         delete it to generate a new token", path.display()
    )]
    Form {
        /// The file.
        path: PathBuf,
    },
}

impl AccessToken {
    /// Loads the token from the file `path`. Generates one, readable only by the file's owner (mode 0600) and durable before
    /// it is returned, if there is no file; the flag says whether it did. To replace the token, delete the file and start
    /// the collector again.
    ///
    /// # Errors
    /// The file cannot be read or created, or its content is not a token.
    pub fn load_or_generate(path: &Path) -> Result<(Self, bool), AccessTokenError> {
        let failed = |source| AccessTokenError::File {
            path: path.to_owned(),
            source,
        };
        let fresh = format!("{}\n", Self::generate().map_err(failed)?.reveal());
        let (content, is_new) =
            read_or_create_private_file(path, fresh.as_bytes()).map_err(failed)?;
        let text = String::from_utf8_lossy(&content);
        let token = Self::parse(&text).ok_or_else(|| AccessTokenError::Form {
            path: path.to_owned(),
        })?;
        Ok((token, is_new))
    }

    /// Parses a token, ignoring surrounding white space.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = (MIN_LENGTH..=MAX_LENGTH).contains(&text.len());
        (fits && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| Self(text.to_owned()))
    }

    /// The secret text.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether `candidate` is this token. The time does not depend on where they differ.
    pub fn matches(&self, candidate: &str) -> bool {
        blake3::hash(self.0.as_bytes()) == blake3::hash(candidate.trim().as_bytes())
    }

    /// The name of the session cookie. Cookies of one host are shared by all its ports, so collectors on one machine need
    /// names of their own.
    pub fn session_cookie(&self) -> String {
        let key = blake3::derive_key("headcount dashboard cookie v1", self.0.as_bytes());
        let digest = blake3::Hash::from_bytes(key).to_hex();
        format!("headcount_session_{}", &digest[..8])
    }

    /// The value of the session cookie. It does not reveal the token, and a new token invalidates it.
    pub fn session(&self) -> String {
        session_key(&self.0)
    }

    /// Whether `candidate` is the session of this token.
    pub fn matches_session(&self, candidate: &str) -> bool {
        blake3::hash(self.session().as_bytes()) == blake3::hash(candidate.as_bytes())
    }

    fn generate() -> io::Result<Self> {
        Ok(Self(Secret::generate()?.reveal().to_owned()))
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AccessToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_token_is_generated_once_and_loaded_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("token");
        let (generated, is_new) = AccessToken::load_or_generate(&path).unwrap();
        assert!(is_new);
        assert!(
            Secret::parse(generated.reveal()).is_some(),
            "scanners find it"
        );
        assert_eq!(
            AccessToken::load_or_generate(&path).unwrap(),
            (generated, false)
        );
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        AccessToken::load_or_generate(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_file_without_a_valid_token_is_rejected_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        for text in [
            "",
            "short",
            "two words of some length",
            "ümläute sind keine",
        ] {
            fs::write(&path, text).unwrap();
            assert!(matches!(
                AccessToken::load_or_generate(&path),
                Err(AccessTokenError::Form { .. })
            ));
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn only_the_token_and_its_session_match() {
        let token = AccessToken::parse("0123456789abcdef\n").unwrap();
        assert!(token.matches("0123456789abcdef"));
        assert!(!token.matches("0123456789abcdee"));
        assert!(token.matches_session(&token.session()));
        assert!(!token.matches(&token.session()));
        assert!(!token.matches_session("0123456789abcdef"));
        assert!(!format!("{token:?}").contains("0123"));
    }
}
