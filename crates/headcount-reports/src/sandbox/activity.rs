//! What became of the queries, for whoever runs the server.

use std::time::Duration;

use headcount_observe::{Counter, Histogram, Page};

use super::{MAX_RUNNING, MAX_WAITING, Sandbox};
use crate::error::ReportError;

/// Counts since the start of the process.
#[derive(Debug, Default)]
pub(super) struct Activity {
    durations: Histogram,
    refused: Counter,
    /// Ended because their time was over.
    too_slow: Counter,
    /// Ended because they took too much memory.
    too_large: Counter,
    failed: Counter,
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

impl Sandbox {
    /// Writes the metrics of free SQL onto `page`.
    pub fn write_metrics(&self, page: &mut Page) {
        let shared = &self.shared;
        page.gauge(
            "headcount_sql_queries_running",
            "SQL queries of clients that run now, each in a process of its own.",
        )
        .value(MAX_RUNNING.saturating_sub(shared.running.available_permits()));
        page.gauge(
            "headcount_sql_queries_waiting",
            "SQL queries that wait for one of these to end.",
        )
        .value(MAX_WAITING.saturating_sub(shared.waiting.available_permits()));
        page.histogram(
            "headcount_sql_query_duration_seconds",
            "SQL queries that ran, whatever their end.",
        )
        .durations(&[], &shared.activity.durations);
        let mut stopped = page.counter(
            "headcount_sql_queries_stopped_total",
            "SQL queries without an answer: too many at once (busy), over their time or their memory, or failed.",
        );
        for (reason, count) in [
            ("busy", &shared.activity.refused),
            ("time", &shared.activity.too_slow),
            ("memory", &shared.activity.too_large),
            ("failed", &shared.activity.failed),
        ] {
            stopped.labelled(&[("reason", reason)], count.get());
        }
    }
}
