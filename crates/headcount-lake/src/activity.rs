//! What the store has done, for its operator.

use std::time::{Duration, Instant, SystemTime};

use headcount_observe::{Counter, Histogram};
use parking_lot::Mutex;

/// Counts since the store was opened.
#[derive(Debug, Default)]
pub struct LakeActivity {
    /// How long flushes took that succeeded.
    pub flushes: Histogram,
    /// Flushes that failed. Their rows stay in the log and in memory.
    pub failed_flushes: Counter,
    /// Rows that flushes moved to the tables.
    pub flushed_rows: Counter,
    /// Merges of a day's small files.
    pub merges: Counter,
    /// Files that merges replaced.
    pub merged_files: Counter,
    /// Checkpoints of tables' logs.
    pub checkpoints: Counter,
    /// Files that no table needed any more and that were removed.
    pub removed_files: Counter,
    /// Files from which rows were deleted because their time was over.
    pub expired_files: Counter,
    /// Rounds of merges, checkpoints and removals that failed.
    pub failed_upkeep: Counter,
    /// Receipts whose rows were erased.
    pub erased_receipts: Counter,
    /// Erasures that failed. Their orders stay.
    pub failed_erasures: Counter,
    last_flush: Mutex<Option<SystemTime>>,
}

impl LakeActivity {
    /// When the last flush ended that succeeded; `None` before the first.
    pub fn last_flush(&self) -> Option<SystemTime> {
        *self.last_flush.lock()
    }

    pub(crate) fn flushed(&self, rows: u64, took: Duration) {
        self.flushes.observe(took);
        self.flushed_rows.add(rows);
        *self.last_flush.lock() = Some(SystemTime::now());
    }
}

/// The milliseconds since `began`, for the log.
pub(crate) fn milliseconds(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}
