//! The collector's own counts in Prometheus' text format 0.0.4. Numbers and fixed words alone: nothing that was sent can
//! become a label (promise 1).

use std::fmt::Write as _;

use crate::counters::Reason;
use crate::intake::Intake;

impl Reason {
    /// The reason as a label's value.
    pub fn label(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownMethod => "unknown_method",
            Self::Late => "late",
            Self::TooLarge => "too_large",
            Self::UnknownMedia => "unknown_media",
            Self::NoRoom => "no_room",
            Self::DiskFull => "disk_full",
            Self::Overloaded => "overloaded",
            Self::StoreFailed => "store_failed",
            Self::Defect => "defect",
        }
    }
}

impl Intake {
    /// The counts since the start, one family a paragraph.
    pub fn metrics(&self) -> String {
        let counters = self.counters();
        let mut page = String::new();
        let counts = [
            (
                "headcount_requests_total",
                "Requests that were acknowledged: what was kept of them is on disk.",
                counters.requests(),
            ),
            (
                "headcount_request_bytes_total",
                "Bytes of acknowledged requests after decompression.",
                counters.bytes(),
            ),
            (
                "headcount_spans_total",
                "Spans in acknowledged requests that were read.",
                counters.spans_accepted(),
            ),
            (
                "headcount_spans_rejected_total",
                "Spans in acknowledged requests that were refused whole.",
                counters.spans_rejected(),
            ),
            (
                "headcount_spans_duplicate_total",
                "Spans in acknowledged requests that had been stored before.",
                counters.spans_duplicate(),
            ),
        ];
        for (name, help, count) in counts {
            family(&mut page, name, help, "counter");
            sample(&mut page, name, "", count);
        }
        let refused = "headcount_requests_refused_total";
        let help = "Requests that were not acknowledged, by reason.";
        family(&mut page, refused, help, "counter");
        for reason in Reason::ALL {
            let label = format!("{{reason=\"{}\"}}", reason.label());
            sample(&mut page, refused, &label, counters.refusals(reason));
        }
        let ready = "headcount_store_ready";
        let help = "1 while the store takes what it is given, 0 for 10 s after it could not.";
        family(&mut page, ready, help, "gauge");
        sample(&mut page, ready, "", u64::from(self.ailment().is_none()));
        let damaged = "headcount_log_damaged_files";
        let help = "Files of what could not be read of the write-ahead log, kept in wal/ until somebody removes them.";
        family(&mut page, damaged, help, "gauge");
        sample(&mut page, damaged, "", self.damaged_files());
        page
    }
}

// Writing to a text cannot fail.
fn family(page: &mut String, name: &str, help: &str, kind: &str) {
    let _written = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn sample(page: &mut String, name: &str, label: &str, count: u64) {
    let _written = writeln!(page, "{name}{label} {count}");
}
