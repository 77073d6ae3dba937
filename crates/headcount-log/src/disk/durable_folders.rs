//! Folders whose names are known to be durable.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

/// The folders below the data folder of which this process knows that a power loss leaves them where they are.
///
/// That a folder exists does not say so: the process that created it may have ended before it synced the parent. So each
/// process syncs the parent of each folder once, and looks here afterwards.
#[derive(Debug, Default)]
pub struct DurableFolders {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    roots: Vec<PathBuf>,
    folders: HashSet<PathBuf>,
}

impl DurableFolders {
    /// `root` is durable; what is above it is not ours.
    pub fn set_root(&self, root: &Path) {
        let mut state = self.state.lock();
        if !state.roots.iter().any(|known| known == root) {
            state.roots.push(root.to_path_buf());
        }
        state.folders.insert(root.to_path_buf());
    }

    /// Whether `folder` is inside a data folder.
    pub fn is_below_root(&self, folder: &Path) -> bool {
        let state = self.state.lock();
        state.roots.iter().any(|root| folder.starts_with(root))
    }

    /// Whether the name of `folder` is durable.
    pub fn contains(&self, folder: &Path) -> bool {
        self.state.lock().folders.contains(folder)
    }

    /// The name of `folder` is durable.
    pub fn insert(&self, folder: &Path) {
        self.state.lock().folders.insert(folder.to_path_buf());
    }

    /// Nothing is known any more, as after a restart.
    pub fn clear(&self) {
        *self.state.lock() = State::default();
    }
}
