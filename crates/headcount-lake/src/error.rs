//! What can go wrong, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use headcount_catalog::CodecError;

/// Why a store could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// Another process writes this folder.
    #[error("{folder} is in use by another collector; stop it, or choose another data folder")]
    Locked {
        /// The data folder.
        folder: PathBuf,
    },
    /// A file or folder could not be read or written.
    #[error("could not {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file of the store is damaged.
    #[error("{path} is damaged at byte {offset}: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
    /// A record in the log or memtable does not follow the codec.
    #[error("a stored record cannot be read")]
    Codec(#[from] CodecError),
    /// A column's type in the catalog differs from the table's.
    #[error(
        "column {column} of table {table} is {stored} in the store but {wanted} in the catalog; a column cannot change its type, so give the field a new name"
    )]
    ColumnType {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The type in the table.
        stored: String,
        /// The type in the catalog.
        wanted: String,
    },
    /// A table uses a feature of the Delta protocol that is not implemented here.
    #[error(
        "table {table} uses the Delta feature {feature}, which Headcount does not support; remove the feature from the table, or restore the table to the version before it"
    )]
    UnsupportedFeature {
        /// The table.
        table: String,
        /// The feature, as the protocol names it.
        feature: String,
    },
    /// Another program deleted rows of a file without writing the file anew.
    #[error(
        "{path} has a deletion vector, which Headcount does not support; rewrite the file with the program that deleted the rows (in Spark: REORG TABLE … APPLY (PURGE))"
    )]
    DeletionVector {
        /// The file.
        path: PathBuf,
    },
    /// A table's log could not be read or written.
    #[error("the log of table {table} could not be used")]
    Delta {
        /// The table.
        table: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Columns could not be built, sorted or written.
    #[error("could not convert rows")]
    Arrow(#[from] arrow::error::ArrowError),
    /// A Parquet file could not be read or written.
    #[error("could not read or write a parquet file")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// The store was closed, or its log has stopped.
    #[error("the store is closed")]
    Closed,
}

/// An error with the chain of its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

impl LakeError {
    pub(crate) fn io(
        action: &'static str,
        path: impl AsRef<Path>,
    ) -> impl FnOnce(io::Error) -> LakeError {
        let path = path.as_ref().to_path_buf();
        move |source| LakeError::Io {
            action,
            path,
            source,
        }
    }

    pub(crate) fn delta(
        table: &str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> LakeError {
        LakeError::Delta {
            table: table.to_owned(),
            source: source.into(),
        }
    }
}

/// Why an order to erase was not taken. It may be given again.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OrderError {
    /// As many orders wait as the store remembers.
    #[error("too many orders to erase wait; ask again later")]
    TooMany,
    /// The disk is full.
    #[error("the disk is full")]
    DiskFull,
    /// The order could not be written; whether it will be carried out after a restart is unknown until it is given again.
    #[error("the order could not be written: {0}")]
    Store(String),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

/// Why a batch was not stored. Nothing of it is acknowledged; the sender may send it again.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// The disk is full. The store keeps answering queries, and takes batches again as soon as there is space.
    #[error("the disk is full")]
    DiskFull,
    /// The log could not be written or fsynced; whether the batch survives a crash is unknown until it is sent again.
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
