//! A data folder's own files: what makes a folder one, and who writes it.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::disk::Disk;
use crate::error::LakeError;

/// Whether `dir` is a data folder, or a copy of one: the tables' places are there, also where nothing has come yet.
pub fn is_data_folder(dir: &Path) -> bool {
    dir.join("tables/default").is_dir()
}

/// Whether anything is stored in `dir`: a table, or a segment of the log.
pub(crate) fn holds_data(dir: &Path) -> io::Result<bool> {
    let has = |folder: &str, wanted: fn(&Path) -> bool| match std::fs::read_dir(dir.join(folder)) {
        Ok(mut entries) => Ok(entries.any(|entry| entry.is_ok_and(|entry| wanted(&entry.path())))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    };
    let is_segment = |path: &Path| path.extension().is_some_and(|ending| ending == "wal");
    Ok(has("tables/default", |_| true)?
        || has("tables/shared", |_| true)?
        || has("wal", is_segment)?)
}

/// Creates the folder tree and takes the lock.
pub(crate) fn prepare(disk: &dyn Disk, dir: &Path) -> Result<(PathBuf, File), LakeError> {
    std::fs::create_dir_all(dir).map_err(LakeError::io("create", dir))?;
    let root = dir.canonicalize().map_err(LakeError::io("open", dir))?;
    let path = root.join("LOCK");
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(LakeError::io("open", &path))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(LakeError::Locked { folder: root }),
        Err(TryLockError::Error(error)) => return Err(LakeError::io("lock", &path)(error)),
    }
    for name in ["wal", "seen", "erasures", "tables/default", "tables/shared"] {
        let folder = root.join(name);
        disk.create_folder(&folder)
            .map_err(LakeError::io("create", &folder))?;
    }
    // Content that crews chose to share has its own access right (promise 2).
    for (folder, mode) in [("tables/shared", 0o700), ("wal", 0o700)] {
        let folder = root.join(folder);
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&folder, permissions)
            .map_err(LakeError::io("protect", &folder))?;
    }
    Ok((root, lock))
}

/// The collector's id, under which tables remember what they took from this folder's log.
pub(crate) fn load_or_create_collector(disk: &dyn Disk, root: &Path) -> Result<String, LakeError> {
    let path = root.join("collector");
    if path.exists() {
        let id = std::fs::read_to_string(&path).map_err(LakeError::io("read", &path))?;
        return Ok(id.trim().to_owned());
    }
    let id = uuid::Uuid::new_v4().to_string();
    disk.replace(&path, format!("{id}\n").as_bytes())
        .map_err(LakeError::io("write", &path))?;
    Ok(id)
}
