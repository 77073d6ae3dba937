//! `headcount check`: reads the stored data of a folder and names what is damaged.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use headcount_catalog::Catalog;
use headcount_commands::exit::Code;
use headcount_commands::output::{self, Format};
use headcount_lake::{Finding, check_folder};
use headcount_reports::ColumnKind;
use serde_json::Value;

use crate::backend::require_folder;
use crate::connection::DEFAULT_FOLDER;

/// Read all stored data of a folder and name what is damaged
///
/// Compares the write-ahead log, the files of deduplication, the orders to erase, each table's log and each of its files with
/// their checksums. A collector may be running on the folder. Nothing is changed.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Check {
    /// The data folder
    #[arg(long, value_name = "DIR", default_value = DEFAULT_FOLDER)]
    data: PathBuf,
    /// The output format; json is an array of objects with file, table, rows and problem
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  headcount check
  headcount check --data /var/lib/headcount --format json

Exit codes:
  0  nothing is damaged
  1  something is damaged, or cannot be read
  2  the command line is wrong
  3  there is no data folder";

impl Check {
    /// Checks, and prints what was found.
    pub(crate) fn run(self) -> anyhow::Result<Code> {
        let path = &self.data;
        require_folder(path)?;
        let checked = check_folder(path, Catalog::embedded().schema())
            .with_context(|| format!("cannot check the data folder {}", path.display()))?;
        let columns = [
            ("file", ColumnKind::Text),
            ("table", ColumnKind::Text),
            ("rows", ColumnKind::Integer),
            ("problem", ColumnKind::Text),
        ];
        let row = |finding: &Finding| {
            vec![
                Value::from(finding.path.display().to_string()),
                Value::from(finding.table.clone()),
                Value::from(finding.rows),
                Value::from(finding.problem.clone()),
            ]
        };
        let rows: Vec<Vec<Value>> = checked.findings.iter().map(row).collect();
        let found = rows.len();
        // Scripts read a list, also an empty one; people read the sentence below.
        if found > 0 || self.format != Format::Table {
            output::show(&output::answer(&columns, rows), self.format)?;
        }
        let mut summary = format!("{} files, {} bytes: ", checked.files, checked.bytes);
        summary += match found {
            0 => "nothing is damaged",
            _ => "see the list of what is damaged",
        };
        if checked.without_checksums > 0 {
            summary += &format!(
                "; {} files were written without checksums, so that only damage which makes them unreadable is found",
                checked.without_checksums
            );
        }
        output::note(&summary);
        Ok(if found == 0 { Code::Done } else { Code::Failed })
    }
}
