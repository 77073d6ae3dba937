//! The content of backed-up files, each stored once under the BLAKE3 of its bytes, as a restore and a verification read it.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::BackupError;
use crate::storage::{Lock, Storage};

/// Bytes that are read at a time.
const BUFFER: usize = 256 << 10;
/// Files that are removed between two looks at the lock.
const REMOVED_AT_A_TIME: usize = 1000;

/// The content of all points.
#[derive(Debug, Clone)]
pub(crate) struct ContentStore {
    storage: Arc<dyn Storage>,
}

/// Why content was not read.
#[derive(Debug)]
pub(crate) enum GetError {
    /// It is not what was stored.
    Damaged(String),
    /// It could not be read now, and may be whole.
    Read(io::Error),
    /// It could not be written to where it was to go.
    Write(io::Error),
}

impl ContentStore {
    /// The content of a repository.
    pub(crate) fn new(storage: Arc<dyn Storage>) -> Self {
        Self { storage }
    }

    /// Where the content with this hash is, for messages.
    pub(crate) fn path(&self, hash: &str) -> PathBuf {
        self.storage.full_name(&self.storage.content_name(hash))
    }

    /// Announces the content that will be read, in this sequence.
    pub(crate) fn expect<'a>(&self, files: impl Iterator<Item = (&'a str, u64)>) {
        let mut seen = BTreeSet::new();
        let files = files.filter(|(hash, _)| seen.insert(*hash));
        let named = files.map(|(hash, size)| (self.storage.content_name(hash), size));
        self.storage.expect(named.collect());
    }

    /// Writes the content to `to`. Fails where it is not `size` bytes with this hash; what was written is to be thrown away then.
    pub(crate) fn get(
        &self,
        hash: &str,
        size: u64,
        to: &mut dyn io::Write,
    ) -> Result<(), GetError> {
        let missing = || GetError::Damaged("it is missing in the backup".to_owned());
        let mut file = match self.storage.open(&self.storage.content_name(hash), size) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(missing()),
            Err(error) => return Err(GetError::Read(error)),
        };
        let mut buffer = vec![0; BUFFER];
        let (mut hasher, mut length) = (blake3::Hasher::new(), 0);
        loop {
            let read = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(missing()),
                Err(error) => return Err(GetError::Read(error)),
            };
            length += read as u64;
            hasher.update(&buffer[..read]);
            to.write_all(&buffer[..read]).map_err(GetError::Write)?;
        }
        if length != size {
            return Err(GetError::Damaged(format!(
                "it has {length} bytes in the backup instead of {size}"
            )));
        }
        if hasher.finalize().to_hex().as_str() != hash {
            return Err(GetError::Damaged(
                "its bytes in the backup are not those that were written".to_owned(),
            ));
        }
        Ok(())
    }

    /// Removes everything but `kept`, durably; returns the number of files and their bytes.
    pub(crate) fn retain(
        &self,
        kept: &BTreeSet<&str>,
        lock: &mut dyn Lock,
    ) -> Result<(u64, u64), BackupError> {
        let content = self.storage.content();
        let content =
            content.map_err(BackupError::io("list", self.storage.full_name("content")))?;
        let unneeded: Vec<_> = { content.into_iter() }
            .filter(|file| !kept.contains(file.hash.as_str()))
            .collect();
        for some in unneeded.chunks(REMOVED_AT_A_TIME) {
            let names: Vec<String> = some.iter().map(|file| file.name.clone()).collect();
            let removed = lock.renew().and_then(|()| self.storage.remove(&names));
            let first = names.first().map_or("", String::as_str);
            removed.map_err(BackupError::io("remove", self.storage.full_name(first)))?;
        }
        let bytes = unneeded.iter().map(|file| file.size).sum();
        Ok((unneeded.len() as u64, bytes))
    }
}
