//! Any request that prost can write.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span, Status, span::Event, span::Link,
};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

use crate::model::{from_prost, read_all};

fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        Just(None),
        any::<String>().prop_map(|text| Some(Value::StringValue(text))),
        any::<bool>().prop_map(|value| Some(Value::BoolValue(value))),
        any::<i64>().prop_map(|value| Some(Value::IntValue(value))),
        any::<u64>().prop_map(|bits| Some(Value::DoubleValue(f64::from_bits(bits)))),
        vec(any::<u8>(), 0..20).prop_map(|bytes| Some(Value::BytesValue(bytes))),
    ];
    leaf.prop_map(|value| AnyValue { value })
        .prop_recursive(4, 16, 4, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..4).prop_map(|values| AnyValue {
                    value: Some(Value::ArrayValue(ArrayValue { values }))
                }),
                vec(key_value(inner), 0..4).prop_map(|values| AnyValue {
                    value: Some(Value::KvlistValue(KeyValueList { values }))
                }),
            ]
        })
}

fn key_value(value: impl Strategy<Value = AnyValue>) -> impl Strategy<Value = KeyValue> {
    ("[a-z_.é]{0,12}", proptest::option::of(value)).prop_map(|(key, value)| KeyValue {
        key,
        value,
        key_strindex: 0,
    })
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    vec(key_value(any_value()), 0..6)
}

fn span() -> impl Strategy<Value = Span> {
    let status = proptest::option::of((any::<String>(), prop_oneof![0..3_i32, any::<i32>()]));
    let read = (
        any::<[u8; 16]>(),
        any::<[u8; 8]>(),
        any::<String>(),
        any::<[u64; 2]>(),
        status,
        attributes(),
    );
    let passed_over = (
        any::<[u8; 8]>(),
        any::<String>(),
        0..6_i32,
        any::<u32>(),
        attributes(),
    );
    (read, passed_over).prop_map(
        |(
            (mut trace_id, mut span_id, name, times, status, attributes),
            (parent, text, kind, number, others),
        )| {
            trace_id[3] |= 1;
            span_id[3] |= 1;
            Span {
                trace_id: trace_id.to_vec(),
                span_id: span_id.to_vec(),
                name,
                start_time_unix_nano: times[0],
                end_time_unix_nano: times[1],
                attributes,
                status: status.map(|(message, code)| Status { message, code }),
                parent_span_id: parent.to_vec(),
                trace_state: text.clone(),
                kind,
                flags: number,
                dropped_attributes_count: number,
                events: vec![Event {
                    name: text.clone(),
                    attributes: others.clone(),
                    ..Event::default()
                }],
                links: vec![Link {
                    trace_state: text,
                    attributes: others,
                    ..Link::default()
                }],
                ..Span::default()
            }
        },
    )
}

pub(crate) fn request() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let scope =
        (any::<String>(), "[0-9.]{0,6}", attributes()).prop_map(|(name, version, attributes)| {
            InstrumentationScope {
                name,
                version,
                attributes,
                dropped_attributes_count: 1,
            }
        });
    let scope_spans =
        (proptest::option::of(scope), vec(span(), 0..4)).prop_map(|(scope, spans)| ScopeSpans {
            scope,
            spans,
            schema_url: "https://example.org".to_owned(),
        });
    let resource = attributes().prop_map(|attributes| Resource {
        attributes,
        ..Resource::default()
    });
    let resource_spans = (proptest::option::of(resource), vec(scope_spans, 0..3)).prop_map(
        |(resource, scope_spans)| ResourceSpans {
            resource,
            scope_spans,
            schema_url: String::new(),
        },
    );
    vec(resource_spans, 0..3)
        .prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_prost_writes_is_read_as_it_was_meant(request in request()) {
        prop_assert_eq!(read_all(&request.encode_to_vec()), from_prost(&request));
    }
}
