//! Removal of segments whose rows are in the tables.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use super::segment::SealedSegment;
use crate::dedup::DedupFiles;
use crate::disk::Disk;
use crate::error::LogError;

/// The segments that get no further frames and were not removed yet. The writer adds, the trimmer removes.
pub type SealedSegments = Arc<Mutex<Vec<SealedSegment>>>;

/// Removes segments, after their fingerprints are in `seen/`.
#[derive(Debug)]
pub struct Trimmer {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    sealed: SealedSegments,
    dedup_files: DedupFiles,
}

impl Trimmer {
    /// Trims the log in `folder`.
    pub fn new(
        disk: Arc<dyn Disk>,
        folder: PathBuf,
        sealed: SealedSegments,
        dedup_files: DedupFiles,
    ) -> Self {
        Self {
            disk,
            folder,
            sealed,
            dedup_files,
        }
    }

    /// Removes the segments up to sequence number `last`, whose rows are in the tables, oldest first.
    ///
    /// # Errors
    ///
    /// A file cannot be written or removed. The segments stay, and the next call tries again.
    pub fn trim(&mut self, last: u64) -> Result<(), LogError> {
        let (mut done, kept): (Vec<_>, Vec<_>) = self
            .sealed
            .lock()
            .drain(..)
            .partition(|segment| segment.last <= last);
        done.sort_by_key(|segment| segment.file.first);
        let trimmed = self.remove(&done);
        let mut sealed = self.sealed.lock();
        sealed.extend(kept);
        if trimmed.is_err() {
            // Some may have been removed already; the next attempt skips them.
            sealed.extend(done);
        }
        trimmed
    }

    fn remove(&mut self, done: &[SealedSegment]) -> Result<(), LogError> {
        let Some(newest) = done.last() else {
            return Ok(());
        };
        let fingerprints = done.iter().flat_map(|segment| &segment.fingerprints);
        let fingerprints: Vec<u64> = fingerprints.copied().collect();
        if !fingerprints.is_empty() {
            self.dedup_files.keep(newest.file.first, &fingerprints)?;
        }
        for segment in done {
            let path = &segment.file.path;
            if self.disk.exists(path) {
                self.disk
                    .remove(path)
                    .map_err(LogError::io("remove", path))?;
            }
            // One at a time, oldest first, so that a crash leaves no hole.
            self.disk
                .sync_folder(&self.folder)
                .map_err(LogError::io("sync", &self.folder))?;
        }
        Ok(())
    }
}
