//! `headcount check`: reads the stored data of a folder and names what is damaged.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use headcount_backup::{BackedUpFiles, Place};
use headcount_catalog::Catalog;
use headcount_commands::exit::Code;
use headcount_commands::output::{self, Format};
use headcount_lake::{
    Finding, IntactFiles, LakeError, LogError, Repaired, check_folder, repair_folder,
};
use headcount_reports::ColumnKind;
use serde_json::Value;

use crate::backend::require_folder;
use crate::commands::backup::place;
use crate::connection::DEFAULT_FOLDER;

/// Read all stored data of a folder and name what is damaged
///
/// Compares the write-ahead log, the files of deduplication, the orders to erase, each table's log and each of its files with
/// their checksums. A collector may be running on the folder, and nothing is changed.
///
/// With --repair, and no collector running, what is damaged is replaced by intact copies from a backup (--from). What has none is taken out
/// of its table, so that everything else works again, for other programs too; answers go on to say which rows are missing.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Check {
    /// The data folder
    #[arg(long, value_name = "DIR", default_value = DEFAULT_FOLDER)]
    data: PathBuf,
    /// Repair what is damaged, and say what was done; the server must be stopped
    #[arg(long)]
    repair: bool,
    /// The backup repository from which damaged files are replaced: a folder, or s3://BUCKET/PREFIX (also gs://, az://)
    #[arg(long, value_name = "REPOSITORY", requires = "repair", value_parser = place())]
    from: Option<Place>,
    /// The output format; json is an array of objects with file, table, rows and problem
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  headcount check
  headcount check --data /var/lib/headcount --format json
  headcount check --repair --from /mnt/backup/headcount

Exit codes:
  0  nothing is damaged, or everything is restored
  1  something is damaged, or cannot be read
  2  the command line is wrong
  3  there is no data folder";

impl Check {
    /// Checks, and prints what was found.
    pub(crate) fn run(self) -> anyhow::Result<Code> {
        let path = &self.data;
        require_folder(path)?;
        if self.repair {
            repair(path, self.from.as_ref(), self.format)?;
        }
        let checked = check_folder(path, Catalog::in_force().schema())
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

/// Repairs, and says what was done. With the format for people that is on standard output; scripts read there what is still damaged.
fn repair(data: &Path, from: Option<&Place>, format: Format) -> anyhow::Result<()> {
    let backup = match from {
        Some(from) => Some(BackedUpFiles::open(from, data)?),
        None => None,
    };
    let copies = backup.as_ref().map(|backup| backup as &dyn IntactFiles);
    let repaired = match repair_folder(data, Catalog::in_force().schema(), copies) {
        Err(LakeError::Log(LogError::Locked { .. })) => bail!(
            "a server is running on {}; stop it first (`headcount check` without --repair works beside it)",
            data.display()
        ),
        repaired => repaired.with_context(|| format!("cannot repair {}", data.display()))?,
    };
    let mut text = String::new();
    for Repaired {
        path,
        table,
        rows,
        text: done,
        ..
    } in &repaired
    {
        let of = match (table, rows) {
            (Some(table), Some(rows)) => format!(" ({rows} rows of {table})"),
            (Some(table), None) => format!(" (table {table})"),
            _ => String::new(),
        };
        text += &output::on_one_line(&format!("{}{of}: {done}", path.display()));
        text.push('\n');
    }
    if repaired.is_empty() {
        text += "there is nothing to repair\n";
    }
    match format {
        Format::Table => output::print(&text)?,
        _ => output::note(text.trim_end()),
    }
    Ok(())
}
