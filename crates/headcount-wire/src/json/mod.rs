//! JSON: OTLP/JSON in, the protobuf that means the same out, so that one reader serves both encodings; and a lenient
//! reader for JSON inside attributes.
//!
//! One scanner has two faces: the strict one refuses whatever RFC 8259 does not allow, the lenient one reads what stands
//! complete. OTLP/JSON is read once more than it is written: a span is first passed over, which checks its syntax, and
//! then written; if one of its values is bad, what was written of it is dropped. No tree of values is built.

mod base64;
mod error;
pub mod lenient;
mod nesting;
mod scalar;
mod scanner;
mod strict;
mod transcoder;

pub use error::JsonError;
pub use transcoder::{Transcoded, json_to_protobuf};
