//! Bytes that no exporter would send.
//!
//! The exact relation to prost, shown here: let `Narrow` be the OTLP messages with only the fields that this reader
//! reads, so that prost too passes over all others. If prost refuses the bytes as a `Narrow` request, the reader
//! refuses the request, a resource, a scope or at least one span. If prost accepts them, the reader accepts the request, and
//! each of its spans is equal or refused for one of the stricter rules: ids, limits, or a value that occurs twice.

use headcount_wire::{Fault, SpanError, TraceRequest};
use proptest::prelude::*;
use prost::Message;

use crate::model::{Attributes, Datum, Group, ModelSpan, read};

#[derive(Clone, PartialEq, Message)]
struct NarrowRequest {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<NarrowResourceSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct NarrowResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<NarrowList>,
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<NarrowScopeSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct NarrowScopeSpans {
    #[prost(message, optional, tag = "1")]
    scope: Option<NarrowScope>,
    #[prost(message, repeated, tag = "2")]
    spans: Vec<NarrowSpan>,
}

#[derive(Clone, PartialEq, Message)]
struct NarrowScope {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
}

#[derive(Clone, PartialEq, Message)]
struct NarrowSpan {
    #[prost(bytes, tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes, tag = "2")]
    span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(fixed64, tag = "7")]
    start: u64,
    #[prost(fixed64, tag = "8")]
    end: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<NarrowKeyValue>,
    #[prost(message, optional, tag = "15")]
    status: Option<NarrowStatus>,
}

#[derive(Clone, PartialEq, Message)]
struct NarrowStatus {
    #[prost(int32, tag = "3")]
    code: i32,
}

#[derive(Clone, PartialEq, Message)]
struct NarrowKeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<NarrowValue>,
}

#[derive(Clone, PartialEq, Message)]
struct NarrowList {
    #[prost(message, repeated, tag = "1")]
    values: Vec<NarrowKeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct NarrowArray {
    #[prost(message, repeated, tag = "1")]
    values: Vec<NarrowValue>,
}

#[derive(Clone, PartialEq, Message)]
struct NarrowValue {
    #[prost(oneof = "NarrowKind", tags = "1, 2, 3, 4, 5, 6, 7")]
    kind: Option<NarrowKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum NarrowKind {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Boolean(bool),
    #[prost(int64, tag = "3")]
    Integer(i64),
    #[prost(double, tag = "4")]
    Double(f64),
    #[prost(message, tag = "5")]
    Array(NarrowArray),
    #[prost(message, tag = "6")]
    List(NarrowList),
    #[prost(bytes, tag = "7")]
    Bytes(Vec<u8>),
}

fn datum(value: &NarrowValue) -> Datum {
    match &value.kind {
        None => Datum::Empty,
        Some(NarrowKind::Text(text)) => Datum::Text(text.clone()),
        Some(NarrowKind::Boolean(value)) => Datum::Boolean(*value),
        Some(NarrowKind::Integer(value)) => Datum::Integer(*value),
        Some(NarrowKind::Double(value)) => Datum::Double(value.to_bits()),
        Some(NarrowKind::Bytes(bytes)) => Datum::Bytes(bytes.clone()),
        Some(NarrowKind::Array(array)) => Datum::Array(array.values.iter().map(datum).collect()),
        Some(NarrowKind::List(list)) => Datum::List(attributes(&list.values)),
    }
}

fn attributes(entries: &[NarrowKeyValue]) -> Attributes {
    entries
        .iter()
        .map(|entry| {
            let value = entry.value.as_ref().map_or(Datum::Empty, datum);
            (entry.key.clone(), value)
        })
        .collect()
}

fn groups(request: &NarrowRequest) -> Vec<Group<ModelSpan>> {
    let mut groups = Vec::new();
    for resource_spans in &request.resource_spans {
        let resource = resource_spans.resource.clone().unwrap_or_default();
        for scope_spans in &resource_spans.scope_spans {
            let scope = scope_spans.scope.clone().unwrap_or_default();
            let spans = scope_spans.spans.iter().map(|span| ModelSpan {
                trace_id: span.trace_id.clone(),
                span_id: span.span_id.clone(),
                name: span.name.clone(),
                start: span.start,
                end: span.end,
                status: span.status.as_ref().map_or(0, |status| status.code),
                attributes: attributes(&span.attributes),
            });
            groups.push(Group {
                resource: attributes(&resource.values),
                scope: (scope.name, scope.version),
                spans: spans.collect(),
            });
        }
    }
    groups
}

fn is_stricter_rule(error: &SpanError) -> bool {
    matches!(
        error,
        SpanError::InvalidTraceId
            | SpanError::InvalidSpanId
            | SpanError::TooManyAttributes
            | SpanError::Malformed {
                fault: Fault::DuplicateValue | Fault::NestedTooDeep,
                ..
            }
    )
}

fn check_relation(body: &[u8]) {
    let ours = read(body);
    let fault = TraceRequest::parse(body).map_or_else(Some, |request| request.first_fault());
    let Ok(theirs) = NarrowRequest::decode(body) else {
        let refuses = fault.is_some()
            || ours.is_ok_and(|groups| {
                groups
                    .iter()
                    .any(|group| group.spans.iter().any(Result::is_err))
            });
        assert!(refuses, "prost refuses what we read: {body:02x?}");
        return;
    };
    if let Some(error) = fault {
        let is_stricter = matches!(
            error.fault,
            Fault::DuplicateValue | Fault::NestedTooDeep | Fault::TooManyAttributes
        );
        assert!(is_stricter, "{error}, but prost reads {body:02x?}");
        return;
    }
    let ours = ours.expect("a request without a fault");
    let theirs = groups(&theirs);
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours.resource, theirs.resource);
        assert_eq!(ours.scope, theirs.scope);
        assert_eq!(ours.spans.len(), theirs.spans.len());
        for (ours, theirs) in ours.spans.iter().zip(&theirs.spans) {
            match ours {
                Ok(span) => assert_eq!(span, theirs),
                Err(error) => assert!(is_stricter_rule(error), "{error}"),
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Mutation {
    Replace(usize, u8),
    Flip(usize, u8),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Repeat(usize, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<usize>();
    prop_oneof![
        (at, any::<u8>()).prop_map(|(at, byte)| Mutation::Replace(at, byte)),
        (at, 0..8_u8).prop_map(|(at, bit)| Mutation::Flip(at, bit)),
        (at, proptest::collection::vec(any::<u8>(), 0..4))
            .prop_map(|(at, new)| Mutation::Insert(at, new)),
        (at, 1..9_usize).prop_map(|(at, length)| Mutation::Remove(at, length)),
        (at, 1..40_usize).prop_map(|(at, length)| Mutation::Repeat(at, length)),
    ]
}

fn apply(body: &mut Vec<u8>, mutation: &Mutation) {
    if body.is_empty() {
        return;
    }
    let place = |at: usize| at % body.len();
    let range = |at: usize, length: usize| place(at)..(place(at) + length).min(body.len());
    match mutation {
        Mutation::Replace(at, byte) => {
            let at = place(*at);
            body[at] = *byte;
        }
        Mutation::Flip(at, bit) => {
            let at = place(*at);
            body[at] ^= 1 << bit;
        }
        Mutation::Insert(at, new) => {
            let at = place(*at);
            drop(body.splice(at..at, new.iter().copied()));
        }
        Mutation::Remove(at, length) => drop(body.drain(range(*at, *length))),
        Mutation::Repeat(at, length) => {
            let range = range(*at, *length);
            let copy = body[range.clone()].to_vec();
            drop(body.splice(range.end..range.end, copy));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn mutated_requests_are_never_read_more_kindly_than_by_prost(
        request in crate::arbitrary::request(),
        mutations in proptest::collection::vec(mutation(), 0..4),
    ) {
        let mut body = request.encode_to_vec();
        for mutation in &mutations {
            apply(&mut body, mutation);
        }
        check_relation(&body);
    }

    #[test]
    fn arbitrary_bytes_are_never_read_more_kindly_than_by_prost(
        body in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        check_relation(&body);
    }

    #[test]
    fn arbitrary_bytes_never_make_the_json_door_panic(body in any::<Vec<u8>>(), text in ".{0,64}") {
        let _ = headcount_wire::json_to_protobuf(&body);
        let _ = headcount_wire::json_to_protobuf(text.as_bytes());
    }
}

#[test]
fn captured_requests_with_one_changed_byte_are_never_read_more_kindly_than_by_prost() {
    for (_, body) in crate::captured::bodies() {
        let mut changed = body.clone();
        for at in (0..body.len()).step_by(7) {
            for byte in [
                0,
                0x0a,
                0x7f,
                0x80,
                0xff,
                body[at] ^ 1,
                body[at].wrapping_add(1),
            ] {
                changed[at] = byte;
                check_relation(&changed);
            }
            changed[at] = body[at];
        }
    }
}
