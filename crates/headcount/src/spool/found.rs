//! What is in a folder of segments.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::SPOOL_LIMIT;
use super::held::Held;
use crate::folders;

/// A segment that waits. One that was dealt with has the word of its fate instead.
pub(super) const ENDING: &str = "spool";

/// A segment in the folder, locked or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    /// Without its ending: the time of its creation and a random number.
    pub(crate) name: String,
    pub(crate) created_millis: u64,
    pub(crate) bytes: u64,
}

/// The segments in `folder` that wait, oldest first. A folder that cannot be read has none.
pub(crate) fn list(folder: &Path) -> Vec<Found> {
    list_ending(folder, ENDING)
}

/// The segments in `folder` whose names end with `.{ending}`, oldest first.
pub(crate) fn list_ending(folder: &Path, ending: &str) -> Vec<Found> {
    if is_link(folder) {
        return Vec::new();
    }
    let mut found: Vec<Found> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let path = entry.path();
            if path.extension() != Some(OsStr::new(ending)) {
                return None;
            }
            let name = path.file_stem()?.to_str()?.to_owned();
            let created_millis = name.split_once('-')?.0.parse().ok()?;
            Some(Found {
                path,
                name,
                created_millis,
                // It may have been removed by now; and what is no plain file is none of ours.
                bytes: entry.metadata().ok().filter(Metadata::is_file)?.len(),
            })
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// Whether somebody put a link in the place of the folder: what it leads to is none of ours to write or remove.
pub(super) fn is_link(folder: &Path) -> bool {
    std::fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.is_symlink())
}

/// How much of the disk a folder of segments takes, those among them that were dealt with and could not be removed.
pub(super) fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let bytes = entries.filter_map(|entry| {
        let metadata = entry.ok()?.metadata().ok()?;
        metadata.is_file().then_some(metadata.len())
    });
    bytes.sum()
}

impl Found {
    /// Locks the segment and reads it, unless somebody else holds it or has dealt with it.
    pub(crate) fn take(&self) -> Option<(Held, Vec<u8>)> {
        let file = File::options()
            .read(true)
            .write(true)
            .open(&self.path)
            .ok()?;
        let held = Held::lock(file).ok()?;
        if !is_still(&held, &self.path) {
            return None;
        }
        let mut bytes = Vec::new();
        // No segment is longer, whatever somebody put in its place.
        let _length = held
            .file()?
            .take(SPOOL_LIMIT)
            .read_to_end(&mut bytes)
            .ok()?;
        Some((held, bytes))
    }

    /// Of the collector that its events are for.
    pub(super) fn mark(&self) -> Option<&str> {
        self.name.split('-').nth(2)
    }

    /// Whether its events may go to the collector of this mark: those for nobody yet may go to any.
    pub(crate) fn is_for(&self, mark: Option<&str>) -> bool {
        self.mark().is_none_or(|ours| Some(ours) == mark)
    }

    /// Whether nobody forbids to open it, as for what another user left here.
    pub(crate) fn is_allowed(&self) -> bool {
        let opened = File::options().read(true).write(true).open(&self.path);
        !opened.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    }

    /// Reads the segment without its lock: what a running process has written so far.
    pub(crate) fn peek(&self) -> Option<Vec<u8>> {
        folders::read(&self.path, SPOOL_LIMIT).ok()
    }
}

/// Whether the file that is held is the one at `path`: it may have been dealt with before it was locked, or forgotten
/// since.
pub(super) fn is_still(held: &Held, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let here = held.file().and_then(|file| file.metadata().ok());
        let there = std::fs::metadata(path).ok();
        here.zip(there)
            .is_some_and(|(here, there)| (here.dev(), here.ino()) == (there.dev(), there.ino()))
    }
    #[cfg(not(unix))]
    {
        held.file().is_some() && path.exists()
    }
}
