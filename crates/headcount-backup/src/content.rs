//! The content of backed-up files, each stored once under the BLAKE3 of its bytes.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headcount_log::disk::{Disk, DiskEntry, DiskFile};

use crate::error::BackupError;

/// Bytes that are copied at a time.
const BUFFER: usize = 256 << 10;

/// The folder with the content of all points.
#[derive(Debug)]
pub(crate) struct ContentStore {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    /// Folders with names that are not durable yet.
    unsynced: BTreeSet<PathBuf>,
}

/// What was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) content: String,
    pub(crate) size: u64,
    /// Whether it was not there before.
    pub(crate) is_new: bool,
}

/// Why something was not stored.
#[derive(Debug)]
pub(crate) enum PutError {
    /// What was to be stored could not be read.
    Read(io::Error),
    /// It could not be written.
    Write(BackupError),
}

impl ContentStore {
    /// The content of the repository `repository`.
    pub(crate) fn new(disk: Arc<dyn Disk>, repository: &Path) -> Self {
        Self {
            disk,
            root: repository.join("content"),
            unsynced: BTreeSet::new(),
        }
    }

    /// Where the content with this hash is.
    pub(crate) fn path(&self, content: &str) -> PathBuf {
        let folder = content.get(..2).unwrap_or("__");
        self.root.join(folder).join(content)
    }

    /// Whether the content is there, by its name and length.
    pub(crate) fn has(&self, content: &str, size: u64) -> bool {
        let metadata = self.disk.metadata(&self.path(content));
        metadata.is_ok_and(|metadata| metadata.length == size && !metadata.is_folder)
    }

    /// Stores what `from` reads. It is durable after [`ContentStore::sync`].
    pub(crate) fn put(&mut self, from: &mut dyn Read) -> Result<Stored, PutError> {
        let write = |error| PutError::Write(error);
        self.disk
            .create_folder(&self.root)
            .map_err(BackupError::io("create", &self.root))
            .map_err(write)?;
        let unfinished = self
            .root
            .join(format!(".{}.tmp", uuid::Uuid::new_v4().simple()));
        let stored = self.put_through(from, &unfinished);
        if stored.as_ref().is_ok_and(|stored| stored.is_new) {
            return stored;
        }
        // It is there already, or was not read to its end. One that stays is removed by the next backup.
        let _ = self.disk.remove(&unfinished);
        stored
    }

    fn put_through(&mut self, from: &mut dyn Read, unfinished: &Path) -> Result<Stored, PutError> {
        let failed = |action| {
            let wrap = BackupError::io(action, unfinished);
            |error| PutError::Write(wrap(error))
        };
        let mut file = self
            .disk
            .create_private(unfinished)
            .map_err(failed("create"))?;
        let (hash, size) = copy(from, &mut *file).map_err(|error| match error {
            CopyError::Read(error) => PutError::Read(error),
            CopyError::Write(error) => failed("write")(error),
        })?;
        let content = hash.to_hex().to_string();
        if self.has(&content, size) {
            return Ok(Stored {
                content,
                size,
                is_new: false,
            });
        }
        file.sync().map_err(failed("sync"))?;
        drop(file);
        let path = self.path(&content);
        let folder = path.parent().unwrap_or(&self.root).to_path_buf();
        self.disk
            .create_folder(&folder)
            .map_err(failed("create the folder of"))?;
        self.disk
            .rename(unfinished, &path)
            .map_err(failed("rename"))?;
        self.unsynced.insert(folder);
        Ok(Stored {
            content,
            size,
            is_new: true,
        })
    }

    /// Makes everything stored so far durable.
    pub(crate) fn sync(&mut self) -> Result<(), BackupError> {
        for folder in std::mem::take(&mut self.unsynced) {
            self.disk
                .sync_folder(&folder)
                .map_err(BackupError::io("sync", &folder))?;
        }
        Ok(())
    }

    /// Writes the content to `to`. Fails where it is not `size` bytes with this hash; what was written is to be thrown away then.
    pub(crate) fn get(
        &self,
        content: &str,
        size: u64,
        to: &mut dyn io::Write,
    ) -> Result<(), GetError> {
        let mut file = match self.disk.open(&self.path(content)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(GetError::Damaged("it is missing in the backup".to_owned()));
            }
            Err(error) => return Err(GetError::Read(error)),
        };
        let mut buffer = vec![0; BUFFER];
        let (mut hasher, mut length) = (blake3::Hasher::new(), 0);
        loop {
            let read = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
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
        if hasher.finalize().to_hex().as_str() != content {
            return Err(GetError::Damaged(
                "its bytes in the backup are not those that were written".to_owned(),
            ));
        }
        Ok(())
    }

    /// Removes what a backup left that was killed.
    pub(crate) fn remove_unfinished(&self) -> Result<(), BackupError> {
        for entry in self.list(&self.root)? {
            if entry.name.ends_with(".tmp") {
                self.remove(&entry.path)?;
            }
        }
        Ok(())
    }

    /// Removes everything but `kept`, durably; returns the number of files and their bytes.
    pub(crate) fn retain(&self, kept: &BTreeSet<&str>) -> Result<(u64, u64), BackupError> {
        let (mut files, mut bytes) = (0, 0);
        for folder in self.list(&self.root)? {
            if folder.name.len() != 2 {
                continue;
            }
            let mut is_changed = false;
            for entry in self.list(&folder.path)? {
                if kept.contains(entry.name.as_str()) {
                    continue;
                }
                let length = self.disk.metadata(&entry.path);
                bytes += length.map_or(0, |metadata| metadata.length);
                files += 1;
                self.remove(&entry.path)?;
                is_changed = true;
            }
            if is_changed {
                self.disk
                    .sync_folder(&folder.path)
                    .map_err(BackupError::io("sync", &folder.path))?;
            }
        }
        Ok((files, bytes))
    }

    fn remove(&self, path: &Path) -> Result<(), BackupError> {
        self.disk
            .remove(path)
            .map_err(BackupError::io("remove", path))
    }

    fn list(&self, folder: &Path) -> Result<Vec<DiskEntry>, BackupError> {
        match self.disk.list(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            listed => listed.map_err(BackupError::io("list", folder)),
        }
    }
}

/// Why content was not read.
#[derive(Debug)]
pub(crate) enum GetError {
    /// It is not what was stored.
    Damaged(String),
    /// The operating system refused to read it.
    Read(io::Error),
    /// It could not be written to where it was to go.
    Write(io::Error),
}

/// The side on which copying failed.
enum CopyError {
    Read(io::Error),
    Write(io::Error),
}

fn copy(from: &mut dyn Read, to: &mut dyn DiskFile) -> Result<(blake3::Hash, u64), CopyError> {
    let mut buffer = vec![0; BUFFER];
    let (mut hasher, mut size) = (blake3::Hasher::new(), 0);
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok((hasher.finalize(), size)),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(CopyError::Read(error)),
        };
        size += read as u64;
        hasher.update(&buffer[..read]);
        to.write_all(&buffer[..read]).map_err(CopyError::Write)?;
    }
}
