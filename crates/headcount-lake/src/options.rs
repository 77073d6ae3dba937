//! The settings of a store.

use std::time::Duration;

use headcount_catalog::Retention;

/// Limits and intervals of a [`Lake`](crate::Lake).
#[derive(Debug, Clone)]
pub struct LakeOptions {
    /// Encoded bytes in the memtable at which it is flushed.
    pub flush_bytes: usize,
    /// Age at which the memtable is flushed, however small.
    pub flush_interval: Duration,
    /// Encoded bytes in the memtable (flushing part included) at which appends wait.
    pub memory_limit: usize,
    /// How long an append waits for the memtable to shrink before it is refused.
    pub append_timeout: Duration,
    /// How many spans deduplication remembers (8 bytes each on disk, up to 20 in memory).
    pub remembered_spans: usize,
    /// Parquet files of one era and like size at which they are merged.
    pub compact_at_files: usize,
    /// How long a file that has left its table stays for readers that opened the table before.
    pub vacuum_grace: Duration,
    /// How long a file that an erasure replaced stays for readers that began before: longer than a query may take.
    pub erasure_grace: Duration,
    /// Bytes of the disk that merges leave free, for the log. With less room than this, nothing is merged, and files that left
    /// their table go after `erasure_grace` if that is shorter than `vacuum_grace`.
    pub disk_reserve: u64,
    /// Commits of one table between two checkpoints of its log.
    pub checkpoint_every: u64,
    /// How long a superseded log entry is kept.
    pub log_retention: Duration,
    /// For how long rows are kept, from their `time` on; `None` keeps them for ever. Older ones leave the tables once an hour.
    pub retention: Option<Retention>,
    /// Whether flushes and compaction run by themselves. Without it they run on demand and on close.
    pub background: bool,
}

impl Default for LakeOptions {
    fn default() -> Self {
        Self {
            flush_bytes: 16 << 20,
            flush_interval: Duration::from_secs(60),
            memory_limit: 48 << 20,
            append_timeout: Duration::from_secs(5),
            remembered_spans: 4_000_000,
            compact_at_files: 8,
            vacuum_grace: Duration::from_secs(3600),
            erasure_grace: Duration::from_secs(35),
            disk_reserve: 256 << 20,
            checkpoint_every: 50,
            log_retention: Duration::from_secs(3600),
            retention: None,
            background: true,
        }
    }
}
