//! OTLP trace messages as bytes: a strict, borrowing reader of `ExportTraceServiceRequest`, a transcoder that turns
//! OTLP/JSON into the same protobuf bytes, an encoder of requests, and the two answers a collector gives
//! ([`ExportResponse`], [`RpcStatus`]), and the [`Receipt`] that goes beside a request. It knows nothing of sockets, compression or what a span means: policy begins in
//! the crates above. Nothing a sender writes can make it panic, recurse without bound, or hold more than a small
//! multiple of the body; a malformed span is an error of its own, never a span with something missing.

mod cursor;
mod encoder;
mod fault;
#[cfg(feature = "json")]
mod json;
mod receipt;
mod request;
mod response;
mod span;
mod value;
mod writer;

pub use encoder::{
    ArrayWriter, AttributeWriter, RequestEncoder, SpanHeader, ValueWriter, write_span,
};
pub use fault::{Fault, RequestError, SpanError};
#[cfg(feature = "json")]
pub use json::{JsonError, Transcoded, json_to_protobuf};
pub use receipt::{MOST_TOKENS, RECEIPT_HEADER, Receipt, Token};
pub use request::{SpanGroup, TraceRequest};
pub use response::{ExportResponse, RpcStatus};
pub use span::{MAX_ATTRIBUTES, RawSpan, Span, StatusCode};
pub use value::{ArrayValue, Attribute, KeyValueList, MAX_VALUE_DEPTH, Value};
