//! The files of tables that cannot be read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use headcount_log::disk::Disk;
use parking_lot::Mutex;

use crate::error::LakeError;

/// The files of tables that could not be read. They are passed over, so that one damaged file does not stop merges, erasures and
/// queries of the others, and stay where they are. A file that was replaced, for example from a backup, is tried again.
#[derive(Debug)]
pub(crate) struct UnreadableFiles {
    disk: Arc<dyn Disk>,
    files: Mutex<BTreeMap<PathBuf, Unreadable>>,
    /// Counts the changes of what queries leave out.
    revision: AtomicU64,
}

/// Why a file is passed over.
#[derive(Debug, Clone)]
struct Unreadable {
    is_damaged: bool,
    reason: String,
    /// Its length and the time of its last change when it was found unreadable; `None` if it did not exist.
    state: Option<(u64, Option<SystemTime>)>,
}

impl UnreadableFiles {
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self {
            disk,
            files: Mutex::default(),
            revision: AtomicU64::new(0),
        }
    }

    /// Remembers the file that `error` names, and reports it the first time. Returns whether it names one.
    pub(crate) fn note(&self, error: &LakeError) -> bool {
        let (is_damaged, path) = match error {
            LakeError::UnreadableFile { path, .. } => (true, path),
            LakeError::DeletionVector { path } | LakeError::IncompatibleFile { path, .. } => {
                (false, path)
            }
            _ => return false,
        };
        let reason = match std::error::Error::source(error) {
            Some(source) => source.to_string(),
            None => error.to_string(),
        };
        if !self.insert(path, is_damaged, reason) {
            return true;
        }
        let error = error as &dyn std::error::Error;
        match is_damaged {
            true => tracing::error!(
                file = %path.display(), error,
                "a file of a table is damaged: it is neither merged nor erased from, and answers say that its rows are missing; \
                 restore it from a backup, or remove it from its table with another Delta program"
            ),
            false => tracing::error!(
                file = %path.display(), error,
                "a file of a table is neither merged nor erased from; rewrite it with the program that wrote it"
            ),
        }
        true
    }

    /// Remembers a file that another process found damaged.
    pub(crate) fn note_reported(&self, path: &Path, reason: String) {
        self.insert(path, true, reason);
    }

    /// Returns whether that is news.
    fn insert(&self, path: &Path, is_damaged: bool, reason: String) -> bool {
        let unreadable = Unreadable {
            is_damaged,
            reason,
            state: self.state(path),
        };
        let known = self.files.lock().insert(path.to_path_buf(), unreadable);
        let is_news = known.is_none_or(|known| known.is_damaged != is_damaged);
        if is_news {
            self.changed();
        }
        is_news
    }

    /// Whether the file is known to be unreadable.
    pub(crate) fn contains(&self, path: &Path) -> bool {
        self.files.lock().contains_key(path)
    }

    /// The damaged ones, with the reasons. Queries leave these out.
    pub(crate) fn damaged(&self) -> BTreeMap<PathBuf, String> {
        let files = self.files.lock();
        let damaged = files.iter().filter(|(_, file)| file.is_damaged);
        damaged
            .map(|(path, file)| (path.clone(), file.reason.clone()))
            .collect()
    }

    /// Forgets those that are no longer what they were when they were found.
    pub(crate) fn forget_replaced(&self) {
        let known: Vec<(PathBuf, Unreadable)> = {
            let files = self.files.lock();
            files
                .iter()
                .map(|(path, file)| (path.clone(), file.clone()))
                .collect()
        };
        for (path, file) in known {
            if self.state(&path) != file.state {
                self.files.lock().remove(&path);
                self.changed();
                tracing::info!(file = %path.display(), "a file of a table that could not be read has changed; it is read again");
            }
        }
    }

    /// Forgets those that `is_kept` does not keep.
    pub(crate) fn retain(&self, is_kept: impl Fn(&Path) -> bool) {
        let mut files = self.files.lock();
        let before = files.len();
        files.retain(|path, _| is_kept(path));
        if files.len() != before {
            self.changed();
        }
    }

    /// How many are known.
    pub(crate) fn len(&self) -> usize {
        self.files.lock().len()
    }

    /// A number that is another one once queries leave out other files.
    pub(crate) fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }

    fn changed(&self) {
        self.revision.fetch_add(1, Ordering::Release);
    }

    fn state(&self, path: &Path) -> Option<(u64, Option<SystemTime>)> {
        let metadata = self.disk.metadata(path).ok()?;
        Some((metadata.length, metadata.modified))
    }
}
