//! `headcount backup`: copies a live data folder to a backup repository, and looks after that.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Subcommand};
use headcount_backup::{AddressError, BackupReport, Place, Point, Removed, Verified};
use headcount_catalog::Catalog;
use headcount_commands::exit::Code;
use headcount_commands::output::{self, Format};
use headcount_reports::ColumnKind;
use serde_json::Value;

use crate::backend::require_folder;
use crate::connection::DEFAULT_FOLDER;
use crate::progress;

/// Back up a data folder, also while a server runs on it
///
/// Adds a point to a backup repository: a folder or a bucket that holds each file once, however many points need it. Every request that was
/// acknowledged before the command began is in the point. The checksums of all files are verified while they are copied; a damaged file
/// is named and left out. The repository holds everything that the data folder does, its secret and its tokens too: protect it as well.
#[derive(Debug, Args)]
#[command(
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub(crate) struct Backup {
    #[command(subcommand)]
    action: Option<Action>,
    /// The repository, which is made if it is missing or empty: a folder, or s3://BUCKET/PREFIX (also gs://, az://)
    #[arg(
        value_name = "REPOSITORY",
        required_unless_present = "to",
        value_parser = place()
    )]
    repository: Option<Place>,
    /// The repository, as an option
    #[arg(long, value_name = "REPOSITORY", conflicts_with = "repository", value_parser = place())]
    to: Option<Place>,
    /// The data folder; a server may be running on it
    #[arg(long, value_name = "DIR", default_value = DEFAULT_FOLDER)]
    data: PathBuf,
    /// Remove all but the newest N points afterwards, with what they alone need
    #[arg(long, value_name = "N")]
    keep: Option<NonZeroUsize>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the points of a repository
    List {
        /// The repository
        #[arg(value_parser = place())]
        repository: Place,
        /// The output format
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Read everything in a repository back, and compare each byte with what was written
    ///
    /// What is damaged is noted in the repository: the next backup stores it again if the data folder still has it.
    Verify {
        /// The repository
        #[arg(value_parser = place())]
        repository: Place,
    },
    /// Remove the points that may hold rows whose erasure was ordered, and carried out in the data folder, after they were made
    ///
    /// Points are removed as a whole, with the rows of others. Make a backup first: the newest point always stays, and an order that it does
    /// not know as done is not considered.
    Purge {
        /// The repository
        #[arg(value_parser = place())]
        repository: Place,
    },
}

const EXAMPLES: &str = "\
Examples:
  headcount backup /mnt/backup/headcount --keep 14
  headcount backup s3://backups/headcount --keep 14
  headcount backup list /mnt/backup/headcount
  headcount backup verify /mnt/backup/headcount
  headcount backup purge /mnt/backup/headcount
  headcount restore /mnt/backup/headcount ./restored

Environment, for a bucket:
  s3://  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION;
         AWS_ENDPOINT_URL for a store that is not Amazon's
  gs://  GOOGLE_SERVICE_ACCOUNT, the path of a service account's key
  az://  AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY

Exit codes:
  0  done
  1  the operation failed, or something is damaged
  2  the command line is wrong
  3  there is no data folder";

impl Backup {
    /// Backs up, or does what is asked with the repository.
    pub(crate) fn run(self) -> anyhow::Result<Code> {
        match (self.action, self.repository.or(self.to)) {
            (Some(Action::List { repository, format }), _) => list(&repository, format),
            (Some(Action::Verify { repository }), _) => verify(&repository),
            (Some(Action::Purge { repository }), _) => purge(&repository),
            (None, Some(repository)) => back_up(&self.data, &repository, self.keep),
            (None, None) => Ok(Code::Usage),
        }
    }
}

/// Reads what names a repository.
pub(crate) fn place() -> impl TypedValueParser<Value = Place> {
    let read = |text: OsString| -> Result<Place, AddressError> { Place::of(text) };
    OsStringValueParser::new().try_map(read)
}

fn back_up(data: &Path, repository: &Place, keep: Option<NonZeroUsize>) -> anyhow::Result<Code> {
    require_folder(data)?;
    let schema = Catalog::in_force().schema();
    let mut bar = progress::Files::new();
    let report = headcount_backup::back_up(data, repository, schema, bar.counter());
    bar.finish();
    let report = report.with_context(|| format!("cannot back up {}", data.display()))?;
    output::print(&copied(&report))?;
    if let Some(keep) = keep {
        let removed = headcount_backup::keep(repository, keep)?;
        output::print(&removed_text(&removed))?;
    }
    let damaged = &report.point.about.damaged;
    if damaged.is_empty() {
        return Ok(Code::Done);
    }
    output::note(&format!(
        "headcount: {} damaged files of the data folder are not in the point, or are in it as they are:",
        damaged.len()
    ));
    for entry in damaged {
        let rows = match entry.rows {
            Some(rows) => format!(" ({rows} rows)"),
            None => String::new(),
        };
        output::note(&output::on_one_line(&format!(
            "  {}{rows}: {}",
            entry.path, entry.problem
        )));
    }
    Ok(Code::Failed)
}

fn copied(report: &BackupReport) -> String {
    let point = &report.point;
    format!(
        "point {}: {} files, {} bytes, with every request up to group {}; {} files, {} bytes of it are new in the repository\n",
        point.about.id,
        point.files.len(),
        point.bytes(),
        point.about.group,
        report.new_files,
        report.new_bytes
    )
}

fn removed_text(removed: &Removed) -> String {
    let points = match removed.points.as_slice() {
        [] => "no point".to_owned(),
        points => format!("the points {}", points.join(", ")),
    };
    format!(
        "removed {points}, and {} files, {} bytes that no other point needs; points that are left: {}\n",
        removed.files, removed.bytes, removed.left
    )
}

fn list(repository: &Place, format: Format) -> anyhow::Result<Code> {
    let (points, damaged) = headcount_backup::points(repository)?;
    let columns = [
        ("point", ColumnKind::Text),
        ("begun", ColumnKind::Moment),
        ("files", ColumnKind::Integer),
        ("bytes", ColumnKind::Integer),
        ("rows", ColumnKind::Integer),
        ("damaged", ColumnKind::Integer),
    ];
    let row = |point: &Point| {
        let rows: Option<u64> = point.about.tables.iter().map(|table| table.rows).sum();
        vec![
            Value::from(point.about.id.clone()),
            Value::from(point.about.begun.clone()),
            Value::from(point.files.len()),
            Value::from(point.bytes()),
            Value::from(rows),
            Value::from(point.about.damaged.len()),
        ]
    };
    let rows = points.iter().map(row).collect();
    output::show(&output::answer(&columns, rows), format)?;
    for error in &damaged {
        output::note(&format!("headcount: {error}"));
    }
    Ok(match damaged.is_empty() {
        true => Code::Done,
        false => Code::Failed,
    })
}

fn verify(repository: &Place) -> anyhow::Result<Code> {
    let mut bar = progress::Files::new();
    let verified = headcount_backup::verify(repository, bar.counter());
    bar.finish();
    let Verified {
        points,
        files,
        bytes,
        damaged,
        damaged_points,
    } = verified?;
    for error in &damaged_points {
        output::note(&format!("headcount: {error}"));
    }
    for damage in &damaged {
        output::note(&format!(
            "headcount: {} ({}): {}; the next backup stores it again if the data folder still has it",
            damage.content.display(),
            damage.path,
            damage.problem
        ));
    }
    let is_whole = damaged.is_empty() && damaged_points.is_empty();
    let state = match is_whole {
        true => "every byte is as it was written".to_owned(),
        false => format!(
            "{} files and {} points are damaged",
            damaged.len(),
            damaged_points.len()
        ),
    };
    output::print(&format!(
        "{points} points, {files} files, {bytes} bytes: {state}\n"
    ))?;
    Ok(if is_whole { Code::Done } else { Code::Failed })
}

fn purge(repository: &Place) -> anyhow::Result<Code> {
    let removed = headcount_backup::purge(repository)?;
    output::print(&removed_text(&removed))?;
    if removed.pending_orders == 0 {
        return Ok(Code::Done);
    }
    output::note(&format!(
        "headcount: {} orders to erase were not carried out yet when the newest point was made; make another backup when they are, and purge again",
        removed.pending_orders
    ));
    Ok(Code::Failed)
}
