//! One span (`opentelemetry.proto.trace.v1.Span`).

use crate::cursor::{Cursor, FIXED64, LENGTH, VARINT, key};
use crate::fault::{Fault, SpanError};
use crate::value::{Attribute, Nesting, read_key_value};

/// How many attributes a span or a resource may have. The SDKs stop at 128 unless told otherwise.
pub const MAX_ATTRIBUTES: usize = 1_024;

const TRACE_ID: u32 = key(1, LENGTH);
const SPAN_ID: u32 = key(2, LENGTH);
const NAME: u32 = key(5, LENGTH);
const START: u32 = key(7, FIXED64);
const END: u32 = key(8, FIXED64);
const ATTRIBUTE: u32 = key(9, LENGTH);
const STATUS: u32 = key(15, LENGTH);
const READ_FIELDS: [u32; 7] = [1, 2, 5, 7, 8, 9, 15];

/// A span's bytes, not yet looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawSpan<'a>(pub(crate) &'a [u8]);

/// A span that was read in full. `'a` is the request's body, `'s` the scratch that holds the attributes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span<'a, 's> {
    /// 16 bytes, not all zero.
    pub trace_id: &'a [u8],
    /// 8 bytes, not all zero.
    pub span_id: &'a [u8],
    /// The span's name; empty if the sender left it out.
    pub name: &'a str,
    /// Nanoseconds since 1970 UTC; 0 if the sender left it out.
    pub start_unix_nano: u64,
    /// Nanoseconds since 1970 UTC; 0 if the sender left it out.
    pub end_unix_nano: u64,
    /// How the span ended, as its sender says.
    pub status: StatusCode,
    /// In the sender's order; a key may occur twice.
    pub attributes: &'s [Attribute<'a>],
}

/// `Status.code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StatusCode {
    /// 0, or no status at all.
    #[default]
    Unset,
    /// 1.
    Ok,
    /// 2.
    Error,
    /// A number that OTLP does not define.
    Other(i32),
}

impl From<i32> for StatusCode {
    fn from(code: i32) -> Self {
        match code {
            0 => Self::Unset,
            1 => Self::Ok,
            2 => Self::Error,
            other => Self::Other(other),
        }
    }
}

impl From<StatusCode> for i32 {
    fn from(status: StatusCode) -> Self {
        match status {
            StatusCode::Unset => 0,
            StatusCode::Ok => 1,
            StatusCode::Error => 2,
            StatusCode::Other(other) => other,
        }
    }
}

impl<'a> RawSpan<'a> {
    /// The span's message as it came.
    pub fn bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The span's name alone; every other field is passed over by its length. Empty if the sender left it out.
    ///
    /// # Errors
    /// The name or the framing of the span's fields is malformed.
    pub fn name(&self) -> Result<&'a str, SpanError> {
        let mut cursor = Cursor::new(self.0);
        let mut name = "";
        while let Some(key) = cursor.next_key().map_err(SpanError::in_field("framing"))? {
            if key == NAME {
                name = cursor.text().map_err(SpanError::in_field("name"))?;
            } else {
                cursor
                    .skip_unless(key, &[5])
                    .map_err(SpanError::in_field("framing"))?;
            }
        }
        Ok(name)
    }

    /// Reads the span. `scratch` is cleared first and then holds the attributes: give the same one for every span and
    /// reading allocates nothing.
    ///
    /// Fields may come in any order. Of a field that occurs twice the last one counts, attributes add up, the parts of
    /// `status` merge: as protobuf prescribes. Events, links, the parent, trace state, flags and unknown fields are
    /// passed over; only their framing is checked.
    ///
    /// # Errors
    /// See [`SpanError`]: a span that cannot be read in full is not read at all.
    #[inline]
    pub fn parse<'s>(
        &self,
        scratch: &'s mut Vec<Attribute<'a>>,
    ) -> Result<Span<'a, 's>, SpanError> {
        scratch.clear();
        let mut cursor = Cursor::new(self.0);
        let mut span = Span {
            trace_id: &[],
            span_id: &[],
            name: "",
            start_unix_nano: 0,
            end_unix_nano: 0,
            status: StatusCode::Unset,
            attributes: &[],
        };
        while let Some(key) = cursor.next_key().map_err(SpanError::in_field("framing"))? {
            match key {
                ATTRIBUTE => {
                    if scratch.len() == MAX_ATTRIBUTES {
                        return Err(SpanError::TooManyAttributes);
                    }
                    let attribute = cursor
                        .bytes()
                        .and_then(|message| read_key_value(message, Nesting::UNCHECKED))
                        .map_err(SpanError::in_field("attributes"))?;
                    scratch.push(attribute);
                }
                TRACE_ID => {
                    span.trace_id = cursor.bytes().map_err(SpanError::in_field("trace_id"))?;
                }
                SPAN_ID => {
                    span.span_id = cursor.bytes().map_err(SpanError::in_field("span_id"))?;
                }
                NAME => span.name = cursor.text().map_err(SpanError::in_field("name"))?,
                START => {
                    span.start_unix_nano = cursor
                        .fixed64()
                        .map_err(SpanError::in_field("start_time_unix_nano"))?;
                }
                END => {
                    span.end_unix_nano = cursor
                        .fixed64()
                        .map_err(SpanError::in_field("end_time_unix_nano"))?;
                }
                STATUS => {
                    let code = cursor
                        .bytes()
                        .and_then(read_status)
                        .map_err(SpanError::in_field("status"))?;
                    span.status = code.unwrap_or(span.status);
                }
                _ => cursor
                    .skip_unless(key, &READ_FIELDS)
                    .map_err(SpanError::in_field("framing"))?,
            }
        }
        if !is_valid_id::<16>(span.trace_id) {
            return Err(SpanError::InvalidTraceId);
        }
        if !is_valid_id::<8>(span.span_id) {
            return Err(SpanError::InvalidSpanId);
        }
        span.attributes = scratch;
        Ok(span)
    }
}

fn is_valid_id<const LENGTH: usize>(id: &[u8]) -> bool {
    id.len() == LENGTH && id.iter().any(|&byte| byte != 0)
}

/// The code in one `Status` message, if it holds one. Its text is passed over.
fn read_status(message: &[u8]) -> Result<Option<StatusCode>, Fault> {
    const CODE: u32 = key(3, VARINT);
    let mut cursor = Cursor::new(message);
    let mut code = None;
    while let Some(key) = cursor.next_key()? {
        if key == CODE {
            // Protobuf: an int32 or enum on the wire is cut to its low 32 bits.
            code = Some(StatusCode::from(cursor.varint()? as i32));
        } else {
            cursor.skip_unless(key, &[3])?;
        }
    }
    Ok(code)
}
