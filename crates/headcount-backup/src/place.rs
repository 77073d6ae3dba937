//! The address of a repository: the path of a folder, or what names a bucket.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headcount_bucket::{AddressError, BucketAddress, is_address};
use headcount_log::disk::{Disk, RealDisk};

use crate::bucket_storage::BucketStorage;
use crate::error::BackupError;
use crate::folder_storage::FolderStorage;
use crate::storage::Storage;

/// Where a repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A folder of this machine's file systems.
    Folder(PathBuf),
    /// A bucket, or what is below a prefix in one.
    Bucket(BucketAddress),
}

impl Place {
    /// Reads what somebody wrote: `s3://BUCKET/PREFIX` (also `gs://`, `az://`), or the path of a folder.
    ///
    /// # Errors
    ///
    /// The text begins with a scheme, and names no bucket.
    pub fn of(text: OsString) -> Result<Self, AddressError> {
        match text.to_str().filter(|text| is_address(text)) {
            Some(address) => Ok(Self::Bucket(address.parse()?)),
            None => Ok(Self::Folder(PathBuf::from(text))),
        }
    }

    /// Opens it; it need not exist.
    pub(crate) fn storage(&self) -> Result<Arc<dyn Storage>, BackupError> {
        match self {
            Self::Folder(dir) => folder(Arc::new(RealDisk::default()), dir),
            Self::Bucket(address) => {
                let opened = BucketStorage::open(address).map_err(self.failed());
                Ok(Arc::new(opened?))
            }
        }
    }

    fn failed(&self) -> impl FnOnce(io::Error) -> BackupError {
        BackupError::io("open", self.to_string())
    }
}

/// A folder on `disk`.
pub(crate) fn folder(disk: Arc<dyn Disk>, dir: &Path) -> Result<Arc<dyn Storage>, BackupError> {
    let storage = FolderStorage::new(disk, dir).map_err(BackupError::io("open", dir));
    Ok(Arc::new(storage?))
}

impl From<&Path> for Place {
    fn from(path: &Path) -> Self {
        Self::Folder(path.to_path_buf())
    }
}

impl From<&PathBuf> for Place {
    fn from(path: &PathBuf) -> Self {
        Self::Folder(path.clone())
    }
}

impl From<&Self> for Place {
    fn from(place: &Self) -> Self {
        place.clone()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(formatter),
            Self::Bucket(address) => address.fmt(formatter),
        }
    }
}
