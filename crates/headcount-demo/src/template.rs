//! One run's spans as bytes, with the places where ids, keys and times go.

use headcount_wire::{uuid, varint};

use crate::draft::{Content, Draft};
use crate::encode::encode_request;

/// What belongs at a place of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placeholder {
    /// The `n`th identity of the run: a UUID as text.
    Identity(usize),
    /// The `n`th lasting property of the crew: 32 hexadecimal digits.
    Key(usize),
    /// The crew's project: a UUID as text, the same in each of its runs.
    Project,
    /// Trace and span id: random bytes.
    TraceId,
    /// See [`Self::TraceId`].
    SpanId,
    /// A moment, as nanoseconds after the run's beginning.
    Start(u64),
    /// See [`Self::Start`].
    End(u64),
    /// A length in milliseconds, as bits of the double in the template.
    Milliseconds(u64),
}

/// Spans of one run, ready to be filled in and sent.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    /// The span fields one after the other, tag and length included.
    pub(crate) bytes: Vec<u8>,
    /// Where each span ends.
    pub(crate) ends: Vec<usize>,
    pub(crate) places: Vec<(usize, Placeholder)>,
    pub(crate) identities: usize,
    pub(crate) keys: usize,
}

/// What stands before the spans of every request: the resource field and the scope field, tag and length included.
#[derive(Debug, Clone)]
pub(crate) struct Preamble {
    pub(crate) resource: Vec<u8>,
    pub(crate) scope: Vec<u8>,
}

/// Field tags of the messages around spans (`opentelemetry/proto/trace/v1/trace.proto`).
pub(crate) const RESOURCE_SPANS: u8 = 0x0a;
/// `ResourceSpans.scope_spans`.
pub(crate) const SCOPE_SPANS: u8 = 0x12;

const KEY: usize = 32;

impl Template {
    /// Encodes the spans and finds the places; every place of a value that occurs twice gets the same filling.
    pub(crate) fn new(spans: &[Draft], began: u64, project_id: &str) -> (Preamble, Self) {
        let body = encode_request(spans);
        let (preamble, bytes, ends) = take_apart(&body);
        let mut template = Self {
            places: Vec::new(),
            identities: 0,
            keys: 0,
            bytes,
            ends,
        };
        template.find_text(project_id.as_bytes());
        let mut begin = 0;
        for (index, span) in spans.iter().enumerate() {
            template.find_binary(begin, span, began);
            begin = template.ends[index];
        }
        template.places.sort_unstable_by_key(|(offset, _)| *offset);
        (preamble, template)
    }

    /// UUIDs and keys stand in texts; what looks like one is one.
    fn find_text(&mut self, project_id: &[u8]) {
        let (mut uuids, mut keys) = (Vec::<Vec<u8>>::new(), Vec::<Vec<u8>>::new());
        let mut offset = 0;
        while offset < self.bytes.len() {
            let rest = &self.bytes[offset..];
            if rest.len() >= uuid::LENGTH && uuid::is_uuid(&rest[..uuid::LENGTH]) {
                let placeholder = if &rest[..uuid::LENGTH] == project_id {
                    Placeholder::Project
                } else {
                    Placeholder::Identity(number_of(&rest[..uuid::LENGTH], &mut uuids))
                };
                self.places.push((offset, placeholder));
                offset += uuid::LENGTH;
            } else if rest.len() >= KEY && rest[..KEY].iter().all(u8::is_ascii_hexdigit) {
                let placeholder = Placeholder::Key(number_of(&rest[..KEY], &mut keys));
                self.places.push((offset, placeholder));
                offset += KEY;
            } else {
                offset += 1;
            }
        }
        self.identities = uuids.len();
        self.keys = keys.len();
    }

    fn find_binary(&mut self, begin: usize, span: &Draft, began: u64) {
        let mut place = |needle: &[u8], placeholder: Placeholder| {
            let found = self.bytes[begin..]
                .windows(needle.len())
                .position(|window| window == needle);
            if let Some(offset) = found {
                self.places.push((begin + offset, placeholder));
            }
        };
        place(&span.trace_id, Placeholder::TraceId);
        place(&span.span_id, Placeholder::SpanId);
        place(
            &span.start.to_le_bytes(),
            Placeholder::Start(span.start - began),
        );
        place(&span.end.to_le_bytes(), Placeholder::End(span.end - began));
        for (_, value) in &span.attributes {
            if let Content::Real(number) = value {
                let bits = number.to_bits();
                place(&bits.to_le_bytes(), Placeholder::Milliseconds(bits));
            }
        }
    }
}

fn number_of(value: &[u8], known: &mut Vec<Vec<u8>>) -> usize {
    known
        .iter()
        .position(|other| other == value)
        .unwrap_or_else(|| {
            known.push(value.to_vec());
            known.len() - 1
        })
}

/// A request of one resource and one scope in its parts: what stands before the spans, the spans, where each ends.
fn take_apart(body: &[u8]) -> (Preamble, Vec<u8>, Vec<usize>) {
    let (_, resource_spans, _) = field(body);
    let (_, _, resource_end) = field(resource_spans);
    let (_, scope_spans, _) = field(&resource_spans[resource_end..]);
    let (_, _, scope_end) = field(scope_spans);
    let spans = &scope_spans[scope_end..];
    let (mut ends, mut offset) = (Vec::new(), 0);
    while offset < spans.len() {
        offset += field(&spans[offset..]).2;
        ends.push(offset);
    }
    let preamble = Preamble {
        resource: resource_spans[..resource_end].to_vec(),
        scope: scope_spans[..scope_end].to_vec(),
    };
    (preamble, spans.to_vec(), ends)
}

/// A length-delimited field with a one-byte tag at the beginning of `bytes`: tag, content, bytes taken in all.
/// Only called on what this crate has just encoded.
fn field(bytes: &[u8]) -> (u8, &[u8], usize) {
    let (length, rest) = varint::read(&bytes[1..]).expect("this crate encoded it");
    let content = &rest[..length as usize];
    (bytes[0], content, bytes.len() - rest.len() + content.len())
}
