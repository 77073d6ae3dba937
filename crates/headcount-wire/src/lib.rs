//! OTLP trace messages as bytes: a strict, borrowing reader of `ExportTraceServiceRequest`, a transcoder that turns
//! OTLP/JSON into the same protobuf bytes, an encoder of requests, and the two answers a collector gives
//! ([`ExportResponse`], [`RpcStatus`]). It knows nothing of sockets, compression or what a span means: policy begins in
//! the crates above. Nothing a sender writes can make it panic, recurse without bound, or hold more than a small
//! multiple of the body; a malformed span is an error of its own, never a span with something missing.

mod cursor;
mod fault;
mod request;
mod span;
mod value;

pub use fault::{Fault, RequestError, SpanError};
pub use request::{SpanGroup, TraceRequest};
pub use span::{MAX_ATTRIBUTES, RawSpan, Span, StatusCode};
pub use value::{ArrayValue, Attribute, KeyValueList, MAX_VALUE_DEPTH, Value};
