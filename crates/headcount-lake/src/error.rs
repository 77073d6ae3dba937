//! What can go wrong, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headcount_catalog::CodecError;
use headcount_log::LogError;

/// Why a store could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The log, or a file of the data folder outside the tables, could not be used.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A file or folder of a table could not be read or written.
    #[error("could not {action} {path}")]
    Io {
        /// The operation that failed.
        action: &'static str,
        /// Its file or folder.
        path: PathBuf,
        /// The file system's reason.
        source: io::Error,
    },
    /// A file of a table is damaged.
    #[error("{path} is damaged at byte {offset}: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The damage's place in it.
        offset: u64,
        /// The kind of damage.
        reason: String,
    },
    /// The content of a table's Parquet file cannot be read.
    #[error("cannot read {path}")]
    UnreadableFile {
        /// The file.
        path: PathBuf,
        /// The reader's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file of a table, readable by itself, does not fit the other files of the table.
    #[error("{path} does not fit the other files of its table: {reason}")]
    IncompatibleFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A record in the memtable does not follow the codec.
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
        "table {table} uses the Delta feature {feature}, which Headcount does not support; drop the feature from the table with the program that added it (in Spark: ALTER TABLE … DROP FEATURE)"
    )]
    UnsupportedFeature {
        /// The table.
        table: String,
        /// The feature, as the protocol names it.
        feature: String,
    },
    /// Another program deleted rows of a file without rewriting the file.
    #[error(
        "{path} has a deletion vector, which Headcount does not support; rewrite the file with the program that deleted the rows (in Spark: REORG TABLE … APPLY (PURGE))"
    )]
    DeletionVector {
        /// The file.
        path: PathBuf,
    },
    /// Another process found that a table cannot be read.
    #[error("{reason}")]
    Reported {
        /// The text of its error.
        reason: String,
    },
    /// A table's log could not be read or written.
    #[error("the log of table {table} could not be used")]
    Delta {
        /// The table.
        table: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A table's log could not be read when the store was opened.
    #[error("{0}; restore the file from a backup and start the collector again")]
    Broken(Arc<LakeError>),
    /// Columns could not be built, sorted or written.
    #[error("could not convert rows")]
    Arrow(#[from] arrow::error::ArrowError),
    /// A Parquet file could not be read or written.
    #[error("could not read or write a parquet file")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// The write-ahead log was flushed again and again while it was read.
    #[error("the write-ahead log of {folder} changes faster than it can be read; try again")]
    Changing {
        /// The data folder.
        folder: PathBuf,
    },
    /// The store was closed, or its log has stopped.
    #[error("the store is closed")]
    Closed,
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

    /// The error's text with those of its causes.
    pub(crate) fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
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

/// Whether the operating system says that the medium cannot be read (`EIO`), which is damage, and no refusal that may pass.
pub(crate) fn is_bad_medium(error: &io::Error) -> bool {
    const EIO: i32 = 5;
    error.raw_os_error() == Some(EIO)
}
