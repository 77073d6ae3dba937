//! What can be wrong with bytes that claim to be a trace request.

use thiserror::Error;

/// Why a piece of protobuf cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fault {
    /// A field, length or fixed-size value runs past the end of its message.
    #[error("the bytes end inside a field")]
    Truncated,
    /// A varint longer than ten bytes, or above 64 bits.
    #[error("a varint does not fit into 64 bits")]
    VarintTooLong,
    /// A field number 0, a key above 32 bits, or one of the wire types 6 and 7 that do not exist.
    #[error("a field key is not valid")]
    InvalidKey,
    /// A known field with another wire type than the schema gives it.
    #[error("a known field has the wrong wire type")]
    WrongWireType,
    /// A string field that is not UTF-8.
    #[error("a string is not valid UTF-8")]
    InvalidUtf8,
    /// A group (wire type 3) without its end, an end without its group, or groups nested more than 100 deep.
    #[error("a group is not closed properly")]
    UnbalancedGroup,
    /// `KeyValue.value`, or the array or list of one `AnyValue`, occurs twice. Protobuf would merge them; no exporter
    /// writes that, and a merged value cannot be borrowed.
    #[error("a value occurs twice where one is allowed")]
    DuplicateValue,
    /// An attribute value nested deeper than [`MAX_VALUE_DEPTH`](crate::MAX_VALUE_DEPTH).
    #[error("a value is nested deeper than 100 levels")]
    NestedTooDeep,
    /// A resource with more than [`MAX_ATTRIBUTES`](crate::MAX_ATTRIBUTES) attributes.
    #[error("more than 1024 attributes")]
    TooManyAttributes,
}

/// The whole request is refused (HTTP 400): its framing, a resource or a scope cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("cannot read the {message} message that starts at byte {offset} of the request: {fault}")]
pub struct RequestError {
    /// The message that holds the fault, by its name in the OTLP schema.
    pub message: &'static str,
    /// Where that message's content begins, in bytes from the start of the request.
    pub offset: usize,
    /// What is wrong with it.
    #[source]
    pub fault: Fault,
}

/// One span is refused; its neighbours are not affected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SpanError {
    /// A field of the span cannot be read.
    #[error("cannot read the span's {field}: {fault}")]
    Malformed {
        /// The field, by its name in the OTLP schema.
        field: &'static str,
        /// What is wrong with it.
        #[source]
        fault: Fault,
    },
    /// More than [`MAX_ATTRIBUTES`](crate::MAX_ATTRIBUTES) attributes.
    #[error("the span has more than 1024 attributes")]
    TooManyAttributes,
    /// `trace_id` is absent, not 16 bytes long, or all zero (OTLP: "considered invalid").
    #[error("the trace id is not 16 bytes with one of them not zero")]
    InvalidTraceId,
    /// `span_id` is absent, not 8 bytes long, or all zero (OTLP: "considered invalid").
    #[error("the span id is not 8 bytes with one of them not zero")]
    InvalidSpanId,
}

impl SpanError {
    pub(crate) fn in_field(field: &'static str) -> impl Fn(Fault) -> Self {
        move |fault| Self::Malformed { field, fault }
    }
}
