//! Segments: the log's files.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use headcount_catalog::Schema;

use super::damage::Damage;
use crate::disk::Disk;
use crate::error::LogError;

/// A segment's file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentFile {
    /// The sequence number of its first frame.
    pub first: u64,
    /// Where it is.
    pub path: PathBuf,
}

impl SegmentFile {
    /// The file of the segment that begins with `first`.
    pub fn new(folder: &Path, first: u64) -> Self {
        let path = folder.join(format!("{first:020}.wal"));
        Self { first, path }
    }
}

/// A segment's content.
#[derive(Debug)]
pub struct Segment {
    /// Its file.
    pub file: SegmentFile,
    /// The numbering of tables and columns in its rows; without tables where its header cannot be read.
    pub schema: Schema,
    /// The frames that count, in order.
    pub frames: Vec<Frame>,
    /// The stretches in front of one of them that cannot be read; or the whole file, where its header cannot be read.
    pub damage: Vec<Damage>,
}

/// One group of requests, which shared one fsync.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Its number.
    pub sequence: u64,
    /// Encoded entries.
    pub payload: Bytes,
}

impl Segment {
    /// The sequence number after the last frame's, whether it can be read or not.
    pub fn next(&self) -> u64 {
        let read = self.frames.last().map(|frame| frame.sequence + 1);
        let lost = self.damage.last().map(|damage| damage.lost.end);
        read.max(lost).unwrap_or(self.file.first)
    }
}

/// A segment that gets no further frames: it is removed, and its fingerprints are kept, once the tables hold its rows.
#[derive(Debug)]
pub struct SealedSegment {
    /// Its file.
    pub file: SegmentFile,
    /// The sequence number of its last frame.
    pub last: u64,
    /// The fingerprints of its entries.
    pub fingerprints: Vec<u64>,
}

/// The segments in `folder`, oldest first; none where there is no folder.
///
/// # Errors
///
/// The folder cannot be listed.
pub fn list(disk: &dyn Disk, folder: &Path) -> Result<Vec<SegmentFile>, LogError> {
    let entries = match disk.list(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(LogError::io("list", folder)(error)),
    };
    let numbers = entries.iter().filter_map(|entry| {
        let digits = entry.name.strip_suffix(".wal")?;
        digits.parse().ok()
    });
    let mut segments: Vec<_> = numbers
        .map(|first| SegmentFile::new(folder, first))
        .collect();
    segments.sort();
    Ok(segments)
}
