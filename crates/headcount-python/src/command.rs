use std::ffi::OsString;
use std::io::Write as _;

use pyo3::prelude::*;

use crate::boundary::contain_panic;

/// The command's name in `--help`.
const PROGRAM: &str = "python -m headcount";
/// The exit code of an operation that failed.
const FAILED: u8 = 1;

/// Runs a command line such as ``["status"]``, prints its output, and returns the exit code: the commands of the ``headcount``
/// binary.
#[pyfunction]
#[pyo3(text_signature = "(arguments)")]
pub(crate) fn command(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    let code =
        py.detach(|| contain_panic(|| Some(headcount_commands::run(PROGRAM, arguments) as u8)));
    // Nothing of Rust's is run when an interpreter ends.
    let _reader_gone = std::io::stdout().flush();
    code.unwrap_or(FAILED)
}
