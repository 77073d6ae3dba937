//! The file operations on whose order and durability the store's promises rest, so that tests can lose power between any
//! two of them.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::durable_folders::DurableFolders;

/// A file being written, front to back.
pub trait DiskFile: Write + Send {
    /// Returns when everything written so far is on the medium.
    ///
    /// # Errors
    ///
    /// The medium may not hold what was written. Asking again would not tell: never retry.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file to `length` bytes and continues writing there.
    ///
    /// # Errors
    ///
    /// The file system refuses.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

/// A name in a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DiskEntry {
    /// Its last part; characters that are not UTF-8 are replaced.
    pub name: String,
    /// The whole of it.
    pub path: PathBuf,
}

/// Size, age and kind of a file or folder.
#[derive(Debug, Clone, Copy)]
pub struct DiskMetadata {
    /// Bytes.
    pub length: u64,
    /// When it was last written, where the file system knows.
    pub modified: Option<SystemTime>,
    /// Whether it is a folder.
    pub is_folder: bool,
}

impl DiskMetadata {
    /// Whether it was last written at least `age` ago.
    pub fn is_older_than(&self, age: Duration) -> bool {
        let written = self.modified;
        let elapsed = written.and_then(|written| SystemTime::now().duration_since(written).ok());
        elapsed.is_some_and(|elapsed| elapsed >= age)
    }
}

/// An exclusive lock of a file or folder, held until it is dropped.
#[derive(Debug)]
pub struct FolderLock(#[expect(dead_code, reason = "held for its drop")] File);

impl FolderLock {
    pub(super) fn new(file: File) -> Self {
        Self(file)
    }
}

/// The operations that the store needs of a file system.
///
/// A name that was created, linked, renamed or removed is durable only after [`Disk::sync_folder`] of its folder. That
/// holds for folders too: one whose name was not synced is lost with everything in it. Each operation fails as the file
/// system does.
pub trait Disk: Send + Sync + std::fmt::Debug + 'static {
    /// Creates the file `path`, which must not exist.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// As [`Disk::create`], for a file that only its owner may read (mode 0600).
    fn create_private(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Gives `path` the further name `link`, unless that name exists.
    fn link(&self, path: &Path, link: &Path) -> io::Result<()>;

    /// Renames a file, replacing the one that had the name `to`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// Creates a folder in one that exists. Its name is not durable yet: see [`Disk::create_folder`].
    fn make_folder(&self, path: &Path) -> io::Result<()>;

    /// Sets the permission bits of a folder.
    fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()>;

    /// Takes the lock file `path`, which is created if missing; `None` where another process holds it.
    fn lock(&self, path: &Path) -> io::Result<Option<FolderLock>>;

    /// Locks the folder `path` itself, which nobody can remove while it holds files; `None` where another process holds it.
    fn lock_folder(&self, path: &Path) -> io::Result<Option<FolderLock>>;

    /// The whole content of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// A file to read parts of.
    fn open(&self, path: &Path) -> io::Result<File>;

    /// The names in a folder, in their order.
    fn list(&self, path: &Path) -> io::Result<Vec<DiskEntry>>;

    /// Size, age and kind of `path`.
    fn metadata(&self, path: &Path) -> io::Result<DiskMetadata>;

    /// Bytes that may still be written to the file system of `path`.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;

    /// The size of the file system that `path` is on.
    fn total_bytes(&self, path: &Path) -> io::Result<u64>;

    /// The absolute path without links, of a file or folder that exists.
    fn canonical(&self, path: &Path) -> io::Result<PathBuf>;

    /// The folders that are known to be durable.
    fn durable_folders(&self) -> &DurableFolders;

    /// Whether `path` exists.
    fn exists(&self, path: &Path) -> bool {
        self.metadata(path).is_ok()
    }

    /// Whether `path` is a folder.
    fn is_folder(&self, path: &Path) -> bool {
        self.metadata(path).is_ok_and(|metadata| metadata.is_folder)
    }

    /// The whole content of a text file.
    fn read_text(&self, path: &Path) -> io::Result<String> {
        let text = String::from_utf8(self.read(path)?);
        text.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Creates a folder and its missing parents. The names of all of them, up to the data folder, are durable afterwards.
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        let known = self.durable_folders();
        let exists = self.is_folder(path);
        if exists && known.contains(path) {
            return Ok(());
        }
        let Some(parent) = path.parent() else {
            return Ok(());
        };
        if known.is_below_root(parent) || !self.is_folder(parent) {
            self.create_folder(parent)?;
        }
        if !exists {
            match self.make_folder(path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        // Also where it existed: the process that created it may have ended before this step.
        self.sync_folder(parent)?;
        known.insert(path);
        Ok(())
    }

    /// Creates the data folder `path`, an absolute path, if it does not exist; its name is durable afterwards.
    fn create_root(&self, path: &Path) -> io::Result<()> {
        if !self.is_folder(path) {
            self.create_folder(path)?;
        } else if let Some(parent) = path.parent() {
            // An earlier process may have ended before it synced this name. Where the parent may not be read, is read-only or
            // knows no sync, it was not us who created the folder, for example because it is a volume's root.
            use io::ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem, Unsupported};
            match self.sync_folder(parent) {
                Err(error)
                    if !matches!(
                        error.kind(),
                        PermissionDenied | InvalidInput | Unsupported | ReadOnlyFilesystem
                    ) =>
                {
                    return Err(error);
                }
                _ => {}
            }
        }
        self.durable_folders().set_root(path);
        Ok(())
    }

    /// Renames a file, replacing the one that had the name `to`; both names are durable afterwards.
    fn rename_durably(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.rename(from, to)?;
        let folders = [to.parent(), from.parent()];
        let folders = folders.into_iter().flatten();
        // The new name first: a crash may leave both, and never none.
        let mut synced = None;
        for folder in folders {
            if synced != Some(folder) {
                self.sync_folder(folder)?;
                synced = Some(folder);
            }
        }
        Ok(())
    }

    /// Writes `bytes` to `path` so that a crash leaves either all of them or the file that was there before.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut name = path.as_os_str().to_owned();
        name.push(".tmp");
        let unfinished = Path::new(&name);
        if self.exists(unfinished) {
            self.remove(unfinished)?;
        }
        let mut file = self.create(unfinished)?;
        let written = file.write_all(bytes).and_then(|()| file.sync());
        drop(file);
        if let Err(error) = written {
            // The next attempt removes it if this one cannot.
            let _ = self.remove(unfinished);
            return Err(error);
        }
        self.rename_durably(unfinished, path)
    }
}
