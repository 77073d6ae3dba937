//! The collector's own metrics in Prometheus' text format 0.0.4. Labels are from fixed lists: no text of a request can
//! become one (promise 1).

use std::fmt::Write as _;

use crate::counters::RejectionReason;
use crate::ingest::IngestPipeline;

impl RejectionReason {
    /// The value of the label `reason`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unauthenticated => "no_token",
            Self::Forbidden => "wrong_token",
            Self::RateLimited => "rate_limited",
            Self::UnknownMethod => "unknown_method",
            Self::Timeout => "late",
            Self::TooLarge => "too_large",
            Self::UnsupportedMedia => "unknown_media",
            Self::MemoryExhausted => "no_room",
            Self::TooSlow => "slow",
            Self::Crowded => "crowded",
            Self::DiskFull => "disk_full",
            Self::Overloaded => "overloaded",
            Self::StoreFailed => "store_failed",
            Self::Internal => "defect",
        }
    }
}

impl IngestPipeline {
    /// The page for Prometheus: counters since the start of the process.
    pub fn metrics(&self) -> String {
        let counters = self.counters();
        let mut page = String::new();
        let counts = [
            (
                "headcount_requests_total",
                "Acknowledged requests: their admitted rows are on disk.",
                counters.requests(),
            ),
            (
                "headcount_request_bytes_total",
                "Bytes of acknowledged requests after decompression.",
                counters.bytes(),
            ),
            (
                "headcount_spans_total",
                "Accepted spans in acknowledged requests.",
                counters.spans_accepted(),
            ),
            (
                "headcount_spans_rejected_total",
                "Rejected spans in acknowledged requests.",
                counters.spans_rejected(),
            ),
            (
                "headcount_spans_duplicate_total",
                "Spans in acknowledged requests that were already stored.",
                counters.spans_duplicate(),
            ),
        ];
        for (name, help, count) in counts {
            family(&mut page, name, help, "counter");
            sample(&mut page, name, "", count);
        }
        let rejected = "headcount_requests_refused_total";
        let help = "Rejected requests, by reason.";
        family(&mut page, rejected, help, "counter");
        for reason in RejectionReason::ALL {
            let label = format!("{{reason=\"{}\"}}", reason.label());
            sample(&mut page, rejected, &label, counters.rejections(reason));
        }
        let lake = self.lake();
        let gauges = [
            (
                "headcount_store_ready",
                "1 if the store accepts writes, 0 for 10 s after a write failed.",
                u64::from(self.store_failure().is_none()),
            ),
            (
                "headcount_log_damaged_files",
                "Damaged files of the write-ahead log, of deduplication and of orders to erase, kept as *.damaged until an administrator removes them.",
                lake.damaged_files(),
            ),
            (
                "headcount_log_missing_groups",
                "Groups of acknowledged requests that were in neither the log nor the tables when the collector started.",
                lake.missing_groups(),
            ),
            (
                "headcount_table_unreadable_files",
                "Files of tables that queries, merges or erasures pass over because they cannot be read, since the start.",
                lake.unreadable_files(),
            ),
            (
                "headcount_tables_refused",
                "Tables that cannot be read: their log is damaged, or holds a commit that is not understood.",
                lake.refused_tables().len() as u64,
            ),
            (
                "headcount_tables_with_lost_commits",
                "Tables whose log had lost its last commits when the collector started.",
                lake.tables_with_lost_commits().len() as u64,
            ),
            (
                "headcount_erasures_pending",
                "Receipts whose rows were ordered to be erased, and are not yet.",
                lake.pending_erasures(),
            ),
            (
                "headcount_clock_suspect",
                "1 if nearly all senders are days ahead of this machine's clock, and so refused.",
                u64::from(self.is_clock_suspect()),
            ),
        ];
        for (name, help, value) in gauges {
            family(&mut page, name, help, "gauge");
            sample(&mut page, name, "", value);
        }
        page
    }
}

// Writing to a string cannot fail.
fn family(page: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn sample(page: &mut String, name: &str, label: &str, count: u64) {
    let _ = writeln!(page, "{name}{label} {count}");
}
