//! `headcount log`: what left this machine, and what was given up.

use clap::Args;
use headcount::Installation;
use headcount_answer::ColumnKind;

use crate::exit::Code;
use crate::output::{self, Format};

/// List every request that left this machine, with its hash, and everything that was given up
///
/// `sha256` is that of the request's body before compression: the bytes that `headcount preview --format otlp` showed.
/// `receipt` went beside it: by it, `headcount forget` can have the collector erase what the request held.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Log {
    /// Only this framework
    framework: Option<String>,
    /// How to write the list
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
                vec![
                    installation.framework().into(),
                    entry.time().into(),
                    entry.segment.into(),
                    entry.fate.as_str().into(),
                    entry.status.into(),
                    entry.events.into(),
                    entry.dropped.into(),
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
