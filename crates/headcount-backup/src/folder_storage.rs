//! A repository in a folder: each step is fsynced before the next, through [`Disk`].

use std::collections::{BTreeSet, HashSet};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headcount_log::disk::{Disk, DiskEntry, DiskFile, FolderLock};

use crate::error::BackupError;
use crate::storage::{
    CONTENT, ContentFile, ContentWriter, Lock, LockError, Purpose, PutError, Source, Storage,
    Stored,
};

/// Bytes that are copied at a time.
const BUFFER: usize = 256 << 10;

/// A folder.
#[derive(Debug)]
pub(crate) struct FolderStorage {
    disk: Arc<dyn Disk>,
    root: PathBuf,
}

impl FolderStorage {
    /// The folder `dir`, which need not exist.
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: &Path) -> io::Result<Self> {
        let root = disk.canonical(dir).or_else(|_| std::path::absolute(dir))?;
        Ok(Self { disk, root })
    }

    fn path(&self, name: &str) -> PathBuf {
        match name {
            "" => self.root.clone(),
            name => self.root.join(name),
        }
    }

    /// Removes what a command left that was killed.
    fn remove_unfinished(&self) -> io::Result<()> {
        for entry in entries(&*self.disk, &self.path(CONTENT))? {
            if entry.name.ends_with(".tmp") {
                self.disk.remove(&entry.path)?;
            }
        }
        Ok(())
    }
}

impl Storage for FolderStorage {
    fn full_name(&self, name: &str) -> PathBuf {
        self.path(name)
    }

    fn make(&self) -> io::Result<()> {
        self.disk.create_root(&self.root)?;
        self.disk.set_mode(&self.root, 0o700)
    }

    fn has_foreign_files(&self) -> io::Result<bool> {
        // A crash may have left the lock without the mark, and the root of a file system has a folder of its own.
        let is_ours = |entry: &DiskEntry| {
            matches!(entry.name.as_str(), "LOCK" | "lost+found") || entry.name.ends_with(".tmp")
        };
        Ok(!entries(&*self.disk, &self.root)?.iter().all(is_ours))
    }

    /// One lock for both purposes: then nothing is removed while a point is added.
    fn lock(&self, _purpose: Purpose) -> Result<Box<dyn Lock + '_>, LockError> {
        self.disk.create_root(&self.root)?;
        let lock = self.disk.lock(&self.path("LOCK"))?;
        let lock = lock.ok_or(LockError::Held)?;
        self.remove_unfinished()?;
        Ok(Box::new(HeldFile { _lock: lock }))
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.disk.read(&self.path(name))
    }

    fn open(&self, name: &str, _size: u64) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(self.disk.open(&self.path(name))?))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let entries = entries(&*self.disk, &self.path(folder))?.into_iter();
        Ok(entries.map(|entry| entry.name).collect())
    }

    fn create(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(name);
        if self.disk.exists(&path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let folder = path.parent().unwrap_or(&self.root);
        self.disk.create_folder(folder)?;
        write(&*self.disk, &path, bytes)
    }

    fn remove(&self, names: &[String]) -> io::Result<()> {
        let mut changed: Option<PathBuf> = None;
        for name in names {
            let path = self.path(name);
            let folder = path.parent().map(Path::to_path_buf);
            if let Some(last) = changed.take_if(|last| folder.as_ref() != Some(last)) {
                self.disk.sync_folder(&last)?;
            }
            match self.disk.remove(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed?,
            }
            changed = folder;
        }
        match changed {
            Some(last) if self.disk.is_folder(&last) => self.disk.sync_folder(&last),
            _ => Ok(()),
        }
    }

    fn content(&self) -> io::Result<Vec<ContentFile>> {
        let mut content = Vec::new();
        for folder in entries(&*self.disk, &self.path(CONTENT))? {
            if folder.name.len() != 2 {
                continue;
            }
            for entry in entries(&*self.disk, &folder.path)? {
                content.push(ContentFile {
                    name: format!("{CONTENT}/{}/{}", folder.name, entry.name),
                    hash: entry.name,
                    size: self
                        .disk
                        .metadata(&entry.path)
                        .map_or(0, |found| found.length),
                });
            }
        }
        Ok(content)
    }

    fn writer(&self, damaged: HashSet<String>) -> io::Result<Box<dyn ContentWriter + '_>> {
        Ok(Box::new(FolderWriter {
            storage: self,
            damaged,
            unsynced: BTreeSet::new(),
        }))
    }

    fn await_removals(&self) -> io::Result<bool> {
        // The lock keeps them away.
        Ok(false)
    }
}

#[derive(Debug)]
struct HeldFile {
    _lock: FolderLock,
}

impl Lock for HeldFile {
    fn renew(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Stores content in a folder.
struct FolderWriter<'s> {
    storage: &'s FolderStorage,
    damaged: HashSet<String>,
    /// Folders with names that are not known to be durable.
    unsynced: BTreeSet<PathBuf>,
}

impl ContentWriter for FolderWriter<'_> {
    fn has(&mut self, hash: &str, size: u64) -> bool {
        let path = self.storage.path(&self.storage.content_name(hash));
        let found = self.storage.disk.metadata(&path);
        let is_there = found.is_ok_and(|found| found.length == size && !found.is_folder);
        if !is_there || self.damaged.contains(hash) {
            return false;
        }
        // A backup that ended early may have renamed it and not synced the folder.
        self.unsynced.extend(path.parent().map(Path::to_path_buf));
        true
    }

    fn put(&mut self, source: &mut dyn Source) -> Result<Stored, PutError> {
        let disk = &self.storage.disk;
        let folder = self.storage.path(CONTENT);
        disk.create_folder(&folder)
            .map_err(BackupError::io("create", &folder))
            .map_err(PutError::Write)?;
        let random = uuid::Uuid::new_v4().simple();
        let unfinished = folder.join(format!(".{random}.tmp"));
        let stored = self.put_through(source, &unfinished);
        if !stored.as_ref().is_ok_and(|stored| stored.is_new) {
            // It is there already, or was not read to its end. One that stays is removed by the next backup.
            let _ = self.storage.disk.remove(&unfinished);
        }
        stored
    }

    fn sync(&mut self) -> Result<(), BackupError> {
        for folder in std::mem::take(&mut self.unsynced) {
            let synced = self.storage.disk.sync_folder(&folder);
            synced.map_err(BackupError::io("sync", &folder))?;
        }
        Ok(())
    }
}

impl FolderWriter<'_> {
    fn put_through(
        &mut self,
        source: &mut dyn Source,
        unfinished: &Path,
    ) -> Result<Stored, PutError> {
        let disk = &self.storage.disk;
        let failed = |action| {
            let wrap = BackupError::io(action, unfinished);
            |error| PutError::Write(wrap(error))
        };
        let mut from = source.open().map_err(PutError::Read)?;
        let mut file = disk.create_private(unfinished).map_err(failed("create"))?;
        let (hash, size) = copy(&mut *from, &mut *file).map_err(|error| match error {
            CopyError::Read(error) => PutError::Read(error),
            CopyError::Write(error) => failed("write")(error),
        })?;
        let hash = hash.to_hex().to_string();
        let is_new = !self.has(&hash, size);
        let stored = Stored { hash, size, is_new };
        if !is_new {
            return Ok(stored);
        }
        file.sync().map_err(failed("sync"))?;
        drop(file);
        let path = self.storage.path(&self.storage.content_name(&stored.hash));
        let folder = path.parent().unwrap_or(&self.storage.root).to_path_buf();
        let disk = &self.storage.disk;
        disk.create_folder(&folder)
            .map_err(failed("create the folder of"))?;
        disk.rename(unfinished, &path).map_err(failed("rename"))?;
        self.unsynced.insert(folder);
        self.damaged.remove(&stored.hash);
        Ok(stored)
    }
}

/// The side on which copying failed.
enum CopyError {
    Read(io::Error),
    Write(io::Error),
}

fn copy(from: &mut dyn Read, to: &mut dyn DiskFile) -> Result<(blake3::Hash, u64), CopyError> {
    let mut buffer = vec![0; BUFFER];
    let (mut hasher, mut size) = (blake3::Hasher::new(), 0);
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok((hasher.finalize(), size)),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(CopyError::Read(error)),
        };
        size += read as u64;
        hasher.update(&buffer[..read]);
        to.write_all(&buffer[..read]).map_err(CopyError::Write)?;
    }
}

/// Writes a file that only its owner may read, whole or not at all; it is durable afterwards.
fn write(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    let unfinished = Path::new(&name);
    if disk.exists(unfinished) {
        disk.remove(unfinished)?;
    }
    let mut file = disk.create_private(unfinished)?;
    file.write_all(bytes)?;
    file.sync()?;
    drop(file);
    disk.rename(unfinished, path)?;
    disk.sync_folder(path.parent().unwrap_or(Path::new("/")))
}

fn entries(disk: &dyn Disk, folder: &Path) -> io::Result<Vec<DiskEntry>> {
    match disk.list(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed,
    }
}

/// The entries of a folder; none where it does not exist.
pub(crate) fn list(disk: &dyn Disk, folder: &Path) -> Result<Vec<DiskEntry>, BackupError> {
    entries(disk, folder).map_err(BackupError::io("list", folder))
}
