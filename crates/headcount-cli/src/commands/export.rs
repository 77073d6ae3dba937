//! `headcount export`: everything that is stored about a crew.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use headcount_commands::exit::Code;
use headcount_commands::output;
use headcount_lake::CrewSelection;
use headcount_reports::{ExportFormat, export_crews, missing_from};

use super::erase::snapshot;
use crate::backend::BackendArgs;
use crate::selection::SelectionArgs;

/// Export everything that is stored about crews
///
/// Writes every row that `headcount erase` would erase for the same crews, of both tiers, as an object with `table`, `tier` and the table's columns:
/// also what the tables do not hold yet. The order depends on the rows alone. Of a server, it needs a token of the role analyst or admin.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Export {
    #[command(flatten)]
    crews: SelectionArgs,
    /// The file to write, which is replaced as a whole when the export has succeeded; standard output without it
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// The format: jsonl, an object a line, or json, an array
    #[arg(long, default_value = "jsonl")]
    format: ExportFormat,
    #[command(flatten)]
    backend: BackendArgs,
}

const EXAMPLES: &str = "\
Examples:
  headcount export --crew-key 5d41a2c8e0b7f319 > crew.jsonl
  headcount export --project 9b1c42d07e5af386 --format json --to project.json
  headcount export --crew-id 3f0c9a52-7d41-4c8e-9b1f-52f6c0a7d913 --url http://127.0.0.1:4318

Exit codes:
  0  done
  1  the operation failed, or rows are missing because stored data is damaged
  2  the command line is wrong
  3  there is no data folder";

impl Export {
    /// Writes the rows.
    pub(crate) fn run(self) -> anyhow::Result<Code> {
        let selection = self.crews.read()?;
        let missing = match &self.to {
            None => self.write(&selection, &mut io::stdout().lock())?,
            Some(path) => write_whole(path, |file| {
                self.write(&selection, &mut BufWriter::new(file))
            })
            .with_context(|| format!("{} was not written", path.display()))?,
        };
        for text in &missing {
            output::note(&format!("note: {text}"));
        }
        Ok(if missing.is_empty() {
            Code::Done
        } else {
            Code::Failed
        })
    }

    /// Returns what is missing.
    fn write(
        &self,
        selection: &CrewSelection,
        output: &mut dyn Write,
    ) -> anyhow::Result<Vec<String>> {
        let missing = match self.backend.server()? {
            Some(server) => server.export(selection, self.format, output)?,
            None => {
                let crews = snapshot(self.backend.data())?.crew_rows(selection)?;
                let _rows = export_crews(&crews, self.format, output)?;
                missing_from(&crews)
            }
        };
        output.flush()?;
        Ok(missing)
    }
}

/// Has `write` fill a file beside `path`, named `….part`, and puts that in its place when it is on disk: a file that was there stays as it was
/// until then. What cannot be replaced, such as `/dev/stdout`, is written to as it is.
fn write_whole<T>(
    path: &Path,
    write: impl FnOnce(&mut File) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    // The file that a link leads to is replaced, and not the link.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let former = fs::metadata(&target).ok();
    if former.as_ref().is_some_and(|former| !former.is_file()) {
        return write(&mut File::options().write(true).open(&target)?);
    }
    let mut part = OsString::from(&target);
    part.push(".part");
    let part = PathBuf::from(part);
    let mut file =
        File::create(&part).with_context(|| format!("cannot create {}", part.display()))?;
    let written = (|| {
        if let Some(former) = former {
            file.set_permissions(former.permissions())?;
        }
        let written = write(&mut file)?;
        file.sync_all()?;
        fs::rename(&part, &target)?;
        Ok(written)
    })();
    if written.is_err() {
        // A part that cannot be removed is replaced by the next export.
        let _ = fs::remove_file(&part);
    }
    written
}
