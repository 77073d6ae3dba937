//! `headcount restore`: makes a data folder of a backup.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use headcount_backup::{Place, RestoreOptions, RestoreReport};
use headcount_catalog::Catalog;
use headcount_commands::exit::Code;
use headcount_commands::output;
use tokio::runtime::Runtime;

use crate::commands::backup::place;
use crate::progress;

/// Make a data folder of a backup
///
/// Compares every byte with what was backed up, and the number of rows of each table; then opens the folder as a server does. Orders to
/// erase that a later backup has seen are carried out, so that no row comes back that somebody had erased since.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Restore {
    /// The backup repository: a folder, or s3://BUCKET/PREFIX (also gs://, az://)
    #[arg(value_name = "REPOSITORY", value_parser = place())]
    repository: Place,
    /// The new data folder; it must be empty or not exist
    #[arg(value_name = "TO")]
    to: PathBuf,
    /// The point to restore, as `headcount backup list` names it; the newest by default
    #[arg(long, value_name = "ID")]
    point: Option<String>,
    /// Carry out the orders to erase of this data folder as well: of the one that is replaced, where it can still be read
    #[arg(long, value_name = "DIR")]
    erasures_from: Option<PathBuf>,
    /// Restore what is left of a backup that is damaged itself. Answers say which rows are missing
    #[arg(long)]
    partial: bool,
}

const EXAMPLES: &str = "\
Examples:
  headcount restore /mnt/backup/headcount /var/lib/headcount
  headcount restore s3://backups/headcount /var/lib/headcount
  headcount restore /mnt/backup/headcount ./restored --point 20261201T020000.000Z
  headcount restore /mnt/backup/headcount ./restored --erasures-from /var/lib/headcount.broken

Exit codes:
  0  everything is restored, and was found as it was backed up
  1  the operation failed, or something is missing
  2  the command line is wrong";

impl Restore {
    /// Restores, and says what.
    pub(crate) fn run(self) -> anyhow::Result<Code> {
        let runtime = Runtime::new().context("cannot start the threads that read the store")?;
        let options = RestoreOptions {
            point: self.point,
            erasures_from: self.erasures_from,
            is_partial: self.partial,
        };
        let schema = Arc::clone(Catalog::in_force().schema());
        let mut bar = progress::Files::new();
        let restored =
            headcount_backup::restore(&self.repository, &self.to, &options, &schema, bar.counter());
        let restored = runtime.block_on(restored);
        bar.finish();
        let report = restored.with_context(|| {
            format!(
                "cannot restore {} to {}",
                self.repository,
                self.to.display()
            )
        })?;
        output::print(&text(&report))?;
        let damaged = &report.point.about.damaged;
        for entry in damaged {
            output::note(&output::on_one_line(&format!(
                "headcount: damaged when it was backed up: {}: {}",
                entry.path, entry.problem
            )));
        }
        for damage in &report.left_out {
            output::note(&output::on_one_line(&format!(
                "headcount: left out, because the backup is damaged: {}: {}",
                damage.path, damage.problem
            )));
        }
        let is_whole = damaged.is_empty() && report.left_out.is_empty();
        Ok(if is_whole { Code::Done } else { Code::Failed })
    }
}

fn text(report: &RestoreReport) -> String {
    let mut text = format!(
        "restored point {}: {} files, {} bytes; {} tables have the {} rows that were backed up\n",
        report.point.about.id,
        report.point.files.len(),
        report.point.bytes(),
        report.tables,
        report.rows
    );
    if report.orders > 0 {
        text += &format!(
            "carried out {} orders to erase that came after the point\n",
            report.orders
        );
    }
    text
}
