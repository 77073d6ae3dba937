//! `headcount export`: everything that is stored about a crew.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use headcount_commands::exit::Code;
use headcount_commands::output;
use headcount_lake::CrewSelection;
use headcount_reports::{ExportFormat, export_crews, missing_from};

use super::erase::snapshot;
use crate::backend::Server;
use crate::connection::{ConnectionArgs, DEFAULT_FOLDER};
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
    /// The file to write; standard output without it
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// The format: jsonl, an object a line, or json, an array
    #[arg(long, default_value = "jsonl")]
    format: ExportFormat,
    /// The data folder; a server may be running on it
    #[arg(long, value_name = "DIR", default_value = DEFAULT_FOLDER, conflicts_with = "url")]
    data: PathBuf,
    /// Ask the server at this address instead, for example http://127.0.0.1:4318
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    #[command(flatten)]
    connection: ConnectionArgs,
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
            Some(path) => {
                let shown = path.display();
                let file = File::create(path).with_context(|| format!("cannot create {shown}"))?;
                self.write(&selection, &mut BufWriter::new(file))
                    .with_context(|| format!("{shown} is incomplete"))?
            }
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
        let missing = match &self.url {
            Some(url) => {
                let server = Server::new(self.connection.connect(url)?);
                server.export(selection, self.format, output)?
            }
            None => {
                let crews = snapshot(&self.data)?.crew_rows(selection)?;
                let _rows = export_crews(&crews, self.format, output)?;
                missing_from(&crews)
            }
        };
        output.flush()?;
        Ok(missing)
    }
}
