//! `headcount audit`: what was taken in, and what became of it.

use clap::{Args, ValueEnum};
use headcount_commands::exit::Code;
use headcount_commands::output::{self, Format};
use headcount_reports::{AuditView, is_account_whole};

use crate::backend::BackendArgs;
use crate::retention::retention;

/// Account for every row: taken = stored + refused + duplicate + expired + erased
///
/// What was taken, was a duplicate, expired or was erased comes from counters that were made durable together with the rows. What is stored
/// is measured from the files and the write-ahead log. The difference is 0, or rows were lost (positive) or doubled (negative). Nothing
/// is changed, and a collector may be running on the folder. Who read what is another command: audit-log.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Audit {
    #[command(flatten)]
    backend: BackendArgs,
    /// What to show: a row for each table (and for each day with a difference), for each table and day, or how old the rows are
    #[arg(long, value_enum, default_value = "tables")]
    view: View,
    /// For how many days rows of the anonymous tier may be kept, where the server runs with fewer than the catalog's
    #[arg(long, value_name = "DAYS", conflicts_with = "url", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
    /// For how many days rows of the shared tier may be kept, where the server runs with fewer than the catalog's
    #[arg(long, value_name = "DAYS", conflicts_with = "url", value_parser = clap::value_parser!(u32).range(1..))]
    keep_shared: Option<u32>,
    /// The output format; json is an array of objects
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum View {
    Tables,
    Days,
    Retention,
}

const EXAMPLES: &str = "\
Examples:
  headcount audit
  headcount audit --view days --format csv
  headcount audit --view retention --keep 90
  headcount audit --url https://headcount.example --token-file analyst.token

Columns:
  opening       what the table held when counting began: 0, but for folders of older versions
  taken         what was acknowledged since then, whatever became of it
  stored        measured: what the table's files and the write-ahead log hold
  refused       the same of the table of refusals: counts of what the catalog does not allow
  duplicate     what came again, and was stored before
  expired       what was removed because it was too old
  erased        what was removed, or never stored, because its sender ordered that
  unreadable    what damaged files hold, which headcount check names, or held before a repair
  by_others     what other programs, or older versions of this one, removed less what they added
  difference    opening + taken - all of the others: 0
  claimed_lost  what clients say that they lost before it came here; empty where nobody says

The day is that of a row's time; times of a broken clock count on the nearest day of the store.

Exit codes:
  0  every difference is 0, nothing is known to be lost, and no row is kept too long
  1  one of that is not so, or the account cannot be read
  2  the command line is wrong
  3  there is no data folder";

impl Audit {
    /// Prints the account.
    pub(crate) fn run(self) -> anyhow::Result<Code> {
        let view = match self.view {
            View::Tables => AuditView::Tables,
            View::Days => AuditView::Days,
            View::Retention => AuditView::Retention,
        };
        self.backend.put_policy_in_force()?;
        let retention = retention(self.keep, self.keep_shared)?;
        let answer = self.backend.audit(view, retention)?;
        output::show(&answer, self.format)?;
        Ok(match is_account_whole(&answer) {
            true => Code::Done,
            false => Code::Failed,
        })
    }
}
