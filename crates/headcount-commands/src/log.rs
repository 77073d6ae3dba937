//! `headcount log`: requests that were sent and segments that were removed.

use clap::Args;
use headcount::{DeliveryStatus, Entry, Installation};
use headcount_answer::ColumnKind;

use crate::exit::Code;
use crate::output::{self, Format};

/// List every request that was sent, with its hash, and all events that were lost or removed
///
/// `dropped` counts the events that are lost: those for which a segment had no room, and all of one that was removed, for example because telemetry
/// was turned off. Their sum is that of `headcount status`, without what still waits.
///
/// `sha256` is the hash of the request body before compression, which `headcount preview --format otlp` showed. `receipt` is
/// the request's receipt, with which `headcount forget` can have its events erased.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Log {
    /// Only this framework
    framework: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  headcount log
  headcount log my-framework --format csv

Exit codes:
  0  done
  2  the command line is wrong";

const COLUMNS: [(&str, ColumnKind); 11] = [
    ("framework", ColumnKind::Other),
    ("time", ColumnKind::Moment),
    ("segment", ColumnKind::Other),
    ("fate", ColumnKind::Other),
    ("status", ColumnKind::Integer),
    ("events", ColumnKind::Integer),
    ("dropped", ColumnKind::Integer),
    ("bytes", ColumnKind::Integer),
    ("sent_bytes", ColumnKind::Integer),
    ("sha256", ColumnKind::Other),
    ("receipt", ColumnKind::Other),
];

impl Log {
    /// Prints the ledgers.
    pub fn run(self) -> anyhow::Result<Code> {
        let mut rows = Vec::new();
        for installation in Installation::all() {
            let wanted = self.framework.as_deref();
            if wanted.is_some_and(|wanted| wanted != installation.framework()) {
                continue;
            }
            rows.extend(installation.log().into_iter().map(|entry| {
                let dropped = dropped(&entry);
                vec![
                    installation.framework().into(),
                    entry.time().into(),
                    entry.segment.into(),
                    entry.delivery_status.as_str().into(),
                    entry.http_status.into(),
                    entry.events.into(),
                    dropped.into(),
                    entry.bytes.into(),
                    entry.sent_bytes.into(),
                    entry.sha256.into(),
                    entry.receipt.into(),
                ]
            }));
        }
        output::show(&output::answer(&COLUMNS, rows), self.format)?;
        Ok(Code::Done)
    }
}

/// The events that this line says are lost, as `headcount status` adds them up: those that found no room, and all of a segment that was removed
/// without being delivered.
fn dropped(entry: &Entry) -> u64 {
    match entry.delivery_status {
        DeliveryStatus::Delivered => entry.dropped,
        // Another line will say what becomes of it.
        DeliveryStatus::Unanswered | DeliveryStatus::Postponed => 0,
        _ => entry.dropped + entry.events,
    }
}
