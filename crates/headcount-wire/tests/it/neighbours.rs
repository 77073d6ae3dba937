//! One bad element of a request, and everything good beside it.

use headcount_wire::{MAX_ATTRIBUTES, TraceRequest, json_to_protobuf};
use opentelemetry_proto::tonic::common::v1::any_value::Value as ProstValue;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use proptest::prelude::*;
use prost::Message;

use crate::in_json::{body_of_two, dialect, groups_of};
use crate::model::{Group, ModelSpan, read, read_all};

/// What is wrong with one resource or scope.
#[derive(Debug, Clone, Copy)]
enum Bad {
    Utf8,
    Depth,
    Count,
    Twice,
    WireType,
    ScopeUtf8,
}

fn bad() -> impl Strategy<Value = Bad> {
    prop::sample::select(vec![
        Bad::Utf8,
        Bad::Depth,
        Bad::Count,
        Bad::Twice,
        Bad::WireType,
        Bad::ScopeUtf8,
    ])
}

/// A length-delimited field of a message.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    headcount_wire::varint::write(&mut bytes, content.len() as u64);
    bytes.extend_from_slice(content);
    bytes
}

impl Bad {
    /// Another occurrence of the field `resource` or `scope`, which merges with the first.
    fn bytes(self) -> Vec<u8> {
        let attribute = |value: AnyValue| KeyValue {
            key: "k".to_owned(),
            value: Some(value),
            ..KeyValue::default()
        };
        let resource = |attributes: Vec<KeyValue>| {
            let resource = Resource {
                attributes,
                ..Resource::default()
            };
            field(1, &resource.encode_to_vec())
        };
        match self {
            Bad::Utf8 => field(1, &field(1, &field(1, b"caf\xe9"))),
            Bad::ScopeUtf8 => field(1, &field(2, b"caf\xe9")),
            Bad::WireType => field(1, &field(1, b"\x08\x00")),
            Bad::Twice => field(1, &field(1, &[field(2, b""), field(2, b"")].concat())),
            Bad::Count => resource(vec![attribute(AnyValue::default()); MAX_ATTRIBUTES + 1]),
            Bad::Depth => {
                let mut value = AnyValue::default();
                for _ in 0..101 {
                    let values = vec![value];
                    let array = ProstValue::ArrayValue(ArrayValue { values });
                    value = AnyValue { value: Some(array) };
                }
                resource(vec![attribute(value)])
            }
        }
    }
}

fn span_count(groups: &[Group<ModelSpan>]) -> usize {
    groups.iter().map(|group| group.spans.len()).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_bad_resource_or_scope_in_protobuf_costs_nothing_beside_it(
        request in crate::arbitrary::request(),
        bad in bad(),
        at in any::<prop::sample::Index>(),
        scope_at in any::<prop::sample::Index>(),
    ) {
        prop_assume!(!request.resource_spans.is_empty());
        let at = at.index(request.resource_spans.len());
        let mut good = request.clone();
        let spoilt = &mut good.resource_spans[at];
        let refused = if let Bad::ScopeUtf8 = bad {
            prop_assume!(!spoilt.scope_spans.is_empty());
            spoilt.scope_spans.remove(scope_at.index(spoilt.scope_spans.len())).spans.len()
        } else {
            let scopes = good.resource_spans.remove(at).scope_spans;
            scopes.iter().map(|scope| scope.spans.len()).sum()
        };
        let mut body = Vec::new();
        for (index, resource_spans) in request.resource_spans.iter().enumerate() {
            let mut message = resource_spans.encode_to_vec();
            if index == at {
                message = match bad {
                    Bad::ScopeUtf8 => {
                        let mut scopes = resource_spans.scope_spans.clone();
                        let spoilt = scope_at.index(scopes.len());
                        let scope = [scopes[spoilt].encode_to_vec(), bad.bytes()].concat();
                        let before = scopes.drain(..spoilt).map(|scope| field(2, &scope.encode_to_vec()));
                        let mut message: Vec<u8> = before.flatten().collect();
                        message.extend(field(2, &scope));
                        let after = scopes.drain(1..).map(|scope| field(2, &scope.encode_to_vec()));
                        message.extend(after.flatten());
                        if let Some(resource) = &resource_spans.resource {
                            message.extend(field(1, &resource.encode_to_vec()));
                        }
                        message
                    }
                    _ => [message, bad.bytes()].concat(),
                };
            }
            body.extend(field(1, &message));
        }
        let Ok(parsed) = TraceRequest::parse(&body) else {
            // Nothing else is in the request.
            prop_assert!(matches!(bad, Bad::WireType) && request.resource_spans.len() == 1);
            return Ok(());
        };
        prop_assert_eq!(parsed.refused_span_count(), refused.max(1));
        prop_assert_eq!(read_all(&body), crate::model::from_prost(&good));
    }

    #[test]
    fn a_bad_element_in_json_costs_nothing_beside_it(
        request in crate::arbitrary::request(),
        dialect in dialect(),
        at in any::<prop::sample::Index>(),
        spoil_scope in any::<bool>(),
    ) {
        let mut groups = groups_of(&request);
        prop_assume!(!groups.is_empty());
        let at = at.index(groups.len());
        // A text that no other value of the request has, to be replaced by a number.
        let mark = "the text that is replaced";
        match spoil_scope {
            true => groups[at].scope.1 = mark.to_owned(),
            false => groups[at].resource.push((mark.to_owned(), crate::model::Datum::Empty)),
        }
        let body = String::from_utf8(dialect.request(&groups)).unwrap();
        let body = body.replace(&format!("\"{mark}\""), "5");
        let transcoded = json_to_protobuf(body.as_bytes()).unwrap();
        let spoilt = groups.remove(at);
        prop_assert_eq!(transcoded.malformed_spans, spoilt.spans.len().max(1) as u64);
        let read = read(&transcoded.bytes).unwrap();
        prop_assert_eq!(read.len(), groups.len());
        prop_assert_eq!(read_all(&transcoded.bytes), groups);
    }
}

/// A request of three resources with a good span each; the second resource has other members.
fn body_of_three(second: &[u8]) -> Vec<u8> {
    let ids = format!(
        r#""traceId":"{}","spanId":"{}""#,
        "ab".repeat(16),
        "cd".repeat(8)
    );
    let good = format!(r#"{{"scopeSpans":[{{"spans":[{{{ids}}}]}}]}}"#);
    let mut body = format!(r#"{{"resourceSpans":[{good},"#).into_bytes();
    body.extend_from_slice(second);
    body.extend_from_slice(format!(",{good}]}}").as_bytes());
    body
}

#[test]
fn a_bad_resource_or_scope_costs_its_own_spans_alone() {
    let deep = format!(
        r#"{{"resource":{{"attributes":[{{"value":{}{{}}{}}}]}},"scopeSpans":[{{"spans":[{{}}]}}]}}"#,
        r#"{"arrayValue":{"values":["#.repeat(300),
        "]}}".repeat(300)
    );
    for (second, refused) in [
        (&br#"5"#[..], 1),
        (b"[]", 1),
        (br#"{"resource":5}"#, 1),
        (
            br#"{"resource":{"attributes":{}},"scopeSpans":[{"spans":[{},{}]},{"spans":[{}]}]}"#,
            3,
        ),
        (
            br#"{"scopeSpans":[{"spans":[{}]}],"resource":{"attributes":[{"key":1}]}}"#,
            1,
        ),
        (
            br#"{"scope_spans":[{"spans":[{},null]},7],"resource":[]}"#,
            1,
        ),
        (
            br#"{"scopeSpans":[{"scope":{"name":5},"spans":[{},{}]}]}"#,
            2,
        ),
        (br#"{"scopeSpans":[{"spans":{}}]}"#, 1),
        (br#"{"scopeSpans":{}}"#, 1),
        (
            b"{\"resource\":{\"attributes\":[{\"key\":\"caf\xe9\"}]}}",
            1,
        ),
        (
            b"{\"scopeSpans\":[{\"scope\":{\"name\":\"caf\xe9\"},\"spans\":[{},{}]}]}",
            2,
        ),
        (deep.as_bytes(), 1),
    ] {
        let shown = String::from_utf8_lossy(second);
        let transcoded = json_to_protobuf(&body_of_three(second)).unwrap();
        assert_eq!(transcoded.malformed_spans, refused, "{shown}");
        assert_eq!(span_count(&read_all(&transcoded.bytes)), 2, "{shown}");
    }
}

#[test]
fn null_a_byte_order_mark_and_skipped_text_that_is_not_utf8_cost_nothing() {
    for second in [
        &b"null"[..],
        b"{}",
        br#"{"resource":null,"scopeSpans":[null,{"scope":null,"spans":[null]}]}"#,
        b"{\"schemaUrl\":\"caf\xe9 \xed\xa0\x80\",\"caf\xe9\":[\"\\ud83d\"]}",
    ] {
        let mut body = b"\xef\xbb\xbf".to_vec();
        body.extend(body_of_three(second));
        let transcoded = json_to_protobuf(&body).unwrap();
        assert_eq!(transcoded.malformed_spans, 0);
        assert_eq!(span_count(&read_all(&transcoded.bytes)), 2);
    }
}

#[test]
fn text_that_is_not_utf8_costs_its_span_alone() {
    let mut body =
        body_of_two(r#","attributes":[{"key":"host.name","value":{"stringValue":"?"}}]"#)
            .into_bytes();
    let at = body.iter().position(|&byte| byte == b'?').unwrap();
    body[at] = 0xe9;
    let transcoded = json_to_protobuf(&body).unwrap();
    assert_eq!(transcoded.malformed_spans, 1);
    assert_eq!(read_all(&transcoded.bytes)[0].spans.len(), 1);
}
