//! `headcount tables`: the tables and their numbers of rows.

use clap::Args;
use headcount_commands::exit::Code;
use headcount_commands::output::{self, Format};

use crate::backend::BackendArgs;

/// List the tables and their numbers of rows
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Tables {
    #[command(flatten)]
    backend: BackendArgs,
    /// The output format; json is an array of objects with table_name, tier and rows
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  headcount tables
  headcount tables --format json
  headcount tables --url http://127.0.0.1:4318

Exit codes:
  0  done
  1  the operation failed
  2  the command line is wrong
  3  there is no data folder";

impl Tables {
    /// Prints the list.
    pub(crate) fn run(self) -> anyhow::Result<Code> {
        output::show(&self.backend.open()?.tables()?, self.format)?;
        Ok(Code::Done)
    }
}
