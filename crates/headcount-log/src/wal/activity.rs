//! What the log's thread has done, for its operator.

use headcount_observe::{Counter, Histogram};

/// Counts since the log was started.
#[derive(Debug, Default)]
pub struct LogActivity {
    /// Groups of requests that are durable.
    pub groups: Counter,
    /// Their bytes.
    pub bytes: Counter,
    /// How long the fsyncs of groups took, also those that failed.
    pub syncs: Histogram,
}
