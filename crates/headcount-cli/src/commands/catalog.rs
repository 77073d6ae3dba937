//! `headcount catalog`: prints the catalog as a page or as data, or checks its rules.

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use headcount_catalog::Catalog;
use headcount_commands::exit::Code;
use headcount_commands::output;
use headcount_reports::fields_used;
use tokio::runtime::Runtime;

/// Print the catalog of collectable fields
///
/// The catalog is built into this program. A field that is not in it is never stored.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Show {
    /// The output format; `markdown` is the text of TELEMETRY.md
    #[arg(long, value_enum, default_value = "markdown", conflicts_with = "lint")]
    format: CatalogFormat,
    /// Check the catalog's rules instead: every field has a purpose, limits, a unit, and a report that uses it
    #[arg(long)]
    lint: bool,
}

/// The format of the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CatalogFormat {
    /// The published page.
    Markdown,
    /// Every category and field, for programs.
    Json,
}

const EXAMPLES: &str = "\
Examples:
  headcount catalog > TELEMETRY.md
  headcount catalog --format json | jq '.categories[].id'
  headcount catalog --lint

Exit codes:
  0  done; with --lint: the catalog follows its rules
  1  with --lint: it violates a rule; standard output says which
  2  the command line is wrong";

impl Show {
    /// Prints the catalog, or its violations.
    pub(crate) fn run(self) -> anyhow::Result<Code> {
        let catalog = Catalog::embedded();
        if self.lint {
            return lint(catalog);
        }
        match self.format {
            CatalogFormat::Markdown => output::print(&catalog.markdown())?,
            CatalogFormat::Json => {
                let text = serde_json::to_string_pretty(&catalog.json())?;
                output::print(&(text + "\n"))?;
            }
        }
        Ok(Code::Done)
    }
}

fn lint(catalog: &Catalog) -> anyhow::Result<Code> {
    let runtime = Runtime::new().context("cannot start the threads that plan the reports")?;
    let used = runtime
        .block_on(fields_used(catalog.schema()))
        .context("cannot determine which fields the reports use")?;
    let faults = catalog.lint(Some(&used));
    for fault in &faults {
        output::print(&format!("{fault}\n"))?;
    }
    if faults.is_empty() {
        output::note("the catalog follows its rules");
        return Ok(Code::Done);
    }
    Ok(Code::Failed)
}
