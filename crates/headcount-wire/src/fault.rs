//! Errors of parsing trace requests.

use std::error::Error;
use std::fmt;

/// A fault in protobuf bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A field, length or fixed-size value runs past the end of its message.
    Truncated,
    /// A varint longer than ten bytes, or above 64 bits.
    VarintTooLong,
    /// A field number 0, a key above 32 bits, or one of the wire types 6 and 7 that do not exist.
    InvalidKey,
    /// A known field with another wire type than the schema gives it.
    WrongWireType,
    /// A string field that is not UTF-8.
    InvalidUtf8,
    /// A group (wire type 3) without its end, an end without its group, or groups nested more than 100 deep.
    UnbalancedGroup,
    /// `KeyValue.value`, or the array or list of one `AnyValue`, occurs twice. Protobuf would merge them; no exporter
    /// writes that, and a merged value cannot be borrowed.
    DuplicateValue,
    /// An attribute value nested deeper than [`MAX_VALUE_DEPTH`](crate::MAX_VALUE_DEPTH).
    NestedTooDeep,
    /// A resource with more than [`MAX_ATTRIBUTES`](crate::MAX_ATTRIBUTES) attributes.
    TooManyAttributes,
}

impl Fault {
    /// Whether the bytes are not protobuf, or not of this schema; else it is only a value that is not allowed.
    pub(crate) fn is_of_framing(self) -> bool {
        !matches!(
            self,
            Fault::InvalidUtf8
                | Fault::DuplicateValue
                | Fault::NestedTooDeep
                | Fault::TooManyAttributes
        )
    }
}

/// A message of a request that cannot be read. If it is the whole request, that is rejected (HTTP 400); a resource or a scope
/// is left out, and what is beside it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestError {
    /// The malformed message, by its name in the OTLP schema.
    pub message: &'static str,
    /// The offset of that message's content, in bytes from the start of the request.
    pub offset: usize,
    /// The fault.
    pub fault: Fault,
}

/// One span is rejected; the others are not affected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpanError {
    /// A field of the span is malformed.
    Malformed {
        /// The field, by its name in the OTLP schema.
        field: &'static str,
        /// The fault.
        fault: Fault,
    },
    /// More than [`MAX_ATTRIBUTES`](crate::MAX_ATTRIBUTES) attributes.
    TooManyAttributes,
    /// `trace_id` is absent, not 16 bytes long, or all zero (OTLP: "considered invalid").
    InvalidTraceId,
    /// `span_id` is absent, not 8 bytes long, or all zero (OTLP: "considered invalid").
    InvalidSpanId,
}

impl SpanError {
    pub(crate) fn in_field(field: &'static str) -> impl Fn(Fault) -> Self {
        move |fault| Self::Malformed { field, fault }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Fault::Truncated => "the bytes end inside a field",
            Fault::VarintTooLong => "a varint does not fit into 64 bits",
            Fault::InvalidKey => "a field key is not valid",
            Fault::WrongWireType => "a known field has the wrong wire type",
            Fault::InvalidUtf8 => "a string is not valid UTF-8",
            Fault::UnbalancedGroup => "a group is not closed properly",
            Fault::DuplicateValue => "a value occurs twice where one is allowed",
            Fault::NestedTooDeep => "a value is nested deeper than 100 levels",
            Fault::TooManyAttributes => "more than 1024 attributes",
        })
    }
}

impl Error for Fault {}

impl fmt::Display for RequestError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            message,
            offset,
            fault,
        } = self;
        write!(
            formatter,
            "cannot read the {message} message that starts at byte {offset} of the request: {fault}"
        )
    }
}

impl Error for RequestError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.fault)
    }
}

impl fmt::Display for SpanError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpanError::Malformed { field, fault } => {
                write!(formatter, "cannot read the span's {field}: {fault}")
            }
            SpanError::TooManyAttributes => {
                formatter.write_str("the span has more than 1024 attributes")
            }
            SpanError::InvalidTraceId => {
                formatter.write_str("the trace id is not 16 bytes with one of them not zero")
            }
            SpanError::InvalidSpanId => {
                formatter.write_str("the span id is not 8 bytes with one of them not zero")
            }
        }
    }
}

impl Error for SpanError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            SpanError::Malformed { fault, .. } => Some(fault),
            _ => None,
        }
    }
}
