//! OTLP trace messages as bytes, in both directions.
//!
//! Requests: a strict, borrowing reader of `ExportTraceServiceRequest`, a transcoder that turns OTLP/JSON into the same
//! protobuf bytes, and an encoder. Responses: [`ExportResponse`] and [`RpcStatus`]. Beside a request goes its
//! [`Receipt`]. What these are made of is here for every other crate, too: [`hex`], [`uuid`], [`varint`] and JSON that
//! may be cut ([`lenient_json`]).
//!
//! The crate knows nothing of sockets, compression or the meaning of a span: policy begins in the crates above. Nothing
//! a sender writes can make it panic, recurse without bound, or hold more than a small multiple of the body; a malformed
//! span is an error of its own, never a span with something missing.

mod cursor;
mod encoder;
mod fault;
pub mod hex;
#[cfg(feature = "json")]
mod json;
mod receipt;
mod request;
mod response;
mod span;
mod status;
pub mod uuid;
mod value;
pub mod varint;
mod writer;

pub use encoder::{
    ArrayWriter, AttributeWriter, RequestEncoder, SpanHeader, ValueWriter, write_span,
};
pub use fault::{Fault, RequestError, SpanError};
#[cfg(feature = "json")]
pub use json::{JsonError, Transcoded, json_to_protobuf, lenient as lenient_json};
pub use receipt::{ErasureToken, MAX_ERASURE_TOKENS, RECEIPT_HEADER, Receipt};
pub use request::{SpanGroup, TraceRequest};
pub use response::ExportResponse;
pub use span::{MAX_ATTRIBUTES, RawSpan, Span, StatusCode, Unread};
pub use status::RpcStatus;
pub use value::{ArrayValue, Attribute, KeyValueList, MAX_VALUE_DEPTH, Value};
