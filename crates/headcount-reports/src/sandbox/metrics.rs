//! The metrics of free SQL.

use headcount_observe::Page;

use super::{MAX_RUNNING, MAX_WAITING, Sandbox};

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
