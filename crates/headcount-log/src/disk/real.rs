//! The operating system's file system: the one place that calls `std::fs`.
#![allow(clippy::disallowed_methods)]

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::durable_folders::DurableFolders;
use super::interface::{Disk, DiskEntry, DiskFile, DiskMetadata, FolderLock};

/// The operating system's file system.
#[derive(Debug, Default)]
pub struct RealDisk {
    durable_folders: DurableFolders,
}

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        Ok(Box::new(RealFile(file)))
    }

    fn create_private(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        Ok(Box::new(RealFile(options.open(path)?)))
    }

    fn link(&self, path: &Path, link: &Path) -> io::Result<()> {
        fs::hard_link(path, link)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()> {
        fs::set_permissions(path, Permissions::from_mode(mode))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<FolderLock>> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        locked(options.open(path)?)
    }

    fn lock_folder(&self, path: &Path) -> io::Result<Option<FolderLock>> {
        locked(File::open(path)?)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        File::open(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DiskEntry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            entries.push(DiskEntry {
                name: entry.file_name().to_string_lossy().into_owned(),
                path: entry.path(),
            });
        }
        entries.sort();
        Ok(entries)
    }

    fn metadata(&self, path: &Path) -> io::Result<DiskMetadata> {
        let metadata = fs::metadata(path)?;
        Ok(DiskMetadata {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            is_folder: metadata.is_dir(),
        })
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        let system = rustix::fs::statvfs(path)?;
        Ok(system.f_bavail.saturating_mul(system.f_frsize))
    }

    fn total_bytes(&self, path: &Path) -> io::Result<u64> {
        let system = rustix::fs::statvfs(path)?;
        Ok(system.f_blocks.saturating_mul(system.f_frsize))
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn durable_folders(&self) -> &DurableFolders {
        &self.durable_folders
    }
}

fn locked(file: File) -> io::Result<Option<FolderLock>> {
    match file.try_lock() {
        Ok(()) => Ok(Some(FolderLock::new(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

struct RealFile(File);

impl Write for RealFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for RealFile {
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.0.set_len(length)?;
        self.0.seek(SeekFrom::Start(length))?;
        Ok(())
    }
}
