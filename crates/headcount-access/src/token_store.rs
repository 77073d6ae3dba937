//! The tokens of a data folder: the file `tokens.json`, described in `docs/formats/access.md`.
//!
//! Commands change it and a running collector reads it, without a word between them: a change replaces the file as a whole. Two
//! commands at once take turns by a lock on `tokens.lock`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, SubsecRound as _, Utc};
use serde::{Deserialize, Serialize};

use crate::owner::give_to_owner_of;
use crate::role::Role;
use crate::secret::Secret;

/// The version of the file's format.
const VERSION: u32 = 1;

/// The longest name, in characters.
const MAX_NAME: usize = 64;

/// A token as it is stored: everything but the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// Eight hexadecimal digits, which are also part of the token.
    pub id: String,
    /// What people call it; empty without a name.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// When it ends; never if `None`.
    pub expires: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked: Option<DateTime<Utc>>,
    pub(crate) digest: blake3::Hash,
}

impl TokenRecord {
    /// Whether the token is good at `time`.
    pub fn is_valid_at(&self, time: DateTime<Utc>) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|end| time < end)
    }
}

/// Why the tokens cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum TokenStoreError {
    /// The file cannot be read or written.
    #[error("cannot read or write the tokens in {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A later version of the program wrote the file.
    #[error(
        "{} has format version {found}, and this program reads version {VERSION}: a newer version of Headcount wrote it; start that version or a \
         later one, or restore the file from before the upgrade",
        path.display()
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// The file is not one of ours.
    #[error(
        "the tokens in {} cannot be understood: {reason}; restore the file, or remove it and make new tokens with `headcount token new`",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// A name that cannot be used.
    #[error(
        "a name has 1 to {MAX_NAME} letters, digits or characters of `-_.@:/ `, and is not an id"
    )]
    Name,
    /// Another valid token has the name.
    #[error("the token {id} is already called `{name}`; revoke it first, or choose another name")]
    Taken {
        /// The id of the other token.
        id: String,
        /// The name.
        name: String,
    },
    /// No token that could be revoked has this id or name.
    #[error("no valid token has the id or the name `{0}`; `headcount token list` shows them")]
    Unknown(String),
}

/// The one field that each version of the file has.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// The file as written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredTokens {
    version: u32,
    tokens: Vec<StoredToken>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredToken {
    id: String,
    name: String,
    role: String,
    hash: String,
    created: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked: Option<String>,
}

/// What tells one state of the file from another: it is replaced, never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileStamp {
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

/// The tokens of one data folder.
#[derive(Debug, Clone)]
pub struct TokenStore {
    folder: PathBuf,
}

impl TokenStore {
    /// The tokens of the data folder `data`, which may have none yet.
    pub fn of(data: &Path) -> Self {
        Self {
            folder: data.to_owned(),
        }
    }

    /// All tokens, in the order in which they were made, with those that are revoked or have expired.
    ///
    /// # Errors
    /// The file cannot be read or understood. That it does not exist is no error.
    pub fn list(&self) -> Result<Vec<TokenRecord>, TokenStoreError> {
        let text = match fs::read(self.path()) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(self.failed(source)),
        };
        // By itself: a later version may have other fields.
        if let Ok(Versioned { version: found }) = serde_json::from_slice(&text)
            && found > VERSION
        {
            let path = self.path();
            return Err(TokenStoreError::NewerFormat { path, found });
        }
        let stored: StoredTokens =
            serde_json::from_slice(&text).map_err(|error| self.damaged(error.to_string()))?;
        if stored.version != VERSION {
            let version = stored.version;
            return Err(self.damaged(format!(
                "its version is {version}, and this program knows {VERSION}"
            )));
        }
        let records = stored.tokens.iter().map(record_of);
        records
            .collect::<Result<_, _>>()
            .map_err(|reason| self.damaged(reason))
    }

    /// Makes a token. Its text is returned here and nowhere else.
    ///
    /// # Errors
    /// The name cannot be used, or the file cannot be read or written.
    pub fn create(
        &self,
        role: Role,
        name: &str,
        expires: Option<DateTime<Utc>>,
    ) -> Result<(Secret, TokenRecord), TokenStoreError> {
        let name = name.trim();
        if !is_name(name) {
            return Err(TokenStoreError::Name);
        }
        let secret = Secret::generate().map_err(|source| self.failed(source))?;
        let record = TokenRecord {
            id: secret.id().to_owned(),
            name: name.to_owned(),
            role,
            created: now(),
            expires: expires.map(|end| end.trunc_subsecs(3)),
            revoked: None,
            digest: secret.digest(),
        };
        self.change(|records| {
            let now = now();
            let mut valid = records.iter().filter(|known| known.is_valid_at(now));
            let taken = valid.find(|known| !name.is_empty() && known.name == name);
            if let Some(other) = taken {
                return Err(TokenStoreError::Taken {
                    id: other.id.clone(),
                    name: name.to_owned(),
                });
            }
            records.push(record.clone());
            Ok(())
        })?;
        Ok((secret, record))
    }

    /// Revokes the valid token with this id or name; returns it.
    ///
    /// # Errors
    /// There is none, or the file cannot be read or written.
    pub fn revoke(&self, id_or_name: &str) -> Result<TokenRecord, TokenStoreError> {
        let wanted = id_or_name.trim();
        let mut revoked = None;
        self.change(|records| {
            let is_wanted = |known: &TokenRecord| {
                let is_named = !wanted.is_empty() && known.name == wanted;
                known.revoked.is_none() && (known.id == wanted || is_named)
            };
            // The last one: an expired token may have had the same name.
            let found = records.iter_mut().rev().find(|known| is_wanted(known));
            let record = found.ok_or_else(|| TokenStoreError::Unknown(wanted.to_owned()))?;
            record.revoked = Some(now());
            revoked = Some(record.clone());
            Ok(())
        })?;
        revoked.ok_or_else(|| TokenStoreError::Unknown(wanted.to_owned()))
    }

    /// The state of the file; `None` if there is none.
    pub(crate) fn stamp(&self) -> Option<FileStamp> {
        let metadata = fs::metadata(self.path()).ok()?;
        Some(FileStamp {
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }

    /// Changes the file while no other process does, durably and as a whole.
    fn change(
        &self,
        edit: impl FnOnce(&mut Vec<TokenRecord>) -> Result<(), TokenStoreError>,
    ) -> Result<(), TokenStoreError> {
        let lock = private().open(self.folder.join("tokens.lock"));
        let lock = lock.and_then(|file| {
            give_to_owner_of(&self.folder, &file)?;
            file.lock().map(|()| file)
        });
        let _lock: File = lock.map_err(|source| self.failed(source))?;
        let mut records = self.list()?;
        edit(&mut records)?;
        self.replace(&records).map_err(|source| self.failed(source))
    }

    fn replace(&self, records: &[TokenRecord]) -> io::Result<()> {
        let stored = StoredTokens {
            version: VERSION,
            tokens: records.iter().map(stored_of).collect(),
        };
        let mut text = serde_json::to_vec_pretty(&stored)?;
        text.push(b'\n');
        let unfinished = self.folder.join(".tokens.json.new");
        let mut file = private().truncate(true).open(&unfinished)?;
        give_to_owner_of(&self.folder, &file)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(unfinished, self.path())?;
        File::open(&self.folder)?.sync_all()
    }

    fn path(&self) -> PathBuf {
        self.folder.join("tokens.json")
    }

    fn failed(&self, source: io::Error) -> TokenStoreError {
        TokenStoreError::File {
            path: self.path(),
            source,
        }
    }

    fn damaged(&self, reason: String) -> TokenStoreError {
        TokenStoreError::Damaged {
            path: self.path(),
            reason,
        }
    }
}

/// The time, as exactly as it is stored.
fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(3)
}

/// Opens a file for writing that only its owner can read, and creates it if it is missing.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options
}

/// Whether a token may have the name. An id as a name would be ambiguous in `revoke`.
fn is_name(name: &str) -> bool {
    let is_allowed = |letter: char| letter.is_alphanumeric() || "-_.@:/ ".contains(letter);
    let is_id = name.len() == 8 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    name.chars().count() <= MAX_NAME && name.chars().all(is_allowed) && !is_id
}

fn stored_of(record: &TokenRecord) -> StoredToken {
    let text = |time: &DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
    StoredToken {
        id: record.id.clone(),
        name: record.name.clone(),
        role: record.role.name().to_owned(),
        hash: record.digest.to_hex().to_string(),
        created: text(&record.created),
        expires: record.expires.as_ref().map(text),
        revoked: record.revoked.as_ref().map(text),
    }
}

fn record_of(stored: &StoredToken) -> Result<TokenRecord, String> {
    let id = &stored.id;
    let time = |text: &str| {
        let parsed = DateTime::parse_from_rfc3339(text);
        parsed
            .map(|time| time.with_timezone(&Utc))
            .map_err(|_| format!("the token {id} has the time `{text}`"))
    };
    Ok(TokenRecord {
        id: id.clone(),
        name: stored.name.clone(),
        role: stored.role.parse()?,
        created: time(&stored.created)?,
        expires: stored.expires.as_deref().map(time).transpose()?,
        revoked: stored.revoked.as_deref().map(time).transpose()?,
        digest: blake3::Hash::from_hex(&stored.hash)
            .map_err(|_| format!("the hash of the token {id} is not 64 hexadecimal digits"))?,
    })
}
