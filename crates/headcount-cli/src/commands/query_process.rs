//! `headcount query-process`: what `headcount serve` starts for each SQL query. Not for people, so `main` knows it and `--help` does not.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use headcount_catalog::Policy;
use headcount_commands::exit::Code;
use headcount_reports::{QueryLimits, Sandbox, answer_one_query};

use crate::policy::put_kept_in_force;

/// The first word of its command line.
pub(crate) const NAME: &str = "query-process";

/// A sandbox whose processes run this command, by the policy that the data folder `data` keeps.
pub(crate) fn sandbox(data: &Path) -> anyhow::Result<Sandbox> {
    let mut arguments: Vec<OsString> = vec![NAME.into()];
    if !Policy::in_force().is_embedded() {
        arguments.push(data.into());
    }
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
    if let Some(data) = std::env::args_os().nth(2) {
        put_kept_in_force(Path::new(&data))?;
    }
    answer_one_query().context("the query on standard input cannot be answered")?;
    Ok(Code::Done)
}
