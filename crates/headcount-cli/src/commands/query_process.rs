//! `headcount query-process`: what `headcount serve` starts for each SQL query. Not for people, so `main` knows it and `--help` does not.

use std::path::PathBuf;

use anyhow::Context as _;
use headcount_commands::exit::Code;
use headcount_reports::{QueryLimits, Sandbox, answer_one_query};

/// The first word of its command line.
pub(crate) const NAME: &str = "query-process";

/// A sandbox whose processes run this command.
pub(crate) fn sandbox() -> anyhow::Result<Sandbox> {
    let arguments = vec![NAME.into()];
    Ok(Sandbox::new(
        this_program()?,
        arguments,
        QueryLimits::default(),
    ))
}

/// The program that runs, also after its file was replaced by another release.
fn this_program() -> anyhow::Result<PathBuf> {
    match cfg!(target_os = "linux") {
        true => Ok(PathBuf::from("/proc/self/exe")),
        false => std::env::current_exe().context("cannot find this program's file"),
    }
}

/// Answers the query on standard input.
pub(crate) fn run() -> anyhow::Result<Code> {
    answer_one_query().context("the query on standard input cannot be answered")?;
    Ok(Code::Done)
}
