//! What can go wrong, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use headcount_catalog::CodecError;

/// Why a file of the log, or the data folder around it, could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Another process writes this folder.
    #[error("{folder} is in use by another collector; stop it, or choose another data folder")]
    Locked {
        /// The data folder.
        folder: PathBuf,
    },
    /// A restore to this folder was not finished.
    #[error("{folder} is an unfinished restore; remove it, and run `headcount restore` again")]
    UnfinishedRestore {
        /// The data folder.
        folder: PathBuf,
    },
    /// A file or folder could not be read or written.
    #[error("could not {action} {path}")]
    Io {
        /// The operation that failed.
        action: &'static str,
        /// Its file or folder.
        path: PathBuf,
        /// The file system's reason.
        source: io::Error,
    },
    /// A later version of the program wrote a file.
    #[error(
        "{path} has format version {found}, and this program reads up to version {supported}: a newer version of Headcount wrote it; start that \
         version or a later one, or restore a backup from before the upgrade to another folder"
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version that is understood.
        supported: u32,
    },
    /// A file is damaged.
    #[error("{path} is damaged at byte {offset}: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The damage's place in it.
        offset: u64,
        /// The kind of damage.
        reason: String,
    },
    /// A record in the log does not follow the codec.
    #[error("a stored record cannot be read")]
    Codec(#[from] CodecError),
    /// The log was closed.
    #[error("the store is closed")]
    Closed,
}

impl LogError {
    /// Wraps the error of `action` on `path`, for `map_err`.
    pub fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

/// Why an order to erase was not accepted. It may be given again.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OrderError {
    /// Pending orders already name as many receipts as the store remembers.
    #[error("too many orders to erase are pending; try again later")]
    TooMany,
    /// The disk is full.
    #[error("the disk is full")]
    DiskFull,
    /// The order could not be written. Until it is given again, it is unknown whether a restart would carry it out.
    #[error("the order could not be written: {0}")]
    Store(String),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl From<&io::Error> for OrderError {
    fn from(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Store(error.to_string()),
        }
    }
}

/// Why a batch was not stored. Nothing of it is acknowledged; the sender may send it again.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// The disk is full. The store keeps answering queries, and takes batches again as soon as there is space.
    #[error("the disk is full")]
    DiskFull,
    /// The log could not be written or fsynced. Until the batch is sent again, it is unknown whether it survives a crash.
    #[error("the write-ahead log could not be written: {0}")]
    Log(String),
    /// Flushes lag so far behind that the memtable is at its limit.
    #[error("the store cannot keep up; send again later")]
    Overloaded,
    /// The batch is larger than one log frame may be.
    #[error("the batch is {0} bytes, more than the log takes at once; send smaller requests")]
    TooLarge(usize),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl From<&io::Error> for AppendError {
    fn from(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Log(error.to_string()),
        }
    }
}
