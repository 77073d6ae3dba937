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
    refused_span_count: usize,
    first_fault: Option<RequestError>,
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
    /// A malformed resource costs its `ResourceSpans`, a malformed scope its `ScopeSpans`, and neither what is beside it:
    /// they are left out, and their spans are counted in [`refused_span_count`](Self::refused_span_count).
    ///
    /// # Errors
    /// The whole request must be rejected: its framing is broken, or the framing of each `ResourceSpans` in it.
    pub fn parse(body: &'a [u8]) -> Result<Self, RequestError> {
        let mut request = Self {
            body,
            span_count: 0,
            refused_span_count: 0,
            first_fault: None,
        };
        let mut is_request = false;
        let mut attributes = Vec::new();
        let mut fields = Fields::new(body, 1);
        while let Some(resource_spans) = fields
            .try_next()
            .map_err(|fault| request.locate("ExportTraceServiceRequest", body, fault))?
        {
            if let Err(fault) = check_resource_spans(resource_spans, &mut attributes) {
                is_request |= !fault.is_of_framing();
                request.refuse("ResourceSpans", resource_spans, fault);
                continue;
            }
            is_request = true;
            for scope_spans in Fields::new(resource_spans, 2) {
                match read_scope(scope_spans) {
                    Ok(scope) => request.span_count += scope.span_count,
                    Err(fault) => request.refuse("ScopeSpans", scope_spans, fault),
                }
            }
        }
        match request.first_fault {
            Some(error) if !is_request => Err(error),
            _ => Ok(request),
        }
    }

    fn locate(&self, message: &'static str, content: &[u8], fault: Fault) -> RequestError {
        RequestError {
            message,
            offset: content.as_ptr().addr() - self.body.as_ptr().addr(),
            fault,
        }
    }

    /// Counts the spans of a `ResourceSpans` or `ScopeSpans` that is left out.
    #[cold]
    fn refuse(&mut self, message: &'static str, content: &[u8], fault: Fault) {
        let error = self.locate(message, content, fault);
        self.first_fault.get_or_insert(error);
        let spans = match message {
            "ResourceSpans" => Fields::new(content, 2).map(count_spans).sum(),
            _ => count_spans(content),
        };
        self.refused_span_count += spans.max(1);
    }

    /// One group for each `ScopeSpans` that can be read, in the sender's order, including those without spans.
    pub fn groups(&self) -> impl Iterator<Item = SpanGroup<'a>> + use<'a> {
        Groups {
            resources: Fields::new(self.body, 1),
            scopes: Fields::new(&[], 2),
            resource: Arc::new([]),
            resource_count: 0,
            attributes: Vec::new(),
        }
    }

    /// The number of spans in [`groups`](Self::groups), including malformed ones.
    pub fn span_count(&self) -> usize {
        self.span_count
    }

    /// The number of spans under malformed resources and scopes. A resource or scope in which no span can be counted counts
    /// as one.
    pub fn refused_span_count(&self) -> usize {
        self.refused_span_count
    }

    /// The first fault in a resource or scope; `None` if all can be read.
    pub fn first_fault(&self) -> Option<RequestError> {
        self.first_fault
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
                let Ok(scope) = read_scope(message) else {
                    continue;
                };
                return Some(SpanGroup {
                    resource: Arc::clone(&self.resource),
                    resource_index: self.resource_count.saturating_sub(1),
                    scope,
                    message,
                });
            }
            let resource_spans = self.resources.next()?;
            self.resource_count += 1;
            if check_resource_spans(resource_spans, &mut self.attributes).is_err() {
                continue;
            }
            self.resource = Arc::from(self.attributes.as_slice());
            self.scopes = Fields::new(resource_spans, 2);
        }
    }
}

/// Reads the attributes of a `ResourceSpans`'s resource, and checks the framing of the whole message.
fn check_resource_spans<'a>(
    resource_spans: &'a [u8],
    attributes: &mut Vec<Attribute<'a>>,
) -> Result<(), Fault> {
    read_resource(resource_spans, attributes)?;
    let mut scopes = Fields::new(resource_spans, 2);
    while scopes.try_next()?.is_some() {}
    Ok(())
}

/// The number of spans before the end of the message, or before its framing breaks.
fn count_spans(scope_spans: &[u8]) -> usize {
    Fields::new(scope_spans, 2).count()
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
#[path = "request_tests.rs"]
mod tests;
