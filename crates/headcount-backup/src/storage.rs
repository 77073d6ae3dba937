//! The place of a repository's files, behind one trait: a folder, or a bucket.
//!
//! Names are relative to the repository, with `/` between their parts. A file is there as a whole or not at all, and what was written or
//! removed is durable when the call returns, but for content, which is durable after [`ContentWriter::sync`].

use std::collections::HashSet;
use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;

use crate::error::BackupError;

/// The folder of content.
pub(crate) const CONTENT: &str = "content";

/// A file of content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContentFile {
    /// Its name in the repository.
    pub(crate) name: String,
    /// The BLAKE3 that it is named after.
    pub(crate) hash: String,
    /// Bytes.
    pub(crate) size: u64,
}

/// The purpose for which a command locks a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It adds a point and content, and removes nothing that another point needs.
    Adding,
    /// It removes points, and the content that no other point names.
    Removing,
}

/// Why a repository was not locked.
#[derive(Debug)]
pub(crate) enum LockError {
    /// Another process has the lock.
    Held,
    /// It could not be locked.
    Io(io::Error),
}

impl From<io::Error> for LockError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The lock of a repository, held until it is dropped.
pub(crate) trait Lock: fmt::Debug {
    /// Makes sure, before the removal of files, that the lock will be held until that is over.
    ///
    /// # Errors
    ///
    /// Another process may have taken it.
    fn renew(&mut self) -> io::Result<()>;
}

/// Where a repository is.
pub(crate) trait Storage: fmt::Debug + Send + Sync {
    /// A file as messages name it; the repository itself for an empty name.
    fn full_name(&self, name: &str) -> PathBuf;

    /// Makes the place, unless it exists. Fails where the place cannot keep what [`Storage`] promises.
    fn make(&self) -> io::Result<()>;

    /// Whether there are files of others, and no repository.
    fn has_foreign_files(&self) -> io::Result<bool>;

    /// Locks the repository for a command that writes.
    fn lock(&self, purpose: Purpose) -> Result<Box<dyn Lock + '_>, LockError>;

    /// The whole content of a file.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;

    /// A file of `size` bytes to read.
    fn open(&self, name: &str, size: u64) -> io::Result<Box<dyn Read + '_>>;

    /// Announces the files that will be opened, in this sequence, with their sizes. A place that is far away reads ahead.
    fn expect(&self, _files: Vec<(String, u64)>) {}

    /// The names in a folder, in their order, without the folder's; none where there is no such folder.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;

    /// Writes a file that does not exist.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AlreadyExists`] where another one does; it is left as it is.
    fn create(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Removes files, in this sequence where they have one folder. One that does not exist is none.
    fn remove(&self, names: &[String]) -> io::Result<()>;

    /// Every file of content.
    fn content(&self) -> io::Result<Vec<ContentFile>>;

    /// Where a file of content is.
    fn content_name(&self, hash: &str) -> String {
        let folder = hash.get(..2).unwrap_or("__");
        format!("{CONTENT}/{folder}/{hash}")
    }

    /// Stores content. `damaged` is to be stored again although it is there.
    fn writer(&self, damaged: HashSet<String>) -> io::Result<Box<dyn ContentWriter + '_>>;

    /// Returns when every removal is over that began before the call, and whether one may have taken content that a point named which was
    /// added meanwhile.
    fn await_removals(&self) -> io::Result<bool>;
}

/// Stores content under the BLAKE3 of its bytes.
pub(crate) trait ContentWriter {
    /// Whether the content is there, by its name and size, and is not known to be damaged. If so it is as durable as new content after
    /// [`ContentWriter::sync`].
    fn has(&mut self, hash: &str, size: u64) -> bool;

    /// Stores what a source reads. It is durable after [`ContentWriter::sync`].
    fn put(&mut self, source: &mut dyn Source) -> Result<Stored, PutError>;

    /// Makes everything durable that was stored, or found, so far.
    fn sync(&mut self) -> Result<(), BackupError>;
}

/// Bytes to store, which can be read more than once.
pub(crate) trait Source {
    /// The bytes, from their beginning.
    fn open(&mut self) -> io::Result<Box<dyn Read>>;
}

/// What was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) hash: String,
    pub(crate) size: u64,
    /// Whether it was not there before, or damaged.
    pub(crate) is_new: bool,
}

/// Why something was not stored.
#[derive(Debug)]
pub(crate) enum PutError {
    /// The source could not be read.
    Read(io::Error),
    /// It could not be written.
    Write(BackupError),
}
