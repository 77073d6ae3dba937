//! The commands for people who run crews: see what telemetry does on this machine, and decide about it.
//!
//! `status`, `on`, `off`, `preview`, `log` and `forget`, for the `headcount` binary and for `python -m headcount`. They read
//! the client's files through its crate and need no query engine. [`output`] prints the answers of all commands, [`exit`] has
//! their exit codes.

#![allow(
    clippy::print_stderr,
    reason = "standard error is where a command talks to its user; answers go through `output`"
)]

mod cell;
mod consent;
pub mod exit;
mod forget;
mod log;
pub mod output;
mod preview;
mod status;
mod terminal_table;

use std::ffi::OsString;

use clap::{Parser, Subcommand};

use crate::consent::{Off, On};
use crate::exit::Code;
use crate::forget::Forget;
use crate::log::Log;
use crate::preview::Preview;
use crate::status::Status;

/// One of the commands, as clap reads it.
#[derive(Debug, Subcommand)]
#[allow(
    missing_docs,
    reason = "clap shows a variant's documentation instead of that of the command itself"
)]
pub enum Commands {
    Status(Status),
    On(On),
    Off(Off),
    Preview(Preview),
    Log(Log),
    Forget(Forget),
}

impl Commands {
    /// Runs the command.
    ///
    /// # Errors
    /// The failures that the command's `--help` lists; [`exit::end`] turns them into a message and an exit code.
    pub fn run(self) -> anyhow::Result<Code> {
        match self {
            Self::Status(command) => command.run(),
            Self::On(command) => command.run(),
            Self::Off(command) => command.run(),
            Self::Preview(command) => command.run(),
            Self::Log(command) => command.run(),
            Self::Forget(command) => command.run(),
        }
    }
}

/// See what frameworks on this machine record, and turn it on or off
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = exit::EXPLAINED,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
struct Arguments {
    #[command(subcommand)]
    command: Commands,
}

/// Runs a whole command line and returns the exit code: for programs that offer these commands and no others.
///
/// `program` is the name that `--help` shows. The arguments do not include it. Messages are printed.
#[must_use]
pub fn run(program: &'static str, arguments: Vec<OsString>) -> Code {
    use clap::{CommandFactory as _, FromArgMatches as _};

    let line = std::iter::once(OsString::from(program)).chain(arguments);
    let command = Arguments::command().name(program).bin_name(program);
    let read = command
        .try_get_matches_from(line)
        .and_then(|matches| Arguments::from_arg_matches(&matches));
    match read {
        Ok(arguments) => exit::end(arguments.command.run()),
        Err(error) => {
            // If this fails, the exit code still tells.
            let _ = error.print();
            match error.use_stderr() {
                true => Code::Usage,
                false => Code::Done,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

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

    #[test]
    fn a_wrong_command_line_is_a_usage_error_and_help_is_none() {
        let run = |words: &[&str]| run("headcount", words.iter().map(OsString::from).collect());
        assert_eq!(run(&["frobnicate"]), Code::Usage);
        assert_eq!(run(&[]), Code::Usage);
        assert_eq!(run(&["--help"]), Code::Done);
        assert_eq!(run(&["log", "--format", "xml"]), Code::Usage);
    }
}
