//! A data folder's own files: those that make a folder one, and the lock of its writer.

use std::io;
use std::path::{Path, PathBuf};

use crate::disk::{Disk, FolderLock, RealDisk};
use crate::error::LogError;

/// The file that says that a folder is being restored from a backup: until it is removed, there is no data folder yet.
pub const UNFINISHED_RESTORE: &str = "restore.unfinished";

/// Whether `dir` is a data folder, or a copy of one: it has the tables' folders, even before the first table.
pub fn is_data_folder(dir: &Path) -> bool {
    let disk = RealDisk::default();
    disk.is_folder(&dir.join("tables/default")) && !disk.exists(&dir.join(UNFINISHED_RESTORE))
}

/// Whether anything is stored in `dir`: a table, or a segment of the log.
///
/// # Errors
///
/// A folder cannot be listed.
pub fn holds_data(disk: &dyn Disk, dir: &Path) -> io::Result<bool> {
    let has = |folder: &str, wanted: fn(&str) -> bool| match disk.list(&dir.join(folder)) {
        Ok(entries) => Ok(entries.iter().any(|entry| wanted(&entry.name))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    };
    Ok(has("tables/default", |_| true)?
        || has("tables/shared", |_| true)?
        || has("wal", |name| name.ends_with(".wal"))?)
}

/// The locks of a data folder's writer.
#[derive(Debug)]
pub struct WriterLock {
    /// `None` where the file system locks no folders.
    _folder: Option<FolderLock>,
    _file: FolderLock,
}

impl WriterLock {
    /// Locks the folder itself, which stays locked when somebody removes the file `LOCK`, and that file, which earlier versions
    /// and file systems without locks of folders know.
    fn take(disk: &dyn Disk, root: &Path) -> Result<Self, LogError> {
        let locked = || LogError::Locked {
            folder: root.to_path_buf(),
        };
        let folder = match disk.lock_folder(root) {
            Ok(lock) => Some(lock.ok_or_else(locked)?),
            Err(_) => None,
        };
        let path = root.join("LOCK");
        let file = disk.lock(&path).map_err(LogError::io("lock", &path))?;
        Ok(Self {
            _folder: folder,
            _file: file.ok_or_else(locked)?,
        })
    }
}

/// Creates the folder tree and takes the locks; returns the folder's canonical path and the locks.
///
/// # Errors
///
/// Another process holds a lock, the folder is an unfinished restore, or a folder cannot be created.
pub fn prepare(disk: &dyn Disk, dir: &Path) -> Result<(PathBuf, WriterLock), LogError> {
    let absolute = std::path::absolute(dir).map_err(LogError::io("open", dir))?;
    disk.create_root(&absolute)
        .map_err(LogError::io("create", dir))?;
    let root = disk.canonical(dir).map_err(LogError::io("open", dir))?;
    disk.durable_folders().set_root(&root);
    let lock = WriterLock::take(disk, &root)?;
    if disk.exists(&root.join(UNFINISHED_RESTORE)) {
        return Err(LogError::UnfinishedRestore { folder: root });
    }
    for name in [
        "wal",
        "seen",
        "erasures",
        "crew-erasures",
        "tables/default",
        "tables/shared",
    ] {
        let folder = root.join(name);
        disk.create_folder(&folder)
            .map_err(LogError::io("create", &folder))?;
    }
    // Content that crews chose to share has its own access right (promise 2).
    for name in ["tables/shared", "wal"] {
        let folder = root.join(name);
        disk.set_mode(&folder, 0o700)
            .map_err(LogError::io("protect", &folder))?;
    }
    Ok((root, lock))
}

/// The collector's id, under which tables remember how much of this folder's log they hold. Logs a warning where the folder holds
/// data and no such id: it was lost, and a new one serves, because all that depends on it is what a crash in the middle of a flush
/// left in both.
///
/// # Errors
///
/// The file cannot be read or written.
pub fn load_or_create_collector(disk: &dyn Disk, root: &Path) -> Result<String, LogError> {
    let path = root.join("collector");
    if disk.exists(&path) {
        let text = disk.read(&path).map_err(LogError::io("read", &path))?;
        let text = String::from_utf8_lossy(&text);
        if let Ok(id) = uuid::Uuid::try_parse(text.trim()) {
            return Ok(id.to_string());
        }
    }
    if holds_data(disk, root).map_err(LogError::io("list", root))? {
        tracing::warn!(
            path = %path.display(),
            "the data folder holds data, and its file `collector` is missing or damaged; writing a new one: if the last collector was \
             killed while it flushed, rows that are in the log and in a table count twice"
        );
    }
    let id = uuid::Uuid::new_v4().to_string();
    disk.replace(&path, format!("{id}\n").as_bytes())
        .map_err(LogError::io("write", &path))?;
    Ok(id)
}
