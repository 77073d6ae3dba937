//! One owned form of a request that every reader's result is brought into.

use headcount_wire::{Attribute, RequestError, SpanError, TraceRequest, Value};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as ProstValue;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Datum {
    Empty,
    Text(String),
    Boolean(bool),
    Integer(i64),
    /// As bits: NaN is equal to itself here.
    Double(u64),
    Bytes(Vec<u8>),
    Array(Vec<Datum>),
    List(Attributes),
}

pub(crate) type Attributes = Vec<(String, Datum)>;

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct ModelSpan {
    pub(crate) trace_id: Vec<u8>,
    pub(crate) span_id: Vec<u8>,
    pub(crate) name: String,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) status: i32,
    pub(crate) attributes: Attributes,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group<S> {
    pub(crate) resource: Attributes,
    pub(crate) scope: (String, String),
    pub(crate) spans: Vec<S>,
}

fn datum(value: &Value<'_>) -> Datum {
    match *value {
        Value::Empty => Datum::Empty,
        Value::String(text) => Datum::Text(text.to_owned()),
        Value::Boolean(value) => Datum::Boolean(value),
        Value::Integer(value) => Datum::Integer(value),
        Value::Double(value) => Datum::Double(value.to_bits()),
        Value::Bytes(bytes) => Datum::Bytes(bytes.to_vec()),
        Value::Array(array) => Datum::Array(array.iter().map(|value| datum(&value)).collect()),
        Value::KeyValueList(list) => {
            Datum::List(list.iter().map(|entry| attribute(&entry)).collect())
        }
    }
}

fn attribute(attribute: &Attribute<'_>) -> (String, Datum) {
    (attribute.key.to_owned(), datum(&attribute.value))
}

/// What our reader sees.
pub(crate) fn read(body: &[u8]) -> Result<Vec<Group<Result<ModelSpan, SpanError>>>, RequestError> {
    let request = TraceRequest::parse(body)?;
    let mut scratch = Vec::new();
    let groups: Vec<_> = request
        .groups()
        .map(|group| Group {
            resource: group.resource_attributes().iter().map(attribute).collect(),
            scope: (
                group.scope_name().to_owned(),
                group.scope_version().to_owned(),
            ),
            spans: group
                .spans()
                .map(|raw| {
                    let span = raw.parse(&mut scratch)?;
                    assert_eq!(raw.name(), Ok(span.name));
                    Ok(ModelSpan {
                        trace_id: span.trace_id.to_vec(),
                        span_id: span.span_id.to_vec(),
                        name: span.name.to_owned(),
                        start: span.start_unix_nano,
                        end: span.end_unix_nano,
                        status: span.status.into(),
                        attributes: span.attributes.iter().map(attribute).collect(),
                    })
                })
                .collect(),
        })
        .collect();
    let spans: usize = groups.iter().map(|group| group.spans.len()).sum();
    assert_eq!(spans, request.span_count());
    Ok(groups)
}

/// What our reader sees in a request in which every span must be readable.
pub(crate) fn read_all(body: &[u8]) -> Vec<Group<ModelSpan>> {
    let groups = read(body).expect("a readable request");
    groups
        .into_iter()
        .map(|group| Group {
            resource: group.resource,
            scope: group.scope,
            spans: group
                .spans
                .into_iter()
                .map(|span| span.expect("a readable span"))
                .collect(),
        })
        .collect()
}

fn prost_datum(value: Option<&AnyValue>) -> Datum {
    match value.and_then(|value| value.value.as_ref()) {
        None | Some(ProstValue::StringValueStrindex(_)) => Datum::Empty,
        Some(ProstValue::StringValue(text)) => Datum::Text(text.clone()),
        Some(ProstValue::BoolValue(value)) => Datum::Boolean(*value),
        Some(ProstValue::IntValue(value)) => Datum::Integer(*value),
        Some(ProstValue::DoubleValue(value)) => Datum::Double(value.to_bits()),
        Some(ProstValue::BytesValue(bytes)) => Datum::Bytes(bytes.clone()),
        Some(ProstValue::ArrayValue(array)) => Datum::Array(
            array
                .values
                .iter()
                .map(|value| prost_datum(Some(value)))
                .collect(),
        ),
        Some(ProstValue::KvlistValue(list)) => Datum::List(prost_attributes(&list.values)),
    }
}

fn prost_attributes(attributes: &[KeyValue]) -> Attributes {
    attributes
        .iter()
        .map(|entry| (entry.key.clone(), prost_datum(entry.value.as_ref())))
        .collect()
}

/// What prost sees.
pub(crate) fn from_prost(request: &ExportTraceServiceRequest) -> Vec<Group<ModelSpan>> {
    let mut groups = Vec::new();
    for resource_spans in &request.resource_spans {
        let resource = resource_spans
            .resource
            .as_ref()
            .map(|resource| prost_attributes(&resource.attributes))
            .unwrap_or_default();
        for scope_spans in &resource_spans.scope_spans {
            let scope = scope_spans
                .scope
                .as_ref()
                .map(|scope| (scope.name.clone(), scope.version.clone()));
            let spans = scope_spans.spans.iter().map(|span| ModelSpan {
                trace_id: span.trace_id.clone(),
                span_id: span.span_id.clone(),
                name: span.name.clone(),
                start: span.start_time_unix_nano,
                end: span.end_time_unix_nano,
                status: span.status.as_ref().map_or(0, |status| status.code),
                attributes: prost_attributes(&span.attributes),
            });
            groups.push(Group {
                resource: resource.clone(),
                scope: scope.unwrap_or_default(),
                spans: spans.collect(),
            });
        }
    }
    groups
}
