//! File locks.

use std::fs::{File, TryLockError};
use std::io;

use crate::platform;

/// A file that this process holds locked. Other processes that want the lock do not block.
///
/// A forked child shares the open file, and with it the lock. So the lock is released by unlocking, not by closing, which
/// would have no effect while a child has the file open. And a child closes its copy right after the fork, because its parent
/// may be killed.
#[derive(Debug)]
pub(crate) struct Held {
    /// `Some` until it is dropped.
    file: Option<File>,
    generation: u32,
    /// The entry in the list of files that children close; there is room for a few.
    note: Option<usize>,
}

impl Held {
    /// Locks `file`.
    ///
    /// # Errors
    /// `WouldBlock`: another process holds it. Anything else: files cannot be locked here.
    pub(crate) fn lock(file: File) -> io::Result<Self> {
        // Noted before the lock: otherwise a child that is forked in between would hold the lock.
        let held = Self {
            note: platform::note_open_file(&file),
            generation: platform::generation(),
            file: Some(file),
        };
        let locked = held.file().map(File::try_lock);
        match locked {
            Some(Ok(())) => Ok(held),
            Some(Err(TryLockError::Error(error))) => Err(error),
            Some(Err(TryLockError::WouldBlock)) | None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// The file; `None` in a forked child of the process that locked it.
    pub(crate) fn file(&self) -> Option<&File> {
        let is_ours = self.generation == platform::generation();
        self.file.as_ref().filter(|_| is_ours)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(file) = self.file() {
            let _best_effort = file.unlock();
            platform::forget_open_file(self.note);
        } else if self.note.is_some() {
            // The fork closed the descriptor; its number may belong to another file by now.
            std::mem::forget(self.file.take());
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
            File::options()
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
                .unwrap()
        };
        let held = Held::lock(open()).unwrap();
        let error = Held::lock(open()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        drop(held);
        assert!(Held::lock(open()).unwrap().file().is_some());
    }
}
