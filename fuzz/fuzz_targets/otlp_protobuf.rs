//! Any bytes as a protobuf request.
#![no_main]

use headcount_wire::{Attribute, Fault, RequestError, SpanError, TraceRequest, Value};
use libfuzzer_sys::fuzz_target;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as ProstValue;
use prost::Message;

fuzz_target!(|body: &[u8]| {
    let ours = TraceRequest::parse(body);
    let theirs = ExportTraceServiceRequest::decode(body);
    let request = match (ours, &theirs) {
        (Ok(request), _) => request,
        (Err(RequestError { fault, .. }), Ok(_)) => {
            assert!(is_stricter(fault), "only we refuse: {fault}");
            return;
        }
        (Err(_), Err(_)) => return,
    };
    if let (Some(error), Ok(_)) = (request.first_fault(), &theirs) {
        assert!(is_stricter(error.fault), "only we refuse: {error}");
    }
    // Where a resource or a scope is left out, the others are still looked at.
    let theirs = theirs.ok().filter(|_| request.first_fault().is_none());
    let mut expected = theirs.map(|request| {
        let scopes = request
            .resource_spans
            .into_iter()
            .flat_map(|resource| resource.scope_spans);
        scopes
            .flat_map(|scope| scope.spans)
            .collect::<Vec<_>>()
            .into_iter()
    });
    let mut scratch = Vec::new();
    let mut count = 0;
    for group in request.groups() {
        walk(group.resource_attributes());
        let _ = (group.scope_name(), group.scope_version());
        for raw in group.spans() {
            count += 1;
            let theirs = expected
                .as_mut()
                .map(|spans| spans.next().expect("prost sees the same number of spans"));
            match (raw.parse(&mut scratch), theirs) {
                (Ok(span), theirs) => {
                    assert_eq!(raw.name(), Ok(span.name));
                    walk(span.attributes);
                    if let Some(theirs) = theirs {
                        assert_eq!(span.name, theirs.name);
                        assert_eq!(span.trace_id, theirs.trace_id);
                        assert_eq!(span.span_id, theirs.span_id);
                        assert_eq!(span.start_unix_nano, theirs.start_time_unix_nano);
                        assert_eq!(span.end_unix_nano, theirs.end_time_unix_nano);
                        let status = theirs.status.map_or(0, |status| status.code);
                        assert_eq!(i32::from(span.status), status);
                        compare(span.attributes, &theirs.attributes);
                    }
                }
                (Err(SpanError::Malformed { field, fault }), Some(_)) => {
                    assert!(is_stricter(fault), "only we refuse {field}: {fault}");
                }
                (Err(_), _) => {}
            }
        }
    }
    assert_eq!(count, request.span_count());
    if let Some(mut spans) = expected {
        assert!(spans.next().is_none());
    }
});

fn is_stricter(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::DuplicateValue | Fault::NestedTooDeep | Fault::TooManyAttributes
    )
}

/// Looks at everything that can be looked at.
fn walk(attributes: &[Attribute<'_>]) {
    for attribute in attributes {
        match attribute.value {
            Value::Array(array) => assert_eq!(array.iter().count(), array.len()),
            Value::KeyValueList(list) => walk(&list.iter().collect::<Vec<_>>()),
            _ => {}
        }
    }
}

fn compare(ours: &[Attribute<'_>], theirs: &[KeyValue]) {
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!(ours.key, theirs.key);
        let value = theirs.value.as_ref().and_then(|value| value.value.as_ref());
        match (ours.value, value) {
            (Value::String(ours), Some(ProstValue::StringValue(theirs))) => {
                assert_eq!(ours, theirs)
            }
            (Value::Boolean(ours), Some(ProstValue::BoolValue(theirs))) => {
                assert_eq!(ours, *theirs)
            }
            (Value::Integer(ours), Some(ProstValue::IntValue(theirs))) => assert_eq!(ours, *theirs),
            (Value::Double(ours), Some(ProstValue::DoubleValue(theirs))) => {
                assert_eq!(ours.to_bits(), theirs.to_bits());
            }
            (Value::Bytes(ours), Some(ProstValue::BytesValue(theirs))) => assert_eq!(ours, theirs),
            (Value::Array(ours), Some(ProstValue::ArrayValue(theirs))) => {
                assert_eq!(ours.len(), theirs.values.len());
            }
            (Value::KeyValueList(ours), Some(ProstValue::KvlistValue(theirs))) => {
                compare(&ours.iter().collect::<Vec<_>>(), &theirs.values);
            }
            (Value::Empty, None) => {}
            // The index into a table of strings belongs to profiles; to us it is an unknown field.
            (_, Some(ProstValue::StringValueStrindex(_))) => {}
            (ours, theirs) => panic!("{ours:?} is not {theirs:?}"),
        }
    }
}
