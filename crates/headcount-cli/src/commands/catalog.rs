//! `headcount catalog`: prints the catalog as a page or as data, checks its rules, begins one of your own, or compares two.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand, ValueEnum};
use headcount_catalog::{Catalog, Dialect, Policy, Secret, is_token};
use headcount_commands::exit::{self, Code};
use headcount_commands::output;
use headcount_explain::{CapturedFile, SeenSpans, catalog_template, dialect_template, explain};
use tokio::runtime::Runtime;

use crate::policy::{PolicyArgs, faults};

/// Print the catalog of collectable fields
///
/// A field that is not in the catalog is never stored. One is built into this program; --catalog reads another.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct Show {
    #[command(subcommand)]
    action: Option<Action>,
    /// The output format; `markdown` is the text of TELEMETRY.md
    #[arg(long, value_enum, default_value = "markdown", conflicts_with = "lint")]
    format: CatalogFormat,
    /// Check the rules instead: every field has a purpose, limits, a unit, and a reader; every dialect fits the catalog
    #[arg(long)]
    lint: bool,
    /// Print a built-in dialect instead, to change it: crewai, for example
    #[arg(long, value_name = "NAME", conflicts_with_all = ["lint", "format", "catalog", "dialects"])]
    dialect: Option<String>,
    #[command(flatten)]
    policy: PolicyArgs,
}

#[derive(Debug, Subcommand)]
enum Action {
    New(New),
    Diff(Diff),
}

/// Begin a dialect for a framework of your own
///
/// Writes a dialect with comments that stores nothing yet. With --from it lists the spans and attributes of captured requests that no
/// dialect knows, so that you only have to say where each goes. docs/your-own-framework.md goes through it.
#[derive(Debug, Args)]
#[command(after_help = NEW_EXAMPLES)]
struct New {
    /// The framework's name, as rows will carry it
    #[arg(value_name = "NAME")]
    name: String,
    /// The folder for the dialect, which is created if it is missing
    #[arg(long, value_name = "DIR", default_value = "dialects")]
    dialects: PathBuf,
    /// A file with captured requests of the framework; may be repeated
    #[arg(long, value_name = "FILE")]
    from: Vec<PathBuf>,
    /// Also write a catalog with the beginning of a category for the framework: only for values that the built-in one has no field for
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
}

/// Say what changes from one catalog to another
///
/// In the words of whoever reviews a collection: what is newly collected and for which purpose, what no longer, which limits, values,
/// tiers and purposes change, and for how long rows are kept. `-` stands for the built-in catalog.
#[derive(Debug, Args)]
#[command(after_help = DIFF_EXAMPLES)]
struct Diff {
    /// The catalog as it is
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The catalog that takes its place
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// The output format
    #[arg(long, value_enum, default_value = "markdown")]
    format: CatalogFormat,
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
  headcount catalog --lint --catalog catalog.yaml --dialects dialects/
  headcount catalog --dialect crewai > dialects/crewai.yaml
  headcount catalog new loom --from captured.bin
  headcount catalog diff - catalog.yaml

Exit codes:
  0  done; with --lint: the catalog and the dialects follow the rules
  1  with --lint: a rule is violated; standard output says which
  2  the command line is wrong";

const NEW_EXAMPLES: &str = "\
Examples:
  headcount catalog new loom --from captured.bin
  headcount catalog new loom --dialects /etc/headcount/dialects --catalog /etc/headcount/catalog.yaml

Exit codes:
  0  the files are written
  1  a file is there already, or cannot be read or written
  2  the command line is wrong";

const DIFF_EXAMPLES: &str = "\
Examples:
  headcount catalog diff - catalog.yaml
  headcount catalog diff catalog-2026-11.yaml catalog-2026-12.yaml --format json

Exit codes:
  0  done, whether or not there is a difference
  1  a file cannot be read, or is no catalog
  2  the command line is wrong";

impl Show {
    /// Prints the catalog, or its violations.
    pub(crate) fn run(self) -> anyhow::Result<Code> {
        match self.action {
            Some(Action::New(new)) => return new.run(),
            Some(Action::Diff(diff)) => return diff.run(),
            None => {}
        }
        if let Some(name) = &self.dialect {
            output::print(built_in(name)?)?;
            return Ok(Code::Done);
        }
        let policy = self.policy.read()?;
        if self.lint {
            return lint(&policy);
        }
        print(
            self.format,
            || policy.catalog().markdown(),
            || policy.catalog().json(),
        )
    }
}

fn print(
    format: CatalogFormat,
    markdown: impl FnOnce() -> String,
    json: impl FnOnce() -> serde_json::Value,
) -> anyhow::Result<Code> {
    match format {
        CatalogFormat::Markdown => output::print(&markdown())?,
        CatalogFormat::Json => {
            let text = serde_json::to_string_pretty(&json())?;
            output::print(&(text + "\n"))?;
        }
    }
    Ok(Code::Done)
}

/// The text of a built-in dialect.
fn built_in(name: &str) -> anyhow::Result<&'static str> {
    let files = Dialect::embedded_files();
    let found = files.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text).ok_or_else(|| {
        let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        exit::usage(format!(
            "there is no built-in dialect `{}`; there are {}",
            output::on_one_line(name),
            names.join(", ")
        ))
    })
}

fn lint(policy: &Policy) -> anyhow::Result<Code> {
    let runtime = Runtime::new().context("cannot start the threads that plan the reports")?;
    let faults = runtime.block_on(faults(policy))?;
    for fault in &faults {
        output::print(&format!("{}\n", output::on_one_line(&fault.to_string())))?;
    }
    if faults.is_empty() {
        let what = match policy.is_embedded() {
            true => "the catalog follows its rules",
            false => "the catalog and the dialects follow the rules",
        };
        output::note(what);
        return Ok(Code::Done);
    }
    Ok(Code::Failed)
}

impl New {
    fn run(self) -> anyhow::Result<Code> {
        if !is_token(&self.name) || self.name.len() > 32 || self.name.contains('/') {
            return Err(exit::usage(format!(
                "`{}` cannot be a framework's name: use at most 32 letters, digits, `_`, `-` and `.`",
                output::on_one_line(&self.name)
            )));
        }
        let seen = seen(&self.from)?;
        std::fs::create_dir_all(&self.dialects)
            .with_context(|| format!("cannot create the folder {}", self.dialects.display()))?;
        let dialect = self.dialects.join(format!("{}.yaml", self.name));
        write_new(&dialect, &dialect_template(&self.name, &seen))?;
        let mut options = format!("--dialects {}", self.dialects.display());
        let mut written = dialect.display().to_string();
        if let Some(catalog) = &self.catalog {
            write_new(catalog, &catalog_template(&self.name))?;
            options.push_str(&format!(" --catalog {}", catalog.display()));
            written.push_str(&format!(" and {}", catalog.display()));
        }
        let from = self
            .from
            .first()
            .map_or("FILE".to_owned(), |from| from.display().to_string());
        output::print(&format!(
            "wrote {written}; edit, then:\n  headcount catalog --lint {options}\n  headcount explain {from} {options}\n  headcount serve {options}\n"
        ))?;
        Ok(Code::Done)
    }
}

/// The names in the captured requests of `files`.
fn seen(files: &[PathBuf]) -> anyhow::Result<SeenSpans> {
    let mut seen = SeenSpans::default();
    let admission = Policy::embedded().admission(Secret::new([0; 32]))?;
    for path in files {
        for request in CapturedFile::open(path)? {
            // With values for the service's name alone. Now is of no matter: nothing is kept of when a span was.
            let _outcome = explain(&request?, &admission, i64::MAX, true, &mut seen)?;
        }
    }
    Ok(seen)
}

fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let created = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = match created {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            bail!(
                "{} is there already; remove it, or choose another name",
                path.display()
            )
        }
        created => created.with_context(|| format!("cannot create {}", path.display()))?,
    };
    file.write_all(text.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))
}

impl Diff {
    fn run(self) -> anyhow::Result<Code> {
        let (older, older_name) = read(&self.old)?;
        let (newer, newer_name) = read(&self.new)?;
        let difference = older.difference_to(&newer);
        let json = serde_json::to_value(&difference)?;
        print(
            self.format,
            || difference.markdown(&older_name, &newer_name),
            || json,
        )
    }
}

/// The catalog in a file, or the built-in one; and how to call it.
fn read(path: &Path) -> anyhow::Result<(Catalog, String)> {
    let revision = |catalog: &Catalog| {
        let last = catalog.history().last();
        last.map_or(String::new(), |last| {
            format!(" (revision {})", last.revision)
        })
    };
    if path == Path::new("-") {
        let catalog = Catalog::embedded();
        return Ok((
            catalog.clone(),
            format!("the built-in catalog{}", revision(catalog)),
        ));
    }
    let policy = Policy::read(Some(path), None)?;
    let catalog = policy.catalog().clone();
    let name = format!("{}{}", path.display(), revision(&catalog));
    Ok((catalog, name))
}
