//! The files of tables that cannot be read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use crate::error::LakeError;

/// Files of tables that upkeep or an erasure could not read. They are passed over, so that one damaged file does not stop the
/// work on the others; they stay where they are.
#[derive(Debug, Default)]
pub(crate) struct UnreadableFiles(Mutex<BTreeSet<PathBuf>>);

impl UnreadableFiles {
    /// Remembers the file that `error` names, and reports it the first time. Returns whether it names one.
    pub(crate) fn note(&self, error: &LakeError) -> bool {
        let (LakeError::UnreadableFile { path, .. } | LakeError::DeletionVector { path }) = error
        else {
            return false;
        };
        if self.0.lock().insert(path.clone()) {
            tracing::error!(
                file = %path.display(), error = error as &dyn std::error::Error,
                "a file of a table cannot be read: it is neither merged nor erased from, and queries that need it fail; restore \
                 it from a backup, or remove it from its table with another Delta program"
            );
        }
        true
    }

    /// Whether the file is known to be unreadable.
    pub(crate) fn contains(&self, path: &Path) -> bool {
        self.0.lock().contains(path)
    }

    /// Forgets those that `is_kept` does not keep.
    pub(crate) fn retain(&self, is_kept: impl Fn(&Path) -> bool) {
        self.0.lock().retain(|path| is_kept(path));
    }

    /// How many are known.
    pub(crate) fn len(&self) -> usize {
        self.0.lock().len()
    }
}
