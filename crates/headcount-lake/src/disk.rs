//! The file operations whose order and durability the store's promises rest on, behind one trait, so that tests can
//! lose power between any two of them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// A file being written, front to back.
pub(crate) trait DiskFile: Write + Send {
    /// Returns when everything written so far is on the medium.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file to `length` bytes and continues writing there.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

/// What the store asks of a file system. A new name is durable only after its folder's `sync_folder`.
pub(crate) trait Disk: Send + Sync + std::fmt::Debug + 'static {
    /// Creates `path`, which must not exist.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Gives `path` the further name `link`, unless that name exists.
    fn link(&self, path: &Path, link: &Path) -> io::Result<()>;
    /// Renames, replacing what had the name `to`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// Creates a folder and its missing parents, durably.
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            self.create_folder(parent)?;
        }
        match fs::create_dir(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        path.parent()
            .map_or(Ok(()), |parent| self.sync_folder(parent))
    }

    /// Writes `bytes` to `path` so that after a crash either all of them are there or what was there before.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut name = path.as_os_str().to_owned();
        name.push(".tmp");
        let unfinished = Path::new(&name);
        if unfinished.exists() {
            self.remove(unfinished)?;
        }
        let mut file = self.create(unfinished)?;
        let written = file.write_all(bytes).and_then(|()| file.sync());
        drop(file);
        if let Err(error) = written {
            let _ignored = self.remove(unfinished);
            return Err(error);
        }
        self.rename(unfinished, path)?;
        path.parent()
            .map_or(Ok(()), |parent| self.sync_folder(parent))
    }
}

/// The operating system's file system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RealDisk;

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        Ok(Box::new(RealFile(file)))
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
        use std::io::{Seek, SeekFrom};
        self.0.set_len(length)?;
        let _position = self.0.seek(SeekFrom::Start(length))?;
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod simulated;
