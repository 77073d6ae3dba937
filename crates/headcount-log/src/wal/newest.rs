//! The newest segment's number, kept outside of the log's folder: without it, a log whose last segments were deleted looks like
//! one that was flushed.

use std::io;
use std::path::{Path, PathBuf};

use super::segment::Segment;
use crate::disk::Disk;

fn path(root: &Path) -> PathBuf {
    root.join("newest-segment")
}

/// Notes that a frame of the segment that begins with `first` is durable.
///
/// # Errors
///
/// The file cannot be written. Nothing is lost by that: a deleted segment would only not be missed.
pub(super) fn note(disk: &dyn Disk, root: &Path, first: u64) -> io::Result<()> {
    disk.replace(&path(root), format!("{first}\n").as_bytes())
}

/// The number of the newest segment in which a frame was acknowledged, if the data folder `root` says so. Beside a running collector it has
/// to be read before the log, so that the log is no older.
pub fn newest_segment(disk: &dyn Disk, root: &Path) -> Option<u64> {
    // A file that is missing, as in a folder of an earlier version, or damaged, tells nothing.
    let text = disk.read_text(&path(root)).ok()?;
    text.trim().parse().ok()
}

/// How many groups at least were in segments that are in the folder no more, and not in the tables, which hold the rows up to
/// `applied`.
pub(super) fn missing(newest: Option<u64>, segments: &[Segment], applied: u64) -> u64 {
    let Some(newest) = newest else {
        return 0;
    };
    let next = segments.last().map_or(1, Segment::next);
    (newest.saturating_add(1)).saturating_sub(next.max(applied.saturating_add(1)))
}
