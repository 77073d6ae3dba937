//! Scrubbing of spans that the host's thread found suspicious, before they reach a disk.

use headcount_scrub::Scrubber;
use headcount_wire::{RequestEncoder, Span, SpanHeader, TraceRequest, Value, write_span};

use crate::fields;

/// Writes the span again with its free texts scrubbed and cut; returns how many values were left out. Nothing is written of
/// a span that cannot be read.
pub(super) fn scrub(scrubber: &Scrubber, span: &[u8], spans: &mut Vec<u8>) -> u64 {
    // The bytes of a span, put into a scope of a resource, are a request, which can be parsed.
    let mut request = RequestEncoder::new();
    let request = std::mem::take(request.scope("", "").spans(span, 1)).finish();
    let Ok(request) = TraceRequest::parse(&request) else {
        return 0;
    };
    let mut left_out = 0;
    for group in request.groups() {
        for raw in group.spans() {
            let mut scratch = Vec::new();
            if let Ok(span) = raw.parse(&mut scratch) {
                left_out += write_scrubbed(scrubber, &span, spans);
            }
        }
    }
    left_out
}

fn write_scrubbed(scrubber: &Scrubber, span: &Span<'_, '_>, spans: &mut Vec<u8>) -> u64 {
    let mut left_out = 0;
    let mut header = SpanHeader {
        name: span.name,
        start_unix_nano: span.start_unix_nano,
        end_unix_nano: span.end_unix_nano,
        status: span.status,
        ..SpanHeader::default()
    };
    header.trace_id.copy_from_slice(span.trace_id);
    header.span_id.copy_from_slice(span.span_id);
    write_span(spans, &header, |attributes| {
        for attribute in span.attributes {
            if let Value::String(text) = attribute.value
                && fields::IDENTIFIERS.contains(&attribute.key)
                && !scrubber.scrub(text, text.len()).found.is_empty()
            {
                // No collector would accept an identifier that looks like a path, an address or a secret.
                left_out += 1;
                continue;
            }
            let scrubbing = fields::SCRUBBED
                .iter()
                .find(|field| field.key == attribute.key);
            let clean = |text| match scrubbing {
                Some(field) => scrubber.scrub(text, field.max_length).text,
                None => text.into(),
            };
            match attribute.value {
                Value::String(text) => attributes.string(attribute.key, &clean(text)),
                Value::Boolean(value) => attributes.boolean(attribute.key, value),
                Value::Integer(value) => attributes.integer(attribute.key, value),
                Value::Double(value) => attributes.double(attribute.key, value),
                Value::Array(values) => {
                    let texts: Vec<_> = values
                        .iter()
                        .filter_map(|value| match value {
                            Value::String(text) => Some(clean(text)),
                            _ => None,
                        })
                        .collect();
                    attributes.strings(attribute.key, texts.iter().map(AsRef::as_ref));
                }
                // No field has these kinds.
                Value::Empty | Value::Bytes(_) | Value::KeyValueList(_) => {}
            }
        }
    });
    left_out
}
