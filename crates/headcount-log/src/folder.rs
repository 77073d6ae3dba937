//! A data folder's own files: those that make a folder one, and the lock of its writer.

use std::io;
use std::path::{Path, PathBuf};

use crate::disk::{Disk, FolderLock, RealDisk};
use crate::error::LogError;

/// The file that says that a folder is being restored from a backup: until it is removed, there is no data folder yet.
pub const UNFINISHED_RESTORE: &str = "restore.unfinished";

/// The version of the data folder's format: of every file in it that has no version of its own, and of how they belong together. A change
/// raises it that a program of before would misread, or whose files it would take for damaged ones.
pub const FORMAT: u32 = 2;
/// The file that holds it, one line of text. Folders of before December 2026 have none; they are of version 1, in which tables have
/// partitions.
const FORMAT_FILE: &str = "format";

/// The version that the data folder `root` says it has; `None` where it says nothing, or what it says is no number.
///
/// # Errors
///
/// The folder is of a version that this program does not know, or the file cannot be read.
pub fn check_format(disk: &dyn Disk, root: &Path) -> Result<Option<u32>, LogError> {
    let path = root.join(FORMAT_FILE);
    let text = match disk.read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(LogError::io("read", &path))?,
    };
    let text = String::from_utf8_lossy(&text);
    let number = text.trim().strip_prefix("version ");
    match number.unwrap_or_default().parse() {
        Ok(found) if found > FORMAT => Err(LogError::NewerFormat {
            path,
            found,
            supported: FORMAT,
        }),
        Ok(found) => Ok(Some(found)),
        Err(_) => {
            tracing::warn!(path = %path.display(), "the file says no version; the data folder is taken for one of version 1");
            Ok(None)
        }
    }
}

/// Says in the folder of which version it is, unless it does. A full disk is no reason not to start: the next one says it.
fn note_format(disk: &dyn Disk, root: &Path) -> Result<(), LogError> {
    if check_format(disk, root)? == Some(FORMAT) {
        return Ok(());
    }
    let path = root.join(FORMAT_FILE);
    if let Err(error) = disk.replace(&path, format!("version {FORMAT}\n").as_bytes()) {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(path = %path.display(), error, "the version of the data folder's format could not be written");
    }
    Ok(())
}

/// The folder of senders' orders to erase, by receipts.
pub const RECEIPT_ORDERS: &str = "erasures";

/// The folder of the operator's orders to erase, by crews.
pub const CREW_ORDERS: &str = "crew-erasures";

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
/// Another process holds a lock, the folder is an unfinished restore or of a newer version, or a folder cannot be created.
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
    note_format(disk, &root)?;
    for name in [
        "wal",
        "seen",
        RECEIPT_ORDERS,
        CREW_ORDERS,
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
