//! What can go wrong, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use headcount_lake::LakeError;

/// Why a backup could not be made, read or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file, folder or object of the repository, or of the folder that is restored to, could not be read or written.
    #[error("could not {action} {path}")]
    Io {
        /// The operation that failed.
        action: &'static str,
        /// Its file or folder, or the address of an object.
        path: PathBuf,
        /// The reason of the file system, or of the bucket's store.
        source: io::Error,
    },
    /// The data folder could not be read.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// A folder is no repository that could be read.
    #[error("{folder} is no backup repository; give one that `headcount backup` made")]
    NotARepository {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder that backups were to go to has other content.
    #[error(
        "{folder} has other content than backups; give a repository that `headcount backup` made, or an empty folder or prefix to make one"
    )]
    OtherContent {
        /// The folder.
        folder: PathBuf,
    },
    /// A later version of the program made the repository.
    #[error(
        "{folder} has format {format} of backups, which is newer than this program; use the version that wrote it"
    )]
    Format {
        /// The repository.
        folder: PathBuf,
        /// Its format.
        format: u64,
    },
    /// The repository belongs to another data folder.
    #[error(
        "{folder} has the backups of another data folder, whose id is {theirs} (this one's is {ours}); give each data folder a repository of its own"
    )]
    OtherFolder {
        /// The repository.
        folder: PathBuf,
        /// The id of the data folder that is in it.
        theirs: String,
        /// The id of the data folder that was to be added.
        ours: String,
    },
    /// Another process writes to the repository.
    #[error("another `headcount backup` is writing to {folder}; wait until it has ended")]
    Locked {
        /// The repository.
        folder: PathBuf,
    },
    /// Another command has added a point with the same id at the same moment.
    #[error(
        "{folder} has a point {id} of another backup that ran at the same time; run this one again"
    )]
    PointExists {
        /// The repository.
        folder: PathBuf,
        /// The point.
        id: String,
    },
    /// The repository has no such point.
    #[error("{folder} has no point {id}; `headcount backup list` shows what it has")]
    NoSuchPoint {
        /// The repository.
        folder: PathBuf,
        /// The point.
        id: String,
    },
    /// The repository has no point at all.
    #[error("{folder} has no backup in it yet")]
    Empty {
        /// The repository.
        folder: PathBuf,
    },
    /// The list of a point's files is not as it was written.
    #[error(
        "{path} is damaged: {reason}; choose another point, and remove this file to lose the point and keep the others"
    )]
    DamagedPoint {
        /// The file.
        path: PathBuf,
        /// The kind of damage.
        reason: String,
    },
    /// Files of a point are not as they were written.
    #[error(
        "the backup is damaged: {} of the point's files cannot be restored, the first is {} ({}); choose another point, or restore the \
         others with --partial", damage.len(), damage[0].path, damage[0].problem
    )]
    DamagedContent {
        /// What is damaged; at least one.
        damage: Vec<DamagedContent>,
    },
    /// The folder to restore to has something in it.
    #[error("{folder} is not empty; restore to a folder that is empty or does not exist")]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
    },
    /// The restored folder does not hold what was backed up.
    #[error(
        "the restored table {table} has {found} rows, and the backup says {expected}; the folder is left as it is, and no server starts on it"
    )]
    Mismatch {
        /// The table.
        table: String,
        /// The number in the backup.
        expected: u64,
        /// The number in the folder, or what is wrong with it.
        found: String,
    },
    /// The folder is restored, and rows that are to be erased are still in it.
    #[error(
        "everything is restored, but rows whose erasure was ordered are not erased yet; a server on the folder tries again when it starts"
    )]
    NotErased {
        /// Why not.
        source: LakeError,
    },
    /// The data folder changes faster than it can be copied.
    #[error(
        "files of {folder} are replaced faster than they can be copied to the backup; nothing that was copied is lost, so try again"
    )]
    Changing {
        /// The data folder.
        folder: PathBuf,
    },
}

/// A file of a point that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedContent {
    /// Its path in the data folder.
    pub path: String,
    /// The file of the repository that holds it.
    pub content: PathBuf,
    /// What is wrong with that.
    pub problem: String,
}

impl BackupError {
    /// Wraps the error of `action` on `path`, for `map_err`.
    pub(crate) fn io(
        action: &'static str,
        path: impl AsRef<Path>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
