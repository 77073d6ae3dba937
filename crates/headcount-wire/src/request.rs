//! The request (`ExportTraceServiceRequest`), its resources and its scopes.

use std::sync::Arc;

use crate::cursor::{Cursor, LENGTH, key};
use crate::fault::{Fault, RequestError};
use crate::span::{MAX_ATTRIBUTES, RawSpan};
use crate::value::{Attribute, Nesting, read_key_value};

/// A request whose framing, resources and scopes are checked, but not its spans.
///
/// It only borrows the body: [`groups`](Self::groups) parses it again, so that a request of a million empty groups
/// costs no memory.
#[derive(Debug, Clone, Copy)]
pub struct TraceRequest<'a> {
    body: &'a [u8],
    span_count: usize,
}

/// One `ScopeSpans` with the resource it belongs to.
#[derive(Debug, Clone)]
pub struct SpanGroup<'a> {
    resource: Arc<[Attribute<'a>]>,
    resource_index: usize,
    scope: Scope<'a>,
    message: &'a [u8],
}

impl<'a> TraceRequest<'a> {
    /// Checks the framing of the request and reads its resources and scopes; of a span it checks only that its length
    /// fits. A message that occurs twice is merged, as protobuf prescribes: resource attributes add up, the last scope
    /// name counts. Scope attributes, schema URLs and unknown fields are skipped.
    ///
    /// # Errors
    /// The whole request must be rejected.
    pub fn parse(body: &'a [u8]) -> Result<Self, RequestError> {
        let locate = |message: &'static str, content: &[u8]| {
            let offset = content.as_ptr().addr() - body.as_ptr().addr();
            move |fault| RequestError {
                message,
                offset,
                fault,
            }
        };
        let mut span_count = 0;
        let mut attributes = Vec::new();
        let mut fields = Fields::new(body, 1);
        while let Some(resource_spans) = fields
            .try_next()
            .map_err(locate("ExportTraceServiceRequest", body))?
        {
            read_resource(resource_spans, &mut attributes)
                .map_err(locate("ResourceSpans", resource_spans))?;
            let mut scopes = Fields::new(resource_spans, 2);
            while let Some(scope_spans) = scopes
                .try_next()
                .map_err(locate("ResourceSpans", resource_spans))?
            {
                span_count += read_scope(scope_spans)
                    .map_err(locate("ScopeSpans", scope_spans))?
                    .span_count;
            }
        }
        Ok(Self { body, span_count })
    }

    /// One group for each `ScopeSpans`, in the sender's order, including those without spans.
    pub fn groups(&self) -> impl Iterator<Item = SpanGroup<'a>> + use<'a> {
        Groups {
            resources: Fields::new(self.body, 1),
            scopes: Fields::new(&[], 2),
            resource: Arc::new([]),
            resource_count: 0,
            attributes: Vec::new(),
        }
    }

    /// The number of spans in the request, including malformed ones.
    pub fn span_count(&self) -> usize {
        self.span_count
    }
}

impl<'a> SpanGroup<'a> {
    /// The resource's attributes, in the sender's order.
    pub fn resource_attributes(&self) -> &[Attribute<'a>] {
        &self.resource
    }

    /// The position of the resource in the request. The groups of one resource are adjacent: a reader that caches
    /// the last resource reads each resource once.
    pub fn resource_index(&self) -> usize {
        self.resource_index
    }

    /// The instrumentation scope's name; empty if the sender left it out.
    pub fn scope_name(&self) -> &'a str {
        self.scope.name
    }

    /// The instrumentation scope's version; empty if the sender left it out.
    pub fn scope_version(&self) -> &'a str {
        self.scope.version
    }

    /// The spans, in the sender's order.
    pub fn spans(&self) -> impl Iterator<Item = RawSpan<'a>> + use<'a> {
        Fields::new(self.message, 2).map(RawSpan)
    }
}

/// The occurrences of one length-delimited field of a message.
#[derive(Debug, Clone)]
struct Fields<'a> {
    cursor: Cursor<'a>,
    number: u32,
}

impl<'a> Fields<'a> {
    fn new(message: &'a [u8], number: u32) -> Self {
        Self {
            cursor: Cursor::new(message),
            number,
        }
    }

    #[inline]
    fn try_next(&mut self) -> Result<Option<&'a [u8]>, Fault> {
        while let Some(found) = self.cursor.next_key()? {
            if found == key(self.number, LENGTH) {
                return self.cursor.bytes().map(Some);
            }
            self.cursor.skip_unless(found, &[self.number])?;
        }
        Ok(None)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = &'a [u8];

    /// The message is already checked, so that errors are impossible; one would end the iteration.
    fn next(&mut self) -> Option<&'a [u8]> {
        self.try_next().ok().flatten()
    }
}

struct Groups<'a> {
    resources: Fields<'a>,
    scopes: Fields<'a>,
    resource: Arc<[Attribute<'a>]>,
    /// Resources that were read so far; the last one is the current one.
    resource_count: usize,
    attributes: Vec<Attribute<'a>>,
}

impl<'a> Iterator for Groups<'a> {
    type Item = SpanGroup<'a>;

    fn next(&mut self) -> Option<SpanGroup<'a>> {
        loop {
            if let Some(message) = self.scopes.next() {
                return Some(SpanGroup {
                    resource: Arc::clone(&self.resource),
                    resource_index: self.resource_count.saturating_sub(1),
                    scope: read_scope(message).ok()?,
                    message,
                });
            }
            let resource_spans = self.resources.next()?;
            read_resource(resource_spans, &mut self.attributes).ok()?;
            self.resource = Arc::from(self.attributes.as_slice());
            self.resource_count += 1;
            self.scopes = Fields::new(resource_spans, 2);
        }
    }
}

/// Reads the attributes of a `ResourceSpans`'s resource, at any position in the message.
fn read_resource<'a>(
    resource_spans: &'a [u8],
    attributes: &mut Vec<Attribute<'a>>,
) -> Result<(), Fault> {
    attributes.clear();
    let mut resources = Fields::new(resource_spans, 1);
    while let Some(resource) = resources.try_next()? {
        let mut messages = Fields::new(resource, 1);
        while let Some(message) = messages.try_next()? {
            if attributes.len() == MAX_ATTRIBUTES {
                return Err(Fault::TooManyAttributes);
            }
            attributes.push(read_key_value(message, Nesting::UNCHECKED)?);
        }
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, Default)]
struct Scope<'a> {
    name: &'a str,
    version: &'a str,
    span_count: usize,
}

/// Reads a `ScopeSpans`'s scope, at any position in the message, and counts its spans.
fn read_scope(scope_spans: &[u8]) -> Result<Scope<'_>, Fault> {
    const SCOPE: u32 = key(1, LENGTH);
    const SPAN: u32 = key(2, LENGTH);
    const NAME: u32 = key(1, LENGTH);
    const VERSION: u32 = key(2, LENGTH);
    let mut scope = Scope::default();
    let mut cursor = Cursor::new(scope_spans);
    while let Some(key) = cursor.next_key()? {
        match key {
            SPAN => {
                cursor.bytes()?;
                scope.span_count += 1;
            }
            SCOPE => {
                let mut fields = Cursor::new(cursor.bytes()?);
                while let Some(key) = fields.next_key()? {
                    match key {
                        NAME => scope.name = fields.text()?,
                        VERSION => scope.version = fields.text()?,
                        _ => fields.skip_unless(key, &[1, 2])?,
                    }
                }
            }
            _ => cursor.skip_unless(key, &[1, 2])?,
        }
    }
    Ok(scope)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;
    use crate::writer::Writer;

    fn resource(writer: &mut Writer, key: &str) {
        let resource = writer.open(1);
        let attribute = writer.open(1);
        writer.bytes(1, key.as_bytes());
        writer.close(attribute);
        writer.close(resource);
    }

    #[test]
    fn a_resource_after_its_scopes_and_a_scope_after_its_spans_belong_to_them() {
        let mut writer = Writer::default();
        let resource_spans = writer.open(1);
        let scope_spans = writer.open(2);
        writer.bytes(2, b"");
        for (field, text) in [(1, "name"), (2, "version"), (1, "last name")] {
            let scope = writer.open(1);
            writer.bytes(field, text.as_bytes());
            writer.close(scope);
        }
        writer.close(scope_spans);
        resource(&mut writer, "first");
        resource(&mut writer, "second");
        writer.close(resource_spans);
        let body = writer.into_bytes();
        let request = TraceRequest::parse(&body).unwrap();
        assert_eq!(request.span_count(), 1);
        let groups: Vec<_> = request.groups().collect();
        let keys = groups[0].resource_attributes().iter();
        assert_eq!(
            keys.map(|attribute| (attribute.key, attribute.value))
                .collect::<Vec<_>>(),
            [("first", Value::Empty), ("second", Value::Empty)]
        );
        assert_eq!(
            (groups[0].scope_name(), groups[0].scope_version()),
            ("last name", "version")
        );
        assert_eq!(groups[0].spans().count(), 1);
    }

    #[test]
    fn groups_tell_which_resource_of_the_request_they_belong_to() {
        let mut writer = Writer::default();
        for (key, groups) in [("a", 2), ("b", 0), ("c", 1)] {
            let resource_spans = writer.open(1);
            resource(&mut writer, key);
            for _ in 0..groups {
                let scope_spans = writer.open(2);
                writer.close(scope_spans);
            }
            writer.close(resource_spans);
        }
        let body = writer.into_bytes();
        let request = TraceRequest::parse(&body).unwrap();
        let found: Vec<_> = request
            .groups()
            .map(|group| (group.resource_index(), group.resource_attributes()[0].key))
            .collect();
        assert_eq!(found, [(0, "a"), (0, "a"), (2, "c")]);
    }

    #[test]
    fn an_empty_request_has_no_groups() {
        for body in [&b""[..], b"\x0a\x00"] {
            let request = TraceRequest::parse(body).unwrap();
            assert_eq!((request.span_count(), request.groups().count()), (0, 0));
        }
    }

    #[test]
    fn a_fault_outside_of_spans_refuses_the_request_and_says_where() {
        let error = |body: &[u8]| TraceRequest::parse(body).unwrap_err().to_string();
        assert_eq!(
            error(b"\x0a\x05"),
            "cannot read the ExportTraceServiceRequest message that starts at byte 0 of the request: \
             the bytes end inside a field"
        );
        assert_eq!(
            error(b"\x0a\x06\x0a\x04\x0a\x02\x08\x00"),
            "cannot read the ResourceSpans message that starts at byte 2 of the request: \
             a known field has the wrong wire type"
        );
        assert_eq!(
            error(b"\x0a\x07\x12\x05\x0a\x03\x0a\x01\xff"),
            "cannot read the ScopeSpans message that starts at byte 4 of the request: \
             a string is not valid UTF-8"
        );
        // JSON, read as protobuf.
        assert!(TraceRequest::parse(b"{}").is_err());
    }

    #[test]
    fn a_resource_beyond_the_attribute_limit_refuses_the_request() {
        let with = |count: usize| {
            let mut writer = Writer::default();
            let resource_spans = writer.open(1);
            (0..count).for_each(|_| resource(&mut writer, "k"));
            writer.close(resource_spans);
            writer.into_bytes()
        };
        assert!(TraceRequest::parse(&with(MAX_ATTRIBUTES)).is_ok());
        let fault = TraceRequest::parse(&with(MAX_ATTRIBUTES + 1))
            .unwrap_err()
            .fault;
        assert_eq!(fault, Fault::TooManyAttributes);
    }
}
