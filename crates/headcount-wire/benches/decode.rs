//! Our reader beside prost on one request of captured spans, and JSON on the same request.
//!
//! `cargo bench -p headcount-wire --profile release`

#![allow(clippy::unwrap_used)] // What is captured is readable: the tests show it.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use headcount_wire::{TraceRequest, Value, json_to_protobuf};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

fn main() {
    divan::main();
}

/// Captured requests, one after the other until there is about 1 MiB: protobuf concatenates by itself.
fn captured() -> Vec<u8> {
    let release_1: [&[u8]; 2] = [
        include_bytes!("../tests/corpus/crewai-1.15.30-default.bin"),
        include_bytes!("../tests/corpus/crewai-0.86.0-default.bin"),
    ];
    release_1.concat().repeat(75)
}

/// The same in OTLP/JSON, without the fields that the reader passes over.
fn captured_as_json() -> Vec<u8> {
    let body = captured();
    let request = TraceRequest::parse(&body).unwrap();
    let mut scratch = Vec::new();
    let hex = |id: &[u8]| {
        id.iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let mut groups = Vec::new();
    for group in request.groups() {
        let mut spans = Vec::new();
        for raw in group.spans() {
            let span = raw.parse(&mut scratch).unwrap();
            let attributes = span.attributes.iter().filter_map(|attribute| {
                let value = match attribute.value {
                    Value::String(text) => serde_json::json!({ "stringValue": text }),
                    Value::Boolean(value) => serde_json::json!({ "boolValue": value }),
                    Value::Integer(value) => serde_json::json!({ "intValue": value.to_string() }),
                    _ => return None,
                };
                Some(serde_json::json!({ "key": attribute.key, "value": value }))
            });
            spans.push(serde_json::json!({
                "traceId": hex(span.trace_id),
                "spanId": hex(span.span_id),
                "name": span.name,
                "startTimeUnixNano": span.start_unix_nano.to_string(),
                "endTimeUnixNano": span.end_unix_nano.to_string(),
                "attributes": attributes.collect::<Vec<_>>(),
            }));
        }
        groups.push(serde_json::json!({ "scopeSpans": [{ "spans": spans }] }));
    }
    serde_json::json!({ "resourceSpans": groups })
        .to_string()
        .into_bytes()
}

#[divan::bench]
fn every_span(bencher: Bencher<'_, '_>) {
    let body = captured();
    bencher.counter(BytesCount::of_slice(&body)).bench(|| {
        let request = TraceRequest::parse(black_box(&body)).unwrap();
        let mut scratch = Vec::new();
        let mut attributes = 0;
        for raw in request.groups().flat_map(|group| group.spans()) {
            attributes += black_box(raw.parse(&mut scratch).unwrap()).attributes.len();
        }
        attributes
    });
}

#[divan::bench]
fn names_only(bencher: Bencher<'_, '_>) {
    let body = captured();
    bencher.counter(BytesCount::of_slice(&body)).bench(|| {
        let request = TraceRequest::parse(black_box(&body)).unwrap();
        let spans = request.groups().flat_map(|group| group.spans());
        spans.map(|raw| raw.name().unwrap().len()).sum::<usize>()
    });
}

#[divan::bench]
fn every_span_with_prost(bencher: Bencher<'_, '_>) {
    let body = captured();
    bencher
        .counter(BytesCount::of_slice(&body))
        .bench(|| ExportTraceServiceRequest::decode(black_box(body.as_slice())).unwrap());
}

#[divan::bench]
fn json(bencher: Bencher<'_, '_>) {
    let body = captured_as_json();
    bencher
        .counter(BytesCount::of_slice(&body))
        .bench(|| json_to_protobuf(black_box(&body)).unwrap());
}

#[divan::bench]
fn json_into_serde_values(bencher: Bencher<'_, '_>) {
    let body = captured_as_json();
    bencher
        .counter(BytesCount::of_slice(&body))
        .bench(|| serde_json::from_slice::<serde_json::Value>(black_box(&body)).unwrap());
}
