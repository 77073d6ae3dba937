//! Spans to bytes, as CrewAI's exporter groups them.

use headcount_wire::{RequestEncoder, SpanHeader, StatusCode};

use crate::draft::{Content, Draft};

/// The only resource attribute that CrewAI sets, in every release.
const SERVICE_NAME: &str = "crewAI-telemetry";

/// One request of one process: one resource, a scope for each library that made spans.
pub(crate) fn encode_request(spans: &[Draft]) -> Vec<u8> {
    let mut request = RequestEncoder::new();
    request.resource(|attributes| attributes.string("service.name", SERVICE_NAME));
    let mut scopes: Vec<&str> = Vec::with_capacity(1);
    for span in spans {
        if !scopes.contains(&span.scope) {
            scopes.push(span.scope);
        }
    }
    for scope in scopes {
        request.scope(scope, "");
        for span in spans.iter().filter(|span| span.scope == scope) {
            encode_span(span, &mut request);
        }
    }
    request.finish()
}

fn encode_span(span: &Draft, request: &mut RequestEncoder) {
    let header = SpanHeader {
        trace_id: span.trace_id,
        span_id: span.span_id,
        name: &span.name,
        start_unix_nano: span.start,
        end_unix_nano: span.end,
        status: if span.failed {
            StatusCode::Error
        } else {
            StatusCode::Ok
        },
    };
    request.span(&header, |attributes| {
        for (key, value) in &span.attributes {
            match value {
                Content::Text(text) => attributes.string(key, text),
                Content::Integer(number) => attributes.integer(key, *number),
                Content::Real(number) => attributes.double(key, *number),
                Content::Boolean(truth) => attributes.boolean(key, *truth),
            }
        }
    });
}
