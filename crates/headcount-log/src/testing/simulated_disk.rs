//! A disk that can lose its power, its space or an fsync.
//!
//! It writes through to a real folder, so that every reader works, and keeps beside it the state that a crash would leave:
//! the bytes of each file as of its last fsync, and the names in each folder as of its last fsync. [`SimulatedDisk::crash`]
//! makes the real folder so. Of everything that was not fsynced, a random part survives: a file's tail is cut or zeroed, a
//! name that was created, renamed, linked or removed is as before or as after, and a folder whose own name does not survive
//! is lost with everything in it.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use crate::disk::{Disk, DiskEntry, DiskFile, DiskMetadata, DurableFolders, FolderLock, RealDisk};

#[derive(Debug, Default, Clone)]
struct Content {
    written: Vec<u8>,
    durable: Vec<u8>,
}

/// The thing that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    /// A file, by its position among the contents.
    File(usize),
    Folder,
}

#[derive(Debug, Default)]
struct State {
    contents: Vec<Content>,
    names: BTreeMap<PathBuf, Node>,
    durable_names: BTreeMap<PathBuf, Node>,
    random: u64,
    /// Operations until the power goes.
    power: Option<u64>,
    /// Operations until one fsync fails.
    failing_sync: Option<u64>,
    full: bool,
    /// Bytes until the disk is full.
    room: Option<u64>,
    /// The room that is told.
    free: Option<u64>,
    /// Files on bad sectors.
    bad: BTreeSet<PathBuf>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Reads, and what the simulation does not model: locks and permissions.
    real: RealDisk,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct SimulatedDisk(Arc<Shared>);

impl SimulatedDisk {
    /// A disk whose randomness follows from `seed`.
    pub fn new(seed: u64) -> Self {
        let state = State {
            random: seed.wrapping_mul(2).wrapping_add(1),
            ..State::default()
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            real: RealDisk::default(),
        }))
    }

    /// The power goes after `operations` more of them.
    pub fn lose_power_after(&self, operations: Option<u64>) {
        self.0.state.lock().power = operations;
    }

    /// One fsync fails, the first after `operations` more of anything.
    pub fn fail_sync_after(&self, operations: Option<u64>) {
        self.0.state.lock().failing_sync = operations;
    }

    /// Whether writes fail for want of space.
    pub fn set_full(&self, full: bool) {
        self.0.state.lock().full = full;
    }

    /// The disk is full once `bytes` more were written; removing files makes no room. `None` ends that.
    pub fn fill_after(&self, bytes: Option<u64>) {
        let mut state = self.0.state.lock();
        state.room = bytes;
        state.full = false;
    }

    /// The free room that is told is `bytes`. Writes do not use it up: another program gives it back meanwhile.
    pub fn set_free_bytes(&self, bytes: Option<u64>) {
        self.0.state.lock().free = bytes;
    }

    /// Whether the file `path` lies on a bad sector, so that it cannot be read.
    pub fn set_bad(&self, path: &Path, is_bad: bool) {
        let mut state = self.0.state.lock();
        match is_bad {
            true => state.bad.insert(path.to_path_buf()),
            false => state.bad.remove(path),
        };
    }

    /// Nothing is written until the returned guard is dropped.
    pub fn stall(&self) -> Stalled<'_> {
        Stalled {
            _state: self.0.state.lock(),
        }
    }

    /// A number below `bound`.
    pub fn random(&self, bound: u64) -> u64 {
        self.0.state.lock().random(bound)
    }

    /// The power is back: the folder holds everything that was fsynced, and some of the rest.
    pub fn crash(&self) {
        let mut state = self.0.state.lock();
        let before = std::mem::take(&mut state.names);
        let durable = std::mem::take(&mut state.durable_names);
        let paths: BTreeSet<PathBuf> = before.keys().chain(durable.keys()).cloned().collect();
        let mut lost_folders: Vec<PathBuf> = Vec::new();
        // A folder comes before everything in it.
        for path in paths {
            let (live, kept) = (before.get(&path).copied(), durable.get(&path).copied());
            let survivor = if state.random(2) == 0 { live } else { kept };
            if lost_folders.iter().any(|folder| path.starts_with(folder)) {
                continue;
            }
            let Some(node) = survivor else {
                if live == Some(Node::Folder) {
                    fs::remove_dir_all(&path).unwrap();
                    lost_folders.push(path);
                } else {
                    // Absent where it was removed before.
                    let _ = fs::remove_file(&path);
                }
                continue;
            };
            if let Node::File(content) = node {
                let bytes = state.surviving(content);
                // Absent where it was removed before. Not overwritten: other names may share the file.
                let _ = fs::remove_file(&path);
                fs::write(&path, &bytes).unwrap();
                state.contents[content] = Content {
                    written: bytes.clone(),
                    durable: bytes,
                };
            }
            state.names.insert(path.clone(), node);
            state.durable_names.insert(path, node);
        }
        state.power = None;
        state.failing_sync = None;
        state.full = false;
        state.room = None;
        self.0.real.durable_folders().clear();
    }

    fn create_with(&self, path: &Path, mode: u32) -> io::Result<Box<dyn DiskFile>> {
        use std::os::unix::fs::OpenOptionsExt;
        let mut state = self.0.state.lock();
        state.operation()?;
        state.needs_space()?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(mode);
        let file = options.open(path)?;
        state.contents.push(Content::default());
        let content = state.contents.len() - 1;
        state.names.insert(path.to_path_buf(), Node::File(content));
        Ok(Box::new(SimulatedFile {
            disk: self.clone(),
            content,
            file,
        }))
    }
}

/// A disk that does not answer.
pub struct Stalled<'d> {
    _state: MutexGuard<'d, State>,
}

impl State {
    fn random(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % bound
    }

    fn surviving(&mut self, content: usize) -> Vec<u8> {
        let Content { written, durable } = self.contents[content].clone();
        if !written.starts_with(&durable) || written.len() == durable.len() {
            return durable;
        }
        let tail = written.len() - durable.len();
        let kept = durable.len() + self.random(tail as u64 + 1) as usize;
        let mut bytes = written[..kept].to_vec();
        if self.random(4) == 0 {
            bytes.resize(written.len(), 0);
        }
        bytes
    }

    fn operation(&mut self) -> io::Result<()> {
        match &mut self.power {
            Some(0) => Err(io::Error::other("the power is gone")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn reads(&self, path: &Path) -> io::Result<()> {
        const EIO: i32 = 5;
        match self.bad.contains(path) {
            true => Err(io::Error::from_raw_os_error(EIO)),
            false => Ok(()),
        }
    }

    fn needs_space(&self) -> io::Result<()> {
        match self.full {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.operation()?;
        match &mut self.failing_sync {
            Some(0) => {
                self.failing_sync = None;
                Err(io::Error::other("the medium has a bad sector"))
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Disk for SimulatedDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.create_with(path, 0o666)
    }

    fn create_private(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.create_with(path, 0o600)
    }

    fn link(&self, path: &Path, link: &Path) -> io::Result<()> {
        let mut state = self.0.state.lock();
        state.operation()?;
        fs::hard_link(path, link)?;
        if let Some(content) = state.names.get(path).copied() {
            state.names.insert(link.to_path_buf(), content);
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.state.lock();
        state.operation()?;
        fs::rename(from, to)?;
        if let Some(content) = state.names.remove(from) {
            state.names.insert(to.to_path_buf(), content);
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.state.lock();
        state.operation()?;
        fs::remove_file(path)?;
        state.names.remove(path);
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.0.state.lock();
        state.sync()?;
        let within = |path: &PathBuf| path.parent() == Some(folder);
        state.durable_names.retain(|path, _| !within(path));
        let names = state.names.clone();
        state
            .durable_names
            .extend(names.into_iter().filter(|(path, _)| within(path)));
        Ok(())
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.state.lock();
        state.operation()?;
        state.needs_space()?;
        fs::create_dir(path)?;
        state.names.insert(path.to_path_buf(), Node::Folder);
        Ok(())
    }

    fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.0.real.set_mode(path, mode)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<FolderLock>> {
        self.0.real.lock(path)
    }

    fn lock_folder(&self, path: &Path) -> io::Result<Option<FolderLock>> {
        self.0.real.lock_folder(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.0.state.lock().reads(path)?;
        self.0.real.read(path)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        self.0.state.lock().reads(path)?;
        self.0.real.open(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DiskEntry>> {
        self.0.real.list(path)
    }

    fn metadata(&self, path: &Path) -> io::Result<DiskMetadata> {
        self.0.real.metadata(path)
    }

    fn free_bytes(&self, _path: &Path) -> io::Result<u64> {
        Ok(self.0.state.lock().free.unwrap_or(u64::MAX))
    }

    fn total_bytes(&self, _path: &Path) -> io::Result<u64> {
        Ok(u64::MAX)
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.0.real.canonical(path)
    }

    fn durable_folders(&self) -> &DurableFolders {
        self.0.real.durable_folders()
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    content: usize,
    file: File,
}

impl Write for SimulatedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.disk.0.state.lock();
        state.operation()?;
        // Space ends in the middle of a write.
        if let Some(room) = &mut state.room {
            let taken = (bytes.len() as u64).min(*room);
            *room -= taken;
            if *room == 0 {
                state.full = true;
            }
        }
        let full = state.full;
        let taken = if full { bytes.len() / 2 } else { bytes.len() };
        self.file.write_all(&bytes[..taken])?;
        state.contents[self.content]
            .written
            .extend_from_slice(&bytes[..taken]);
        if full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for SimulatedFile {
    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.0.state.lock();
        state.sync()?;
        let content = &mut state.contents[self.content];
        content.durable = content.written.clone();
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        use std::io::{Seek, SeekFrom};
        let mut state = self.disk.0.state.lock();
        state.operation()?;
        self.file.set_len(length)?;
        self.file.seek(SeekFrom::Start(length))?;
        state.contents[self.content]
            .written
            .truncate(length as usize);
        Ok(())
    }
}
