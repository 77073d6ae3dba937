//! An encoder of requests.

use crate::span::StatusCode;
use crate::writer::{OpenMessage, Writer};

/// Builds one `ExportTraceServiceRequest`.
///
/// A resource holds scopes, a scope holds spans: call [`resource`](Self::resource), [`scope`](Self::scope) and
/// [`span`](Self::span) in that order and as often as needed. A scope without a resource, or a span without a scope,
/// opens an empty one.
///
/// ```
/// use headcount_wire::{RequestEncoder, SpanHeader, TraceRequest};
///
/// let mut request = RequestEncoder::new();
/// request
///     .resource(|attributes| attributes.string("service.name", "demo"))
///     .scope("demo.telemetry", "1.0")
///     .span(
///         &SpanHeader { trace_id: [1; 16], span_id: [2; 8], name: "Crew Created", ..SpanHeader::default() },
///         |attributes| attributes.integer("crew_number_of_tasks", 3),
///     );
/// let body = request.finish();
/// assert_eq!(TraceRequest::parse(&body).unwrap().span_count(), 1);
/// ```
#[derive(Debug, Default)]
pub struct RequestEncoder {
    writer: Writer,
    resource: Option<OpenMessage>,
    scope: Option<OpenMessage>,
    span_count: usize,
}

/// Everything in a span that is not an attribute. Its kind is always `INTERNAL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpanHeader<'a> {
    /// Must not be all zero: receivers reject that.
    pub trace_id: [u8; 16],
    /// Must not be all zero: receivers reject that.
    pub span_id: [u8; 8],
    /// The span's name.
    pub name: &'a str,
    /// Nanoseconds since 1970 UTC.
    pub start_unix_nano: u64,
    /// Nanoseconds since 1970 UTC.
    pub end_unix_nano: u64,
    /// The status.
    pub status: StatusCode,
}

impl RequestEncoder {
    /// An empty request.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a resource and writes its attributes.
    pub fn resource(&mut self, attributes: impl FnOnce(&mut AttributeWriter<'_>)) -> &mut Self {
        self.close_resource();
        self.resource = Some(self.writer.open(1));
        let resource = self.writer.open(1);
        attributes(&mut AttributeWriter {
            writer: &mut self.writer,
            field: 1,
        });
        self.writer.close(resource);
        self
    }

    /// Begins a scope of the current resource.
    pub fn scope(&mut self, name: &str, version: &str) -> &mut Self {
        self.close_scope();
        if self.resource.is_none() {
            self.resource = Some(self.writer.open(1));
        }
        self.scope = Some(self.writer.open(2));
        let scope = self.writer.open(1);
        self.writer.bytes(1, name.as_bytes());
        self.writer.bytes(2, version.as_bytes());
        self.writer.close(scope);
        self
    }

    /// Adds a span to the current scope.
    pub fn span(
        &mut self,
        header: &SpanHeader<'_>,
        attributes: impl FnOnce(&mut AttributeWriter<'_>),
    ) -> &mut Self {
        if self.scope.is_none() {
            self.scope("", "");
        }
        span_field(&mut self.writer, header, attributes);
        self.span_count += 1;
        self
    }

    /// Adds `count` spans that [`write_span`] wrote to the current scope.
    pub fn spans(&mut self, encoded: &[u8], count: usize) -> &mut Self {
        if self.scope.is_none() {
            self.scope("", "");
        }
        self.writer.append(encoded);
        self.span_count += count;
        self
    }

    /// How many spans were added.
    pub fn span_count(&self) -> usize {
        self.span_count
    }

    /// The size of the request so far in bytes, without the lengths of its open messages.
    pub fn byte_count(&self) -> usize {
        self.writer.len()
    }

    /// The encoded request.
    pub fn finish(mut self) -> Vec<u8> {
        self.close_resource();
        self.writer.into_bytes()
    }

    fn close_scope(&mut self) {
        if let Some(scope) = self.scope.take() {
            self.writer.close(scope);
        }
    }

    fn close_resource(&mut self) {
        self.close_scope();
        if let Some(resource) = self.resource.take() {
            self.writer.close(resource);
        }
    }
}

/// Writes the attributes of one resource, span or list.
#[derive(Debug)]
pub struct AttributeWriter<'w> {
    writer: &'w mut Writer,
    field: u32,
}

/// Writes one value.
#[derive(Debug)]
pub struct ValueWriter<'w> {
    writer: &'w mut Writer,
}

/// Appends one span to `buffer` as `ScopeSpans` holds it: the bytes that [`RequestEncoder::spans`] takes.
///
/// ```
/// use headcount_wire::{RequestEncoder, SpanHeader, TraceRequest, write_span};
///
/// let header = SpanHeader { trace_id: [1; 16], span_id: [2; 8], name: "Tool Usage", ..SpanHeader::default() };
/// let mut spans = Vec::new();
/// write_span(&mut spans, &header, |attributes| attributes.string("tool", "search"));
/// let mut request = RequestEncoder::new();
/// request.scope("demo", "1.0").spans(&spans, 1);
/// assert_eq!(TraceRequest::parse(&request.finish()).unwrap().span_count(), 1);
/// ```
pub fn write_span(
    buffer: &mut Vec<u8>,
    header: &SpanHeader<'_>,
    attributes: impl FnOnce(&mut AttributeWriter<'_>),
) {
    let mut writer = Writer::from_bytes(std::mem::take(buffer));
    span_field(&mut writer, header, attributes);
    *buffer = writer.into_bytes();
}

fn span_field(
    writer: &mut Writer,
    header: &SpanHeader<'_>,
    attributes: impl FnOnce(&mut AttributeWriter<'_>),
) {
    let span = writer.open(2);
    // Fields 1 and 2, then 5, then 6 (the kind, `SPAN_KIND_INTERNAL`, for a span that is neither a call nor its
    // response), 7 and 8.
    let mut ids = [0; 28];
    ids[..2].copy_from_slice(&[0x0a, 16]);
    ids[2..18].copy_from_slice(&header.trace_id);
    ids[18..20].copy_from_slice(&[0x12, 8]);
    ids[20..].copy_from_slice(&header.span_id);
    writer.raw(&ids);
    writer.bytes(5, header.name.as_bytes());
    let mut times = [0; 20];
    times[..3].copy_from_slice(&[0x30, 1, 0x39]);
    times[3..11].copy_from_slice(&header.start_unix_nano.to_le_bytes());
    times[11] = 0x41;
    times[12..].copy_from_slice(&header.end_unix_nano.to_le_bytes());
    writer.raw(&times);
    attributes(&mut AttributeWriter { writer, field: 9 });
    let status = writer.open(15);
    if header.status != StatusCode::Unset {
        // Protobuf: a negative int32 is written as the 64-bit number it is.
        let code = i64::from(i32::from(header.status));
        writer.varint(3, code.cast_unsigned());
    }
    writer.close(status);
    writer.close(span);
}

impl AttributeWriter<'_> {
    /// Text.
    pub fn string(&mut self, key: &str, value: &str) {
        // `AnyValue.string_value` is field 1; a length that takes more than one byte is too long anyway.
        let head = [0x0a, value.len() as u8];
        let is_short = value.len() < 0x80;
        if !(is_short
            && self
                .writer
                .short_attribute(self.field, key, &head, value.as_bytes()))
        {
            self.value(key, |writer| writer.string(value));
        }
    }

    /// True or false.
    pub fn boolean(&mut self, key: &str, value: bool) {
        let value_bytes = [0x10, u8::from(value)];
        if !self
            .writer
            .short_attribute(self.field, key, &value_bytes, &[])
        {
            self.value(key, |writer| writer.boolean(value));
        }
    }

    /// A signed 64-bit integer.
    pub fn integer(&mut self, key: &str, value: i64) {
        self.value(key, |writer| writer.integer(value));
    }

    /// A double.
    pub fn double(&mut self, key: &str, value: f64) {
        let bits = value.to_bits().to_le_bytes();
        if !self.writer.short_attribute(self.field, key, &[0x21], &bits) {
            self.value(key, |writer| writer.double(value));
        }
    }

    /// Opaque bytes.
    pub fn bytes(&mut self, key: &str, value: &[u8]) {
        self.value(key, |writer| writer.bytes(value));
    }

    /// A list of strings.
    pub fn strings<'v>(&mut self, key: &str, values: impl IntoIterator<Item = &'v str>) {
        self.value(key, |writer| {
            writer.array(|elements| {
                for value in values {
                    elements.element(|writer| writer.string(value));
                }
            });
        });
    }

    /// A value of any kind; none if `write` writes nothing.
    pub fn value(&mut self, key: &str, write: impl FnOnce(&mut ValueWriter<'_>)) {
        let attribute = self.writer.open(self.field);
        self.writer.bytes(1, key.as_bytes());
        let value = self.writer.open(2);
        write(&mut ValueWriter {
            writer: self.writer,
        });
        self.writer.close(value);
        self.writer.close(attribute);
    }
}

impl ValueWriter<'_> {
    /// Text.
    pub fn string(&mut self, value: &str) {
        self.writer.bytes(1, value.as_bytes());
    }

    /// True or false.
    pub fn boolean(&mut self, value: bool) {
        self.writer.varint(2, u64::from(value));
    }

    /// A signed 64-bit integer.
    pub fn integer(&mut self, value: i64) {
        self.writer.varint(3, value.cast_unsigned());
    }

    /// A double.
    pub fn double(&mut self, value: f64) {
        self.writer.fixed64(4, value.to_bits());
    }

    /// Opaque bytes.
    pub fn bytes(&mut self, value: &[u8]) {
        self.writer.bytes(7, value);
    }

    /// A list of values.
    pub fn array(&mut self, write: impl FnOnce(&mut ArrayWriter<'_>)) {
        let array = self.writer.open(5);
        write(&mut ArrayWriter {
            writer: self.writer,
        });
        self.writer.close(array);
    }

    /// A list of keys and values.
    pub fn key_value_list(&mut self, write: impl FnOnce(&mut AttributeWriter<'_>)) {
        let list = self.writer.open(6);
        write(&mut AttributeWriter {
            writer: self.writer,
            field: 1,
        });
        self.writer.close(list);
    }
}

/// Writes the values of one array.
#[derive(Debug)]
pub struct ArrayWriter<'w> {
    writer: &'w mut Writer,
}

impl ArrayWriter<'_> {
    /// One more value.
    pub fn element(&mut self, write: impl FnOnce(&mut ValueWriter<'_>)) {
        let element = self.writer.open(1);
        write(&mut ValueWriter {
            writer: self.writer,
        });
        self.writer.close(element);
    }
}
