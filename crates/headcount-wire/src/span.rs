//! One span (`opentelemetry.proto.trace.v1.Span`).

use crate::cursor::{Cursor, FIXED64, LENGTH, VARINT, key};
use crate::fault::{Fault, SpanError};
use crate::value::{Attribute, Nesting, Value, read_key_value};

/// How many attributes a span or a resource may have. The SDKs' default limit is 128.
pub const MAX_ATTRIBUTES: usize = 1_024;

const TRACE_ID: u32 = key(1, LENGTH);
const SPAN_ID: u32 = key(2, LENGTH);
const TRACE_STATE: u32 = key(3, LENGTH);
const PARENT_ID: u32 = key(4, LENGTH);
const NAME: u32 = key(5, LENGTH);
const START: u32 = key(7, FIXED64);
const END: u32 = key(8, FIXED64);
const ATTRIBUTE: u32 = key(9, LENGTH);
const EVENT: u32 = key(11, LENGTH);
const LINK: u32 = key(13, LENGTH);
const STATUS: u32 = key(15, LENGTH);
const READ_FIELDS: [u32; 7] = [1, 2, 5, 7, 8, 9, 15];

/// A span's bytes, not yet parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawSpan<'a>(pub(crate) &'a [u8]);

/// A parsed span. `'a` is the request's body, `'s` the scratch buffer with the attributes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span<'a, 's> {
    /// 16 bytes, not all zero.
    pub trace_id: &'a [u8],
    /// 8 bytes, not all zero.
    pub span_id: &'a [u8],
    /// The id of the span that this one belongs to; empty for a root. Unlike the others it is not checked: a parent of another length
    /// is one that no span has.
    pub parent_span_id: &'a [u8],
    /// The span's name; empty if the sender left it out.
    pub name: &'a str,
    /// Nanoseconds since 1970 UTC; 0 if the sender left it out.
    pub start_unix_nano: u64,
    /// Nanoseconds since 1970 UTC; 0 if the sender left it out.
    pub end_unix_nano: u64,
    /// The status that the sender gave the span.
    pub status: StatusCode,
    /// In the sender's order; a key may occur twice.
    pub attributes: &'s [Attribute<'a>],
}

/// The parts of a span that are not parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unread {
    /// Events, such as exceptions.
    pub events: usize,
    /// Links to other spans.
    pub links: usize,
    /// The length of `status.message`, in bytes.
    pub status_message_bytes: usize,
    /// The length of `trace_state`, in bytes.
    pub trace_state_bytes: usize,
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
    /// The span's message, unparsed.
    pub fn bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Reads only the span's name and skips every other field by its length. Empty if the sender left it out.
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

    /// Counts the parts that [`RawSpan::parse`] skips, up to where the framing breaks.
    pub fn unread(&self) -> Unread {
        let mut unread = Unread::default();
        let mut cursor = Cursor::new(self.0);
        while let Ok(Some(key)) = cursor.next_key() {
            let counted = match key {
                TRACE_STATE => cursor
                    .bytes()
                    .map(|text| unread.trace_state_bytes = text.len()),
                EVENT => cursor.bytes().map(|_| unread.events += 1),
                LINK => cursor.bytes().map(|_| unread.links += 1),
                STATUS => cursor
                    .bytes()
                    .map(|status| unread.status_message_bytes += message_length(status)),
                _ => cursor.skip(key),
            };
            if counted.is_err() {
                break;
            }
        }
        unread
    }

    /// The class of the first exception that the span's events record (`exception.type`). Nothing else of an event is read. `None` where
    /// there is none, or where the events cannot be read.
    pub fn exception_type(&self) -> Option<&'a str> {
        let mut cursor = Cursor::new(self.0);
        while let Some(key) = cursor.next_key().ok()? {
            if key != EVENT {
                cursor.skip_unless(key, &[11]).ok()?;
            } else if let Some(class) = cursor.bytes().ok().and_then(read_exception) {
                return Some(class);
            }
        }
        None
    }

    /// Reads the span. `scratch` is cleared and then filled with the attributes: with the same one for every span,
    /// parsing does not allocate.
    ///
    /// Fields may come in any order. Of a field that occurs twice the last one counts, attributes add up, the parts of
    /// `status` merge: as protobuf prescribes. Events, links, trace state, flags and unknown fields are skipped; only their
    /// framing is checked.
    ///
    /// # Errors
    /// See [`SpanError`]: there is no partially parsed span.
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
            parent_span_id: &[],
            name: "",
            start_unix_nano: 0,
            end_unix_nano: 0,
            status: StatusCode::Unset,
            attributes: &[],
        };
        while let Some(key) = cursor.next_key().map_err(SpanError::in_field("framing"))? {
            match key {
                ATTRIBUTE => scratch.push(read_attribute(&mut cursor, scratch.len())?),
                TRACE_ID => {
                    span.trace_id = cursor.bytes().map_err(SpanError::in_field("trace_id"))?;
                }
                SPAN_ID => {
                    span.span_id = cursor.bytes().map_err(SpanError::in_field("span_id"))?;
                }
                PARENT_ID => {
                    span.parent_span_id = cursor
                        .bytes()
                        .map_err(SpanError::in_field("parent_span_id"))?;
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
        check_ids(&span)?;
        span.attributes = scratch;
        Ok(span)
    }
}

/// Reads an attribute after `count` others.
#[inline(always)]
fn read_attribute<'a>(cursor: &mut Cursor<'a>, count: usize) -> Result<Attribute<'a>, SpanError> {
    if count == MAX_ATTRIBUTES {
        return Err(SpanError::TooManyAttributes);
    }
    cursor
        .bytes()
        .and_then(|message| read_key_value(message, Nesting::UNCHECKED))
        .map_err(SpanError::in_field("attributes"))
}

/// `exception.type` of an `Event` message that is an exception.
fn read_exception(message: &[u8]) -> Option<&str> {
    const NAME: u32 = key(2, LENGTH);
    const ATTRIBUTE: u32 = key(3, LENGTH);
    let mut cursor = Cursor::new(message);
    let (mut is_exception, mut class) = (false, None);
    while let Some(key) = cursor.next_key().ok()? {
        match key {
            NAME => is_exception = cursor.bytes().ok()? == b"exception",
            ATTRIBUTE => {
                let attribute = read_key_value(cursor.bytes().ok()?, Nesting::UNCHECKED).ok()?;
                if let ("exception.type", Value::String(text)) = (attribute.key, attribute.value) {
                    class = Some(text);
                }
            }
            _ => cursor.skip_unless(key, &[2, 3]).ok()?,
        }
    }
    class.filter(|_| is_exception)
}

fn check_ids(span: &Span<'_, '_>) -> Result<(), SpanError> {
    if !is_valid_id::<16>(span.trace_id) {
        return Err(SpanError::InvalidTraceId);
    }
    if !is_valid_id::<8>(span.span_id) {
        return Err(SpanError::InvalidSpanId);
    }
    Ok(())
}

fn is_valid_id<const LENGTH: usize>(id: &[u8]) -> bool {
    id.len() == LENGTH && id.iter().any(|&byte| byte != 0)
}

/// The length of the text of a `Status` message, in bytes.
fn message_length(status: &[u8]) -> usize {
    const MESSAGE: u32 = key(2, LENGTH);
    let mut cursor = Cursor::new(status);
    let mut length = 0;
    while let Ok(Some(key)) = cursor.next_key() {
        let read = match key {
            MESSAGE => cursor.bytes().map(|text| length += text.len()),
            _ => cursor.skip(key),
        };
        if read.is_err() {
            break;
        }
    }
    length
}

/// The code in a `Status` message, if there is one. Its text is skipped.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::writer::Writer;

    /// A span with valid ids and whatever `fields` writes.
    fn span(fields: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.bytes(1, &[1; 16]);
        writer.bytes(2, &[2; 8]);
        fields(&mut writer);
        writer.into_bytes()
    }

    fn error(bytes: &[u8]) -> SpanError {
        RawSpan(bytes).parse(&mut Vec::new()).unwrap_err()
    }

    fn attribute(writer: &mut Writer, key: &str, value: i64) {
        let attribute = writer.open(9);
        writer.bytes(1, key.as_bytes());
        let content = writer.open(2);
        writer.varint(3, value.cast_unsigned());
        writer.close(content);
        writer.close(attribute);
    }

    #[test]
    fn parts_that_are_not_read_are_counted() {
        let bytes = span(|writer| {
            writer.bytes(3, b"a=1");
            for field in [11, 13, 11] {
                writer.bytes(field, b"");
            }
            let status = writer.open(15);
            writer.bytes(2, b"boom");
            writer.close(status);
        });
        let expected = Unread {
            events: 2,
            links: 1,
            status_message_bytes: 4,
            trace_state_bytes: 3,
        };
        assert_eq!(RawSpan(&bytes).unread(), expected);
        let cut = &bytes[..bytes.len() - 1];
        assert_eq!(RawSpan(cut).unread().events, 2, "the rest is counted");
    }

    #[test]
    fn fields_come_in_any_order_and_the_last_of_two_counts() {
        let mut writer = Writer::default();
        for (code, text) in [(Some(2), "first"), (None, "last")] {
            let status = writer.open(15);
            if let Some(code) = code {
                writer.varint(3, code);
            }
            writer.close(status);
            attribute(&mut writer, text, 1);
            writer.fixed64(8, 20);
            writer.fixed64(7, 10);
            writer.bytes(5, text.as_bytes());
        }
        writer.bytes(2, &[2; 8]);
        writer.bytes(1, &[0; 16]);
        writer.bytes(1, &[1; 16]);
        let bytes = writer.into_bytes();
        let mut scratch = Vec::new();
        let span = RawSpan(&bytes).parse(&mut scratch).unwrap();
        assert_eq!(
            (span.name, span.start_unix_nano, span.end_unix_nano),
            ("last", 10, 20)
        );
        assert_eq!((span.trace_id, span.span_id), (&[1; 16][..], &[2; 8][..]));
        assert_eq!(span.status, StatusCode::Error);
        let keys: Vec<_> = span
            .attributes
            .iter()
            .map(|attribute| attribute.key)
            .collect();
        assert_eq!(keys, ["first", "last"]);
        assert_eq!(span.attributes[1].value, Value::Integer(1));
    }

    #[test]
    fn unknown_fields_are_passed_over() {
        let bytes = span(|writer| {
            writer.varint(99, 5);
            writer.bytes(3_000, b"\xff");
            writer.fixed64(77, 1);
            writer.bytes(3, b"\xff trace state is not read");
        });
        assert!(RawSpan(&bytes).parse(&mut Vec::new()).is_ok());
    }

    #[test]
    fn the_parent_is_read_and_of_events_only_the_class_of_an_exception() {
        let bytes = span(|writer| {
            writer.bytes(4, &[3; 8]);
            for (name, key) in [
                ("log", "exception.type"),
                ("exception", "exception.message"),
                ("exception", "exception.type"),
            ] {
                let event = writer.open(11);
                let attribute = writer.open(3);
                writer.bytes(1, key.as_bytes());
                let content = writer.open(2);
                writer.bytes(1, name.as_bytes());
                writer.close(content);
                writer.close(attribute);
                writer.bytes(2, name.as_bytes());
                writer.close(event);
            }
        });
        let mut scratch = Vec::new();
        let span = RawSpan(&bytes).parse(&mut scratch).unwrap();
        assert_eq!(span.parent_span_id, [3; 8]);
        assert_eq!(RawSpan(&bytes).exception_type(), Some("exception"));
        let broken = [&bytes[..], &[11 << 3 | 2, 9]].concat();
        assert_eq!(RawSpan(&broken).exception_type(), Some("exception"));
        assert_eq!(RawSpan(&[11 << 3 | 2, 9]).exception_type(), None);
    }

    #[test]
    fn ids_have_their_length_and_are_not_zero() {
        for id in [&[][..], &[1; 15], &[1; 17], &[0; 16]] {
            assert_eq!(
                error(&span(|writer| writer.bytes(1, id))),
                SpanError::InvalidTraceId
            );
        }
        for id in [&[][..], &[1; 7], &[1; 16], &[0; 8]] {
            assert_eq!(
                error(&span(|writer| writer.bytes(2, id))),
                SpanError::InvalidSpanId
            );
        }
        assert_eq!(error(&[]), SpanError::InvalidTraceId);
    }

    #[test]
    fn a_known_field_of_another_wire_type_is_malformed() {
        for number in READ_FIELDS {
            let bytes = span(|writer| writer.varint(number, 1));
            assert_eq!(
                error(&bytes),
                SpanError::Malformed {
                    field: "framing",
                    fault: Fault::WrongWireType
                }
            );
        }
        assert!(RawSpan(&span(|writer| writer.varint(5, 1))).name().is_err());
    }

    #[test]
    fn text_that_is_not_utf8_is_malformed() {
        let bytes = span(|writer| writer.bytes(5, b"\xc3"));
        let expected = SpanError::Malformed {
            field: "name",
            fault: Fault::InvalidUtf8,
        };
        assert_eq!(error(&bytes), expected);
        assert_eq!(RawSpan(&bytes).name(), Err(expected));
        assert_eq!(
            expected.to_string(),
            "cannot read the span's name: a string is not valid UTF-8"
        );
    }

    #[test]
    fn one_attribute_beyond_the_limit_is_too_many() {
        let with = |count: usize| span(|writer| (0..count).for_each(|_| attribute(writer, "k", 0)));
        let bytes = with(MAX_ATTRIBUTES);
        let mut scratch = Vec::new();
        let span = RawSpan(&bytes).parse(&mut scratch).unwrap();
        assert_eq!(span.attributes.len(), MAX_ATTRIBUTES);
        assert_eq!(
            error(&with(MAX_ATTRIBUTES + 1)),
            SpanError::TooManyAttributes
        );
    }

    #[test]
    fn scratch_holds_nothing_of_the_span_before() {
        let (first, second) = (span(|writer| attribute(writer, "k", 0)), span(|_| {}));
        let mut scratch = Vec::new();
        assert_eq!(
            RawSpan(&first)
                .parse(&mut scratch)
                .unwrap()
                .attributes
                .len(),
            1
        );
        assert!(
            RawSpan(&second)
                .parse(&mut scratch)
                .unwrap()
                .attributes
                .is_empty()
        );
    }
}
