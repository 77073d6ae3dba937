//! The segments in a folder.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::limits::SPOOL_LIMIT;
use super::lock::Held;
use super::segment;
use crate::platform::files;

/// The extension of a segment that waits. A retired segment has its delivery status instead.
pub(super) const ENDING: &str = "spool";
/// The extension of a segment that its process appends to without a lock, because the file system has none that excludes others.
pub(super) const OPEN: &str = "open";

/// A segment in the folder, locked or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    /// Without its ending: the time of its creation and a random number.
    pub(crate) name: String,
    pub(crate) created_millis: u64,
    pub(crate) bytes: u64,
}

/// The folder of segments within a framework's folder.
pub(crate) fn spool_folder(folder: &Path) -> PathBuf {
    folder.join("spool")
}

/// Whether any segment in a framework's folder waits for the collector with this mark. Segments that a running process
/// holds count, and so do segments that hold nothing but loss reports.
pub(crate) fn holds_records(folder: &Path, mark: Option<&str>) -> bool {
    list_all(&spool_folder(folder))
        .iter()
        .filter(|found| found.is_for(mark))
        .filter_map(Found::peek)
        .any(|bytes| !segment::read(&bytes).records.is_empty())
}

/// The segments in `folder` that wait, oldest first. A folder that cannot be read has none.
pub(crate) fn list(folder: &Path) -> Vec<Found> {
    list_ending(folder, ENDING)
}

/// The segments in `folder` that wait, and those that a process appends to without a lock.
pub(crate) fn list_all(folder: &Path) -> Vec<Found> {
    let mut found = list(folder);
    found.extend(list_ending(folder, OPEN));
    found
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
                // The file may have been removed by now. Anything but a plain file is not ours.
                bytes: entry.metadata().ok().filter(Metadata::is_file)?.len(),
            })
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// Whether the folder is a link: the client neither writes to nor removes from a link's target.
pub(super) fn is_link(folder: &Path) -> bool {
    std::fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.is_symlink())
}

/// How much of the disk a folder of segments takes, including retired segments that could not be removed.
pub(super) fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let bytes = entries.filter_map(|entry| {
        let metadata = entry.ok()?.metadata().ok()?;
        metadata.is_file().then_some(metadata.len())
    });
    bytes.sum()
}

impl Found {
    /// Locks the segment and reads it, unless another process holds it or has retired it.
    pub(crate) fn take(&self) -> Option<(Held, Vec<u8>)> {
        let file = files::open(&self.path, File::options().read(true).write(true)).ok()?;
        let held = Held::lock(file).ok()?;
        if !is_still(&held, &self.path) {
            return None;
        }
        let mut bytes = Vec::new();
        // No segment is longer; anything else at this path may be.
        let _length = held
            .file()?
            .take(SPOOL_LIMIT)
            .read_to_end(&mut bytes)
            .ok()?;
        Some((held, bytes))
    }

    /// The mark of the collector that its events are for.
    pub(super) fn mark(&self) -> Option<&str> {
        self.name.split('-').nth(2)
    }

    /// Whether its events may go to the collector with this mark. Events without a collector may go to any.
    pub(crate) fn is_for(&self, mark: Option<&str>) -> bool {
        self.mark().is_none_or(|ours| Some(ours) == mark)
    }

    /// Whether this user may open it. A segment of another user may be forbidden.
    pub(crate) fn is_allowed(&self) -> bool {
        let opened = files::open(&self.path, File::options().read(true).write(true));
        !opened.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    }

    /// Reads the segment without its lock: everything that a running process has written so far.
    pub(crate) fn peek(&self) -> Option<Vec<u8>> {
        files::read(&self.path, SPOOL_LIMIT).ok()
    }
}

/// Whether the held file is still the one at `path`: it may have been retired before it was locked, or deleted since.
pub(crate) fn is_still(held: &Held, path: &Path) -> bool {
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
