//! `headcount privacy`: prints the privacy reviewer's pack.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use headcount_catalog::{Catalog, Policy};
use headcount_commands::exit::Code;
use headcount_commands::output;
use headcount_privacy::{Operation, Pack, Statement, StatementError};

/// Print the privacy reviewer's pack
///
/// One document for a data protection officer or whoever else reviews the collection: who is responsible, purposes and legal basis, every field,
/// keys and content, the data's way as a picture, retention, rights, switches, security, an outline of an impact assessment, the record of
/// processing, and the changes of the catalog. What only the operator knows comes from FILE.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Privacy {
    /// What the operator states, as YAML; --template prints its form. Without it the pack says "not stated by the operator"
    #[arg(value_name = "FILE", conflicts_with = "template")]
    file: Option<PathBuf>,
    /// The output format; `html` is one document with the picture in it
    #[arg(
        long,
        value_enum,
        default_value = "markdown",
        conflicts_with = "template"
    )]
    format: PackFormat,
    /// Print the form of FILE instead, with explanations
    #[arg(long)]
    template: bool,
    /// The catalog of what may be collected, instead of the built-in one
    #[arg(long, value_name = "FILE", conflicts_with = "template")]
    catalog: Option<PathBuf>,
}

/// The format of the pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PackFormat {
    /// For a repository or a text editor.
    Markdown,
    /// For a browser or a printer.
    Html,
}

const EXAMPLES: &str = "\
Examples:
  headcount privacy --template > privacy.yaml
  headcount privacy privacy.yaml --format html > privacy.html
  headcount privacy privacy.yaml --catalog catalog.yaml
  headcount serve --privacy privacy.yaml

Exit codes:
  0  done
  1  a file cannot be read, or is not of its form (--template prints that of FILE)
  2  the command line is wrong";

impl Privacy {
    /// Prints the pack, or the form of the operator's file.
    pub(crate) fn run(self) -> anyhow::Result<Code> {
        if self.template {
            output::print(Statement::TEMPLATE)?;
            return Ok(Code::Done);
        }
        let statement = read(self.file.as_deref())?;
        let policy = Policy::read(self.catalog.as_deref(), None)?;
        let pack = Pack {
            catalog: policy.catalog(),
            statement: &statement,
            operation: None,
        };
        output::print(&match self.format {
            PackFormat::Markdown => pack.markdown(),
            PackFormat::Html => pack.html_document(),
        })?;
        Ok(Code::Done)
    }
}

/// The pack of a running collector, as HTML for its page.
///
/// # Errors
/// The file cannot be read, or promises to keep rows for fewer days than the collector would.
pub(crate) fn page(file: Option<&Path>, running: &Operation) -> Result<String, StatementError> {
    let statement = read(file)?;
    statement.allows(running.retention)?;
    let pack = Pack {
        catalog: Catalog::in_force(),
        statement: &statement,
        operation: Some(running),
    };
    Ok(pack.html_fragment())
}

fn read(file: Option<&Path>) -> Result<Statement, StatementError> {
    file.map_or_else(|| Ok(Statement::default()), Statement::read)
}
