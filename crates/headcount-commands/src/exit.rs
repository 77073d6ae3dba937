//! Exit codes that scripts may rely on, and the failures that lead to them.

use std::fmt;
use std::io;

/// The meaning of the exit codes, which ends every `--help`.
pub const EXPLAINED: &str = "\
Exit codes:
  0  done
  1  the operation failed, or part of it did
  2  the command line is wrong
  3  there is nothing to read: no data folder";

/// An exit code that scripts may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// Everything was done.
    Done = 0,
    /// The operation failed, or part of it did.
    Failed = 1,
    /// The command line is wrong; clap uses the same code.
    Usage = 2,
    /// There is nothing to read.
    NothingThere = 3,
}

impl From<Code> for std::process::ExitCode {
    fn from(code: Code) -> Self {
        std::process::ExitCode::from(code as u8)
    }
}

/// An error whose exit code is not [`Code::Failed`].
#[derive(Debug)]
struct Coded {
    code: Code,
    message: String,
}

impl fmt::Display for Coded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Coded {}

/// The command line asks for something that does not exist.
#[must_use]
pub fn usage(message: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Coded {
        code: Code::Usage,
        message: message.into(),
    })
}

/// There is no data folder to read.
#[must_use]
pub fn nothing_there(message: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Coded {
        code: Code::NothingThere,
        message: message.into(),
    })
}

/// The exit code of a failure.
#[must_use]
pub fn code_of(error: &anyhow::Error) -> Code {
    if is_broken_pipe(error) {
        return Code::Done;
    }
    error
        .downcast_ref::<Coded>()
        .map_or(Code::Failed, |coded| coded.code)
}

/// Whether the reader of our output closed it (`headcount report | head -1`), which is not an error.
#[must_use]
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// The help of each command without exit codes or examples, for tests that expect none.
#[must_use]
pub fn unexplained(program: &mut clap::Command) -> Vec<String> {
    program
        .get_subcommands_mut()
        .map(|command| command.render_long_help().to_string())
        .filter(|help| !(help.contains("Exit codes:") && help.contains("Examples:")))
        .collect()
}

/// The lines of `--help` that a terminal of 100 columns, the most that is used, breaks in the wrong place: an example or a row of a table that is
/// longer, and a paragraph that is broken by hand, whose lines would be broken once more.
pub fn ragged(program: &clap::Command) -> Vec<String> {
    const WIDTH: usize = 100;
    let of = |command: &clap::Command| {
        let texts = [command.get_after_help(), command.get_after_long_help()];
        let texts = texts.into_iter().flatten().map(ToString::to_string);
        texts.collect::<Vec<_>>().join("\n\n")
    };
    let mut ragged = Vec::new();
    for text in program.get_subcommands().map(of).chain([of(program)]) {
        let lines: Vec<&str> = text.lines().chain([""]).collect();
        for pair in lines.windows(2) {
            let [line, next] = [pair[0], pair[1]];
            let is_paragraph = !line.starts_with(' ') && (next.is_empty() || next.starts_with(' '));
            if line.chars().count() > WIDTH && !is_paragraph {
                ragged.push(line.to_owned());
            }
        }
    }
    ragged
}

/// Prints an error to standard error, and returns the exit code.
#[must_use]
pub fn end(ended: anyhow::Result<Code>) -> Code {
    match ended {
        Ok(code) => code,
        Err(error) => {
            if !is_broken_pipe(&error) {
                eprintln!("{}", describe(&error));
            }
            code_of(&error)
        }
    }
}

/// One line for the error, then a line for each cause that adds information.
#[must_use]
pub fn describe(error: &anyhow::Error) -> String {
    let mut text = format!("headcount: {error}");
    let mut said = error.to_string();
    for cause in error.chain().skip(1) {
        let line = cause.to_string();
        // Errors of other crates often repeat their cause in their own text.
        if !said.contains(&line) {
            text.push_str("\n  because: ");
            text.push_str(&line);
        }
        said = line;
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_cause_that_the_message_contains_is_not_repeated() {
        let error = anyhow::anyhow!("disk full")
            .context("cannot write x: disk full")
            .context("cannot store");
        assert_eq!(
            describe(&error),
            "headcount: cannot store\n  because: cannot write x: disk full"
        );
    }

    #[test]
    fn a_broken_pipe_is_not_a_failure() {
        let broken: Result<(), io::Error> = Err(io::ErrorKind::BrokenPipe.into());
        let error = broken.context("cannot print").expect_err("it is an error");
        assert_eq!(code_of(&error), Code::Done);
    }

    #[test]
    fn the_code_survives_added_context() {
        let error = usage("no such report").context("in the report command");
        assert_eq!(code_of(&error), Code::Usage);
    }
}
