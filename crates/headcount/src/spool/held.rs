//! Locked files.

use std::fs::{File, TryLockError};
use std::io;

use crate::platform;

/// A file that this process holds locked; other processes that want the lock do not wait for it.
///
/// A forked child shares the open file and with it the lock. So the lock is given up by unlocking and not by closing,
/// which would change nothing while a child has it open; and the child of a process that is killed later closes its copy
/// when it is forked.
#[derive(Debug)]
pub(crate) struct Held {
    /// Always there until dropped.
    file: Option<File>,
    generation: u32,
    /// Where the copy to be closed in children is noted; there is room for a few.
    note: Option<usize>,
}

impl Held {
    /// Locks `file`.
    ///
    /// # Errors
    /// `WouldBlock`: somebody else holds it. Anything else: files cannot be locked here.
    pub(crate) fn lock(file: File) -> io::Result<Self> {
        // Noted first: a child that is forked in between closes what it would otherwise hold locked.
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

    /// The file; `None` in a process that was forked off from the one that locked it.
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
            // The fork closed the descriptor; its number may be somebody else's by now.
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
