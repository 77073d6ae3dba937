//! What cannot be read of the log is said loudly, and kept for somebody to look at.

use std::path::{Path, PathBuf};

use super::replay::Segment;
use crate::disk::Disk;
use crate::error::LakeError;

/// Says in the program's log what cannot be read.
pub(crate) fn tell(segments: &[Segment]) {
    for damage in segments.iter().flat_map(|segment| &segment.damage) {
        tracing::error!(
            segment = %damage.segment.display(),
            offset = damage.offset,
            bytes = damage.bytes.len(),
            groups = damage.lost.end - damage.lost.start,
            reason = %damage.reason,
            "the write-ahead log is damaged: groups of acknowledged requests are lost; those behind them are not"
        );
    }
}

/// Writes each damage to a file of its own, durably: the segment goes when what is whole in it is in the tables.
pub(crate) fn keep_aside(
    disk: &dyn Disk,
    folder: &Path,
    segments: &[Segment],
) -> Result<(), LakeError> {
    tell(segments);
    for damage in segments.iter().flat_map(|segment| &segment.damage) {
        let path = folder.join(format!("{:020}.damaged", damage.lost.start));
        if !path.exists() {
            let bytes = [&damage.header[..], &damage.bytes].concat();
            disk.replace(&path, &bytes)
                .map_err(LakeError::io("write", &path))?;
        }
    }
    for path in files(folder)? {
        tracing::error!(
            file = %path.display(),
            "what could not be read of the write-ahead log is kept in this file; look at the medium, then remove it"
        );
    }
    Ok(())
}

/// The files of what could not be read.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>, LakeError> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(LakeError::io("list", folder))? {
        let path = entry.map_err(LakeError::io("list", folder))?.path();
        if path.extension().is_some_and(|ending| ending == "damaged") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
#[path = "damage_tests.rs"]
mod tests;
