//! JSON: a transcoder from OTLP/JSON to protobuf, so that one parser serves both encodings, and a lenient reader for JSON
//! inside attributes.
//!
//! Both are built on one scanner. The strict reader rejects everything that RFC 8259 does not allow; the lenient reader
//! reads truncated text. The transcoder reads each span twice: the first pass checks its syntax, the second one writes
//! it. If a value of the span is invalid, its output is dropped. No tree of values is built.

mod base64;
mod error;
mod exception;
pub mod lenient;
mod nesting;
mod scalar;
mod scanner;
mod strict;
mod transcoder;

pub use error::JsonError;
pub use transcoder::{Transcoded, json_to_protobuf};
