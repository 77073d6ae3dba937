//! The one access token of a collector that others can reach.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Bytes of a token that is made here; it is written in hexadecimal.
const MADE_BYTES: usize = 32;

/// The shortest token that is accepted from a file, in characters.
const SHORTEST: usize = 16;

/// The longest, in characters: it has to fit into a header.
const LONGEST: usize = 512;

/// What one has to show to ask questions. Its debug form does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read or made.
    #[error("cannot use the token file {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The file holds no token.
    #[error(
        "the token file {} must hold one line of {SHORTEST} to {LONGEST} visible ASCII characters; \
         delete it to have one made", path.display()
    )]
    Form {
        /// The file.
        path: PathBuf,
    },
}

impl Token {
    /// The token in the file `path`; one is made, readable for the owner alone, where no file is. Says whether it was made.
    ///
    /// # Errors
    /// The file cannot be read or made, or holds something else.
    pub fn load_or_make(path: &Path) -> Result<(Self, bool), TokenError> {
        let failed = |source| TokenError::File {
            path: path.to_owned(),
            source,
        };
        match fs::read_to_string(path) {
            Ok(text) => Self::read(&text)
                .map(|token| (token, false))
                .ok_or_else(|| TokenError::Form {
                    path: path.to_owned(),
                }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let token = Self::random().map_err(failed)?;
                token.keep(path).map_err(failed)?;
                Ok((token, true))
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// A token from its text, surrounding white space aside; `None` if it is none.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = (SHORTEST..=LONGEST).contains(&text.len());
        (fits && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| Self(text.to_owned()))
    }

    /// The text that has to be shown.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether `shown` is this token. The time it takes does not depend on where they differ.
    pub(crate) fn is(&self, shown: &str) -> bool {
        blake3::hash(self.0.as_bytes()) == blake3::hash(shown.trim().as_bytes())
    }

    /// What a browser keeps instead of the token: nobody gets the token out of it, and a new token ends it.
    pub(crate) fn session(&self) -> String {
        let key = blake3::derive_key("headcount dashboard session v1", self.0.as_bytes());
        blake3::Hash::from_bytes(key).to_hex().to_string()
    }

    /// Whether `shown` is the session of this token.
    pub(crate) fn is_session(&self, shown: &str) -> bool {
        blake3::hash(self.session().as_bytes()) == blake3::hash(shown.as_bytes())
    }

    fn random() -> io::Result<Self> {
        let mut bytes = [0; MADE_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self(blake3::Hash::from_bytes(bytes).to_hex().to_string()))
    }

    fn keep(&self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut options = OpenOptions::new();
        let _options = options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            let _options = options.mode(0o600);
        }
        let mut file = options.open(path)?;
        writeln!(file, "{}", self.0)?;
        file.sync_all()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_and_read_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("token");
        let (made, was_made) = Token::load_or_make(&path).unwrap();
        assert!(was_made);
        assert_eq!(made.reveal().len(), 2 * MADE_BYTES);
        assert_eq!(Token::load_or_make(&path).unwrap(), (made, false));
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_the_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let _token = Token::load_or_make(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_holds_no_token_is_refused_and_kept() {
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
                Token::load_or_make(&path),
                Err(TokenError::Form { .. })
            ));
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_token_its_session_and_nothing_else_is_recognised() {
        let token = Token::read("0123456789abcdef\n").unwrap();
        assert!(token.is("0123456789abcdef"));
        assert!(!token.is("0123456789abcdee"));
        assert!(token.is_session(&token.session()));
        assert!(!token.is(&token.session()));
        assert!(!token.is_session("0123456789abcdef"));
        assert!(!format!("{token:?}").contains("0123"));
    }
}
