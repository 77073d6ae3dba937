//! The `headcount` command: runs a collector, sends requests to it, and queries its data.
//!
//! [`commands`] has one module for each command. [`backend`] is the data folder or server that a command queries,
//! [`connection`] how a command asks a server, [`listening`] tells where the server of a data folder is, [`otlp_client`] sends spans to a server, [`policy`] is what may be collected, [`selection`] reads
//! which crews a command is about, [`retention`] for how long rows are kept, [`log`] is the program's log. The commands of the client, the output of answers and the exit codes are in
//! `headcount_commands`.

mod allocator;
mod backend;
mod captured_files;
mod commands;
mod connection;
mod http;
mod listening;
mod log;
mod otlp_client;
mod own_parameters;
mod policy;
mod progress;
mod retention;
mod row_order;
mod selection;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use headcount_commands::exit::{self, Code};

use crate::log::LogArgs;

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
    #[command(flatten)]
    log: LogArgs,

    #[command(subcommand)]
    command: Command,
}

const FIRST_STEPS: &str = "\
First steps:
  headcount serve                 # in one terminal
  headcount demo                  # in another: a week of sample traffic
  headcount open                  # the dashboard
  headcount report tools

Telemetry that frameworks on this machine record:
  headcount status                # on or off, and why; see also on, off, preview, log, forget

Exit codes:
  0  done
  1  the operation failed, completely or in part
  2  the command line is wrong
  3  nothing to read: there is no data folder";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(commands::serve::Serve),
    Ingest(commands::ingest::Ingest),
    Report(commands::report::Report),
    Sql(commands::sql::Sql),
    Tables(commands::tables::Tables),
    Token(commands::token::Token),
    Audit(commands::audit::Audit),
    AuditLog(commands::audit_log::AuditLog),
    Explain(commands::explain::Explain),
    Catalog(commands::catalog::Show),
    Privacy(commands::privacy::Privacy),
    Check(commands::check::Check),
    Backup(commands::backup::Backup),
    Restore(commands::restore::Restore),
    Health(commands::health::Health),
    Erase(commands::erase::Erase),
    Export(commands::export::Export),
    Demo(commands::demo::Demo),
    Open(commands::open::Open),
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
            Command::Token(command) => command.run(),
            Command::Audit(command) => command.run(),
            Command::AuditLog(command) => command.run(),
            Command::Explain(command) => command.run(),
            Command::Catalog(command) => command.run(),
            Command::Privacy(command) => command.run(),
            Command::Check(command) => command.run(),
            Command::Backup(command) => command.run(),
            Command::Restore(command) => command.run(),
            Command::Health(command) => command.run(),
            Command::Erase(command) => command.run(),
            Command::Export(command) => command.run(),
            Command::Demo(command) => command.run(),
            Command::Open(command) => command.run(),
            Command::Builder(command) => command.run(),
            Command::Completions(command) => command.run(Arguments::command()),
        }
    }
}

fn main() -> ExitCode {
    allocator::limit_arenas();
    // Before the command line is read: it is no command for people, and starts a thousand times.
    if std::env::args_os().nth(1).as_deref() == Some(commands::query_process::NAME.as_ref()) {
        return exit::end(commands::query_process::run()).into();
    }
    let arguments = Arguments::parse();
    let ended = arguments.log.start().and_then(|()| arguments.command.run());
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
    fn no_help_is_broken_in_the_middle_of_a_line() {
        let ragged = exit::ragged(&Arguments::command());
        assert!(ragged.is_empty(), "{ragged:#?}");
    }

    #[test]
    fn every_command_explains_its_exit_codes_and_gives_an_example() {
        let unexplained = exit::unexplained(&mut Arguments::command());
        assert!(unexplained.is_empty(), "{unexplained:#?}");
    }
}
