//! The `headcount` command: runs a collector, feeds it, and asks what it knows.
//!
//! [`commands`] holds one module a command; [`source`] is where answers come from (a data folder or a running
//! server), [`door`] where spans go to over the network, [`progress`] how far long work is. The builder's own commands, how answers
//! are shown and how a command ends are in `headcount_commands`.

mod bodies;
mod commands;
mod door;
mod progress;
mod source;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use headcount_commands::exit::{self, Code};
use tracing_subscriber::EnvFilter;

/// Gives memory back after a flush: with the system's allocator a collector under load keeps several times as much.
/// Its settings are in `.cargo/config.toml`.
#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Headcount counts heads and never reads the mail: anonymous usage telemetry for AI-agent crews.
///
/// It receives OpenTelemetry traces of agent frameworks such as CrewAI, keeps only what its published catalog allows,
/// and answers which tools, models, features and versions are used.
#[derive(Debug, Parser)]
#[command(
    name = "headcount",
    version,
    after_help = exit::EXPLAINED,
    after_long_help = FIRST_STEPS,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
struct Arguments {
    /// How much to log to standard error: off, error, warn, info, debug, trace, or a filter such as `headcount_lake=debug`
    #[arg(
        long,
        global = true,
        value_name = "LEVEL",
        env = "HEADCOUNT_LOG",
        default_value = "warn",
        hide_env_values = true
    )]
    log: String,

    #[command(subcommand)]
    command: Command,
}

const FIRST_STEPS: &str = "\
First steps:
  headcount serve                 # in one terminal
  headcount demo                  # in another: a week of sample traffic
  headcount report tools

What frameworks on this machine record of you:
  headcount status                # whether they do, and why; then on, off, preview, log, forget

Exit codes:
  0  done
  1  the operation failed, or a part of it did
  2  the command line is wrong
  3  there is nothing to read: no data folder";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(commands::serve::Serve),
    Ingest(commands::ingest::Ingest),
    Report(commands::report::Report),
    Sql(commands::sql::Sql),
    Tables(commands::tables::Tables),
    Catalog(commands::catalog::Show),
    Demo(commands::demo::Demo),
    #[command(flatten)]
    Builder(headcount_commands::Commands),
    Completions(commands::completions::Completions),
}

impl Command {
    fn run(self) -> anyhow::Result<Code> {
        match self {
            Command::Serve(command) => command.run(),
            Command::Ingest(command) => command.run(),
            Command::Report(command) => command.run(),
            Command::Sql(command) => command.run(),
            Command::Tables(command) => command.run(),
            Command::Catalog(command) => command.run(),
            Command::Demo(command) => command.run(),
            Command::Builder(command) => command.run(),
            Command::Completions(command) => command.run(Arguments::command()),
        }
    }
}

/// Sends log lines to standard error, so that standard output holds answers only.
fn start_log(level: &str) -> anyhow::Result<()> {
    // The engine warns about plans that are merely slower, and its parser logs what was asked; naming them, as in
    // `--log datafusion=debug`, still shows everything.
    let filter = EnvFilter::builder()
        .parse(format!("datafusion=error,sqlparser=warn,{level}"))
        .map_err(|error| {
            exit::usage(format!(
                "`{level}` is not a log level ({error}); use off, error, warn, info, debug or trace"
            ))
        })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    Ok(())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = start_log(&arguments.log).and_then(|()| arguments.command.run());
    exit::end(ended).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_explains_its_exit_codes_and_gives_an_example() {
        let unexplained = exit::unexplained(&mut Arguments::command());
        assert!(unexplained.is_empty(), "{unexplained:#?}");
    }
}
