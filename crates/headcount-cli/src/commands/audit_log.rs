//! `headcount audit-log`: who read the shared tier, erased and changed tokens.

use chrono::NaiveDate;
use clap::Args;
use headcount_commands::exit::Code;
use headcount_commands::output::{self, Format};

use crate::backend::BackendArgs;

/// Show who read the shared tier, erased and changed tokens
///
/// A line names the token and the address, never what was read. SQL counts as a read of the shared tier, whatever it asks for.
/// Queries of the data folder with --data are not recorded: whoever can read the folder needs no server.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct AuditLog {
    #[command(flatten)]
    backend: BackendArgs,
    /// Only events since this day, in UTC
    #[arg(long, value_name = "DAY")]
    since: Option<NaiveDate>,
    /// Only so many events, the latest
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// The output format; json is an array of objects
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  headcount audit-log
  headcount audit-log --since 2026-11-01 --format csv
  headcount audit-log --url https://headcount.example --token-file admin.token

Exit codes:
  0  done
  1  the log cannot be read, or the server refused
  2  the command line is wrong
  3  there is no data folder";

impl AuditLog {
    /// Prints the events.
    pub(crate) fn run(self) -> anyhow::Result<Code> {
        let answer = self.backend.audit_log(self.since, self.limit as usize)?;
        output::show(&answer, self.format)?;
        Ok(Code::Done)
    }
}
