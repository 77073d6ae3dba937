//! Requests that our own encoder writes.

use headcount_wire::{AttributeWriter, RequestEncoder, SpanHeader, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use crate::model::{Datum, from_prost, read_all};

fn every_kind(attributes: &mut AttributeWriter<'_>) {
    attributes.string("text", "Größe");
    attributes.string("long", &"x".repeat(20_000));
    attributes.boolean("yes", true);
    attributes.boolean("no", false);
    attributes.integer("smallest", i64::MIN);
    attributes.integer("zero", 0);
    attributes.double("third", 1.0 / 3.0);
    attributes.bytes("bytes", &[0, 255]);
    attributes.strings("tools", ["search", "", "calculator"]);
    attributes.value("nothing", |_| {});
    attributes.value("nested", |value| {
        value.key_value_list(|list| {
            list.integer("one", 1);
            list.value("mixed", |value| {
                value.array(|array| {
                    array.element(|value| value.boolean(true));
                    array.element(|_| {});
                    array.element(|value| value.double(f64::INFINITY));
                });
            });
        });
    });
}

#[test]
fn what_the_encoder_writes_is_read_alike_by_the_reader_and_by_prost() {
    let header = SpanHeader {
        trace_id: [7; 16],
        span_id: [9; 8],
        name: "Crew Created",
        start_unix_nano: u64::MAX,
        end_unix_nano: 1,
        status: StatusCode::Other(-3),
    };
    let mut encoder = RequestEncoder::new();
    encoder
        .resource(every_kind)
        .scope("a", "1")
        .span(&header, every_kind)
        .span(&header, |_| {})
        .scope("b", "2")
        .resource(|_| {})
        .scope("c", "")
        .span(
            &SpanHeader {
                status: StatusCode::Error,
                ..header
            },
            every_kind,
        );
    assert_eq!(encoder.span_count(), 3);
    let body = encoder.finish();
    let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
    let groups = read_all(&body);
    assert_eq!(groups, from_prost(&request));
    assert_eq!(groups.len(), 3);
    assert_eq!(groups[0].resource, groups[0].spans[0].attributes);
    assert_eq!(groups[0].spans[0].attributes.len(), 11);
    assert_eq!(groups[0].spans[0].status, -3);
    assert_eq!(groups[2].spans[0].status, 2);
    assert_eq!(request.resource_spans[0].scope_spans[0].spans[0].kind, 1);
    assert_eq!(
        groups[0].spans[0].attributes[9],
        ("nothing".to_owned(), Datum::Empty)
    );
}

#[test]
fn a_span_without_scope_and_resource_opens_empty_ones() {
    let header = SpanHeader {
        trace_id: [1; 16],
        span_id: [1; 8],
        ..SpanHeader::default()
    };
    let mut encoder = RequestEncoder::new();
    encoder.span(&header, |_| {});
    let body = encoder.finish();
    let groups = read_all(&body);
    assert_eq!(
        groups,
        from_prost(&ExportTraceServiceRequest::decode(body.as_slice()).unwrap())
    );
    assert_eq!(groups[0].spans.len(), 1);
}
