//! What became of the queries, for whoever runs the server.

use std::time::Duration;

use headcount_observe::{Counter, Histogram};

use crate::error::ReportError;

/// Counts since the start of the process.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// How long those took that ran.
    pub(super) durations: Histogram,
    /// Found no place.
    pub(super) refused: Counter,
    /// Ended because their time was over.
    pub(super) too_slow: Counter,
    /// Ended because they took too much memory.
    pub(super) too_large: Counter,
    /// Ended by a fault that is not the query's.
    pub(super) failed: Counter,
}

impl Activity {
    /// Counts a query that found no place.
    pub(super) fn refused(&self) {
        self.refused.add(1);
    }

    /// Counts a query that ran, by its end.
    pub(super) fn ended<T>(&self, result: &Result<T, ReportError>, took: Duration) {
        self.durations.observe(took);
        match result {
            Ok(_) => {}
            Err(ReportError::TooSlow { .. }) => self.too_slow.add(1),
            Err(ReportError::TooMuchMemory { .. }) => self.too_large.add(1),
            Err(error) if error.is_client_error() => {}
            Err(_) => self.failed.add(1),
        }
    }
}
