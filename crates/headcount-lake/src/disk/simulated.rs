//! A disk that can lose its power, its space or an fsync.
//!
//! It writes through to a real folder, so that every reader works, and keeps beside it what a crash would leave: the
//! bytes of each file as of its last fsync, and the names of each folder as of its last fsync. [`SimulatedDisk::crash`]
//! makes the real folder so; of what was not fsynced, a random part survives, the last of it perhaps as zeros.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::{Disk, DiskFile};

#[derive(Debug, Default, Clone)]
struct Content {
    written: Vec<u8>,
    durable: Vec<u8>,
}

#[derive(Debug, Default)]
struct State {
    contents: Vec<Content>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    random: u64,
    /// Operations until the power goes.
    power: Option<u64>,
    /// Operations until one fsync fails.
    failing_sync: Option<u64>,
    full: bool,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct SimulatedDisk(Arc<Mutex<State>>);

impl SimulatedDisk {
    pub(crate) fn new(seed: u64) -> Self {
        let state = State {
            random: seed.wrapping_mul(2).wrapping_add(1),
            ..State::default()
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// The power goes after `operations` more of them.
    pub(crate) fn lose_power_after(&self, operations: Option<u64>) {
        self.0.lock().power = operations;
    }

    /// One fsync fails, the first after `operations` more of anything.
    pub(crate) fn fail_sync_after(&self, operations: Option<u64>) {
        self.0.lock().failing_sync = operations;
    }

    /// Whether writes fail for want of space.
    pub(crate) fn set_full(&self, full: bool) {
        self.0.lock().full = full;
    }

    /// Nothing is written until what is returned is dropped.
    pub(crate) fn stall(&self) -> Stalled<'_> {
        Stalled {
            _state: self.0.lock(),
        }
    }

    /// A number below `bound`.
    pub(crate) fn random(&self, bound: u64) -> u64 {
        self.0.lock().random(bound)
    }

    /// The power is back: the folder holds what the medium held, and some of what it had not been told to keep.
    pub(crate) fn crash(&self) {
        let mut state = self.0.lock();
        let before = std::mem::take(&mut state.names);
        let durable = std::mem::take(&mut state.durable_names);
        let paths: BTreeSet<PathBuf> = before.keys().chain(durable.keys()).cloned().collect();
        for path in paths {
            let (live, kept) = (before.get(&path).copied(), durable.get(&path).copied());
            let survivor = if state.random(2) == 0 { live } else { kept };
            let _absent = fs::remove_file(&path);
            if let Some(content) = survivor {
                let bytes = state.surviving(content);
                fs::write(&path, &bytes).unwrap();
                state.contents[content] = Content {
                    written: bytes.clone(),
                    durable: bytes,
                };
                let _new = state.names.insert(path.clone(), content);
                let _new = state.durable_names.insert(path, content);
            }
        }
        state.power = None;
        state.failing_sync = None;
        state.full = false;
    }
}

/// A disk that does not answer.
pub(crate) struct Stalled<'d> {
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
        let mut state = self.0.lock();
        state.operation()?;
        if state.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        state.contents.push(Content::default());
        let content = state.contents.len() - 1;
        let _new = state.names.insert(path.to_path_buf(), content);
        Ok(Box::new(SimulatedFile {
            disk: self.clone(),
            content,
            file,
        }))
    }

    fn link(&self, path: &Path, link: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.operation()?;
        fs::hard_link(path, link)?;
        if let Some(content) = state.names.get(path).copied() {
            let _new = state.names.insert(link.to_path_buf(), content);
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.operation()?;
        fs::rename(from, to)?;
        if let Some(content) = state.names.remove(from) {
            let _replaced = state.names.insert(to.to_path_buf(), content);
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.operation()?;
        fs::remove_file(path)?;
        let _removed = state.names.remove(path);
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.sync()?;
        let within = |path: &PathBuf| path.parent() == Some(folder);
        state.durable_names.retain(|path, _| !within(path));
        let names = state.names.clone();
        state
            .durable_names
            .extend(names.into_iter().filter(|(path, _)| within(path)));
        Ok(())
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    content: usize,
    file: File,
}

impl Write for SimulatedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.disk.0.lock();
        state.operation()?;
        // Space ends in the middle of a write.
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
        let mut state = self.disk.0.lock();
        state.sync()?;
        let content = &mut state.contents[self.content];
        content.durable = content.written.clone();
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        use std::io::{Seek, SeekFrom};
        let mut state = self.disk.0.lock();
        state.operation()?;
        self.file.set_len(length)?;
        let _position = self.file.seek(SeekFrom::Start(length))?;
        state.contents[self.content]
            .written
            .truncate(length as usize);
        Ok(())
    }
}
