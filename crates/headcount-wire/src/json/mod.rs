//! The JSON door: OTLP/JSON in, the protobuf that means the same out, so that one reader serves both encodings.
//!
//! The text is read once more than it is written: a span is first passed over, which checks its syntax, and then
//! written; if one of its values is bad, what was written of it is dropped. No tree of values is built.

mod base64;
mod lexer;
mod nesting;
mod scalar;
mod transcoder;

use std::error::Error;
use std::fmt;

pub use transcoder::json_to_protobuf;

/// The protobuf form of an OTLP/JSON request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Transcoded {
    /// An `ExportTraceServiceRequest`, at most a small multiple of the JSON's length.
    pub bytes: Vec<u8>,
    /// How many spans had a bad value and are not in `bytes`.
    pub malformed_spans: u64,
}

/// The whole request is refused (HTTP 400).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    /// The place in the request, for instance `$.resourceSpans[0].scopeSpans[2]`; names known fields only, so that it
    /// holds no text of the sender.
    pub path: String,
    /// Where the reader stopped, in bytes from the start of the request.
    pub offset: usize,
    /// What is wrong there.
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
