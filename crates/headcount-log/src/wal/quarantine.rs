//! Quarantine: damage in the log is reported as an error, and its bytes are kept in a file for somebody to look at.

use std::path::{Path, PathBuf};

use super::segment::Segment;
use crate::disk::Disk;
use crate::error::LogError;

/// Reports damage in the program's log.
pub fn report(segments: &[Segment]) {
    for damage in segments.iter().flat_map(|segment| &segment.damage) {
        tracing::error!(
            segment = %damage.segment.display(),
            offset = damage.offset,
            bytes = damage.bytes.len(),
            groups = damage.lost.end - damage.lost.start,
            reason = %damage.reason,
            "the write-ahead log is damaged: groups of acknowledged requests are lost; later groups are intact"
        );
    }
}

/// Reports damage, and writes each to a file of its own, durably: the segment is removed once its whole frames are in the
/// tables.
///
/// # Errors
///
/// A file cannot be written.
pub fn keep(disk: &dyn Disk, folder: &Path, segments: &[Segment]) -> Result<(), LogError> {
    report(segments);
    for damage in segments.iter().flat_map(|segment| &segment.damage) {
        let path = folder.join(format!("{:020}.damaged", damage.lost.start));
        if !disk.exists(&path) {
            let bytes = [&damage.header[..], &damage.bytes].concat();
            disk.replace(&path, &bytes)
                .map_err(LogError::io("write", &path))?;
        }
    }
    for path in files(disk, folder)? {
        tracing::error!(
            file = %path.display(),
            "this file holds an unreadable part of the write-ahead log; check the medium, then remove the file"
        );
    }
    Ok(())
}

/// Renames a damaged file, durably, so that it is kept and read no more; returns its new name.
///
/// # Errors
///
/// The file cannot be renamed.
pub fn set_aside(disk: &dyn Disk, path: &Path) -> Result<PathBuf, LogError> {
    let aside = path.with_extension("damaged");
    disk.rename_durably(path, &aside)
        .map_err(LogError::io("set aside", path))?;
    Ok(aside)
}

/// The quarantined files in `folder`.
///
/// # Errors
///
/// The folder cannot be listed.
pub fn files(disk: &dyn Disk, folder: &Path) -> Result<Vec<PathBuf>, LogError> {
    let entries = disk.list(folder).map_err(LogError::io("list", folder))?;
    let is_damaged = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "damaged");
    Ok(entries
        .into_iter()
        .map(|entry| entry.path)
        .filter(is_damaged)
        .collect())
}
