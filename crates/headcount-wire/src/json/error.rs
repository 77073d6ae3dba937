//! The error of an OTLP/JSON request.

use std::error::Error;
use std::fmt::{self, Write as _};

use super::strict::{Problem, Step};

/// The whole request is rejected (HTTP 400).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    /// The path in the request, for instance `$.resourceSpans[0].scopeSpans[2]`. It names only known fields, so that it
    /// contains no text of the sender.
    pub path: String,
    /// The offset at which the parser stopped, in bytes from the start of the request.
    pub offset: usize,
    /// The problem at that offset.
    pub problem: &'static str,
}

impl fmt::Display for JsonError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            offset,
            problem,
        } = self;
        write!(
            formatter,
            "cannot read the JSON request at {path}, byte {offset}: {problem}"
        )
    }
}

impl Error for JsonError {}

impl From<Problem> for JsonError {
    fn from(problem: Problem) -> Self {
        let mut path = String::from("$");
        for step in problem.path.iter().rev() {
            let _ = match step {
                Step::Member(name) => write!(path, ".{name}"),
                Step::Element(index) => write!(path, "[{index}]"),
            };
        }
        Self {
            path,
            offset: problem.offset,
            problem: problem.text,
        }
    }
}
