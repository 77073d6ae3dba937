//! `headcount sql`: a SQL query.

use std::io::{self, Read as _};

use anyhow::Context as _;
use clap::Args;
use headcount_commands::exit::Code;
use headcount_commands::output::{self, Format};

use crate::backend::{BackendArgs, completeness};

/// Run a SQL query
///
/// `headcount tables` lists the tables; `DESCRIBE crews` lists the columns of one. Queries are read-only.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Sql {
    /// The query; `-` reads it from standard input
    query: String,
    #[command(flatten)]
    backend: BackendArgs,
    /// The output format; json is an array of objects, keyed by column name
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  headcount sql \"SELECT process, memory, count(DISTINCT key) AS crews FROM crews GROUP BY ALL\"
  headcount sql \"SELECT * FROM task_runs WHERE outcome = 'failed' LIMIT 10\" --format json
  headcount sql - --url http://127.0.0.1:4318 < question.sql

Exit codes:
  0  done
  1  the query was rejected or failed, or rows are missing because stored data is damaged
  2  the command line is wrong
  3  there is no data folder";

impl Sql {
    /// Runs the query and prints the answer.
    pub(crate) fn run(self) -> anyhow::Result<Code> {
        let query = match self.query.as_str() {
            "-" => read_query()?,
            _ => self.query,
        };
        let answer = self.backend.open()?.sql(&query)?;
        output::show(&answer, self.format)?;
        Ok(completeness(&answer))
    }
}

fn read_query() -> anyhow::Result<String> {
    let mut query = String::new();
    io::stdin()
        .read_to_string(&mut query)
        .context("cannot read the query from standard input")?;
    Ok(query)
}
