//! File locks.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

use crate::platform::{self, OwnFile, files};

/// A file that this process holds locked. Other processes that want the lock do not block.
///
/// A forked child shares the open file, and with it the lock. So the lock is released by unlocking, not by closing, which
/// would have no effect while a child has the file open. And a child closes its copy right after the fork, because its parent
/// may be killed.
///
/// The host program may close the descriptor, and open a file of its own under the same number: see [`platform::Own`].
#[derive(Debug)]
pub(crate) struct Held {
    file: OwnFile,
    generation: u32,
    /// The entry in the list of files that children close; there is room for a few.
    note: Option<usize>,
    is_locked: bool,
}

impl Held {
    /// Locks `file`. On a file system without locks (some network homes) the file is held without one.
    ///
    /// # Errors
    /// `WouldBlock`: another process holds it. Anything else: the host program closed it.
    pub(crate) fn lock(file: OwnFile) -> io::Result<Self> {
        // Noted before the lock: otherwise a child that is forked in between would hold the lock.
        let mut held = Self {
            note: file.note_for_children(),
            generation: platform::generation(),
            file,
            is_locked: false,
        };
        let locked = held.file.get()?.try_lock();
        match locked {
            Ok(()) => held.is_locked = true,
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            // The call is not implemented (Lustre without `flock`), the server has no lock manager (NFS), and others.
            Err(TryLockError::Error(_)) => {}
        }
        Ok(held)
    }

    /// Whether no other process can hold the file at the same time.
    pub(crate) fn is_locked(&self) -> bool {
        self.is_locked
    }

    /// The file; `None` in a forked child of the process that locked it, or after the host program closed it.
    pub(crate) fn file(&self) -> Option<&File> {
        match self.is_of_this_process() {
            true => self.file.get().ok(),
            false => None,
        }
    }

    fn is_of_this_process(&self) -> bool {
        self.generation == platform::generation()
    }
}

/// Whether a lock on the file at `path`, which somebody holds, keeps others out. On a network file system with local locks, or
/// with locks that do nothing, it does not. `None` for a file that cannot be opened, such as one that its owner has renamed meanwhile.
pub(crate) fn locks_exclude(path: &Path) -> Option<bool> {
    let file = files::open(path, File::options().read(true)).ok()?;
    let again = file.get().map(File::try_lock);
    Some(matches!(again, Ok(Err(TryLockError::WouldBlock))))
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.is_of_this_process() {
            if let Ok(file) = self.file.get() {
                let _best_effort = file.unlock();
            }
            platform::forget_open_file(self.note);
        } else if self.note.is_some() {
            // The fork closed the descriptor; its number may belong to a file of this child by now, perhaps to the same one.
            self.file.leak();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_by_one_and_free_when_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let open = || {
            let mut options = files::private_file();
            files::open(&path, options.write(true).create(true).truncate(false)).unwrap()
        };
        let held = Held::lock(open()).unwrap();
        let error = Held::lock(open()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        drop(held);
        assert!(Held::lock(open()).unwrap().file().is_some());
    }
}
