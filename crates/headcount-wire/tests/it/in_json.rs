//! The same requests in OTLP/JSON.

use headcount_wire::{TraceRequest, json_to_protobuf};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;
use prost::Message;
use serde_json::{Map, Value as Json, json};

use crate::model::{Attributes, Datum, Group, ModelSpan, from_prost, read_all};

/// The ways in which exporters differ.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    snake_case: bool,
    integers_as_strings: bool,
    upper_case_ids: bool,
    status_by_name: bool,
}

impl Dialect {
    fn key(self, snake_case: &str) -> String {
        if self.snake_case {
            return snake_case.to_owned();
        }
        let mut words = snake_case.split('_');
        let mut key = words.next().unwrap_or_default().to_owned();
        for word in words {
            key.push_str(&word[..1].to_uppercase());
            key.push_str(&word[1..]);
        }
        key
    }

    fn object(self, members: impl IntoIterator<Item = (&'static str, Json)>) -> Json {
        let mut object = Map::new();
        object.insert(
            "unknown_to_otlp".to_owned(),
            json!([{"a": [null, -1.5e3]}, "\\u0041"]),
        );
        object.extend(
            members
                .into_iter()
                .map(|(key, value)| (self.key(key), value)),
        );
        Json::Object(object)
    }

    fn integer(self, value: impl Into<serde_json::Number>) -> Json {
        let number = value.into();
        if self.integers_as_strings {
            json!(number.to_string())
        } else {
            Json::Number(number)
        }
    }

    fn id(self, id: &[u8]) -> Json {
        let digits: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        json!(if self.upper_case_ids {
            digits.to_uppercase()
        } else {
            digits
        })
    }

    fn value(self, datum: &Datum) -> Json {
        let member = match datum {
            Datum::Empty => return self.object([("string_value", Json::Null)]),
            Datum::Text(text) => ("string_value", json!(text)),
            Datum::Boolean(value) => ("bool_value", json!(value)),
            Datum::Integer(value) => ("int_value", self.integer(*value)),
            Datum::Double(bits) => ("double_value", double(f64::from_bits(*bits))),
            Datum::Bytes(bytes) => ("bytes_value", json!(base64(bytes))),
            Datum::Array(values) => {
                let values: Vec<_> = values.iter().map(|value| self.value(value)).collect();
                ("array_value", self.object([("values", json!(values))]))
            }
            Datum::List(entries) => (
                "kvlist_value",
                self.object([("values", self.attributes(entries))]),
            ),
        };
        self.object([member])
    }

    fn attributes(self, attributes: &Attributes) -> Json {
        let entry = |(key, value): &(String, Datum)| {
            self.object([("value", self.value(value)), ("key", json!(key))])
        };
        attributes.iter().map(entry).collect()
    }

    fn span(self, span: &ModelSpan) -> Json {
        let names = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];
        let code = match usize::try_from(span.status)
            .ok()
            .and_then(|code| names.get(code))
        {
            Some(name) if self.status_by_name => json!(name),
            _ => json!(span.status),
        };
        self.object([
            (
                "status",
                self.object([("message", json!("")), ("code", code)]),
            ),
            ("attributes", self.attributes(&span.attributes)),
            ("end_time_unix_nano", self.integer(span.end)),
            ("start_time_unix_nano", self.integer(span.start)),
            ("name", json!(span.name)),
            ("span_id", self.id(&span.span_id)),
            ("trace_id", self.id(&span.trace_id)),
            ("kind", json!("SPAN_KIND_INTERNAL")),
            ("events", json!([{"name": 5}])),
        ])
    }

    pub(crate) fn request(self, groups: &[Group<ModelSpan>]) -> Vec<u8> {
        let resource_spans = groups.iter().map(|group| {
            let spans: Vec<_> = group.spans.iter().map(|span| self.span(span)).collect();
            let (name, version) = &group.scope;
            let scope_spans = self.object([
                ("spans", json!(spans)),
                (
                    "scope",
                    self.object([("name", json!(name)), ("version", json!(version))]),
                ),
            ]);
            let resource = self.object([("attributes", self.attributes(&group.resource))]);
            self.object([
                ("scope_spans", json!([scope_spans])),
                ("resource", resource),
            ])
        });
        let request = self.object([("resource_spans", resource_spans.collect())]);
        request.to_string().into_bytes()
    }
}

fn double(value: f64) -> Json {
    match value {
        value if value.is_nan() => json!("NaN"),
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        value => json!(value),
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0; 4];
        group[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(group);
        for index in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * index) & 63) as usize];
            text.push(if index <= chunk.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    text
}

/// JSON has one NaN.
fn with_one_nan(datum: &mut Datum) {
    match datum {
        Datum::Double(bits) if f64::from_bits(*bits).is_nan() => *bits = f64::NAN.to_bits(),
        Datum::Array(values) => values.iter_mut().for_each(with_one_nan),
        Datum::List(entries) => entries
            .iter_mut()
            .for_each(|(_, value)| with_one_nan(value)),
        _ => {}
    }
}

pub(crate) fn groups_of(request: &ExportTraceServiceRequest) -> Vec<Group<ModelSpan>> {
    let mut groups = from_prost(request);
    for group in &mut groups {
        let attributes = group.spans.iter_mut().flat_map(|span| &mut span.attributes);
        for (_, value) in group.resource.iter_mut().chain(attributes) {
            with_one_nan(value);
        }
    }
    groups
}

pub(crate) fn dialect() -> impl Strategy<Value = Dialect> {
    any::<[bool; 4]>().prop_map(
        |[
            snake_case,
            integers_as_strings,
            upper_case_ids,
            status_by_name,
        ]| Dialect {
            snake_case,
            integers_as_strings,
            upper_case_ids,
            status_by_name,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_request_means_the_same_in_json(request in crate::arbitrary::request(), dialect in dialect()) {
        let groups = groups_of(&request);
        let transcoded = json_to_protobuf(&dialect.request(&groups)).unwrap();
        prop_assert_eq!(transcoded.malformed_spans, 0);
        prop_assert_eq!(read_all(&transcoded.bytes), groups);
    }

    #[test]
    fn changed_json_never_makes_the_door_panic_or_write_an_unreadable_frame(
        request in crate::arbitrary::request(),
        dialect in dialect(),
        at in any::<usize>(),
        byte in any::<u8>(),
    ) {
        let mut body = dialect.request(&groups_of(&request));
        let at = at % body.len();
        body[at] = byte;
        if let Ok(transcoded) = json_to_protobuf(&body) {
            prop_assert!(crate::model::read(&transcoded.bytes).is_ok());
        }
    }
}

#[test]
fn captured_requests_mean_the_same_in_json() {
    let dialect = Dialect {
        snake_case: false,
        integers_as_strings: true,
        upper_case_ids: false,
        status_by_name: false,
    };
    for (path, body) in crate::captured::bodies() {
        let groups = groups_of(&ExportTraceServiceRequest::decode(body.as_slice()).unwrap());
        let transcoded = json_to_protobuf(&dialect.request(&groups)).unwrap();
        assert_eq!(read_all(&transcoded.bytes), groups, "{path}");
    }
}

/// Two spans, the second with further members.
pub(crate) fn body_of_two(members: &str) -> String {
    let ids = format!(
        r#""traceId":"{}","spanId":"{}""#,
        "ab".repeat(16),
        "cd".repeat(8)
    );
    format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{ids}}},{{{ids}{members}}}]}}]}}]}}"#
    )
}

fn transcoded_span(members: &str) -> (usize, u64) {
    let body = body_of_two(members);
    let transcoded = json_to_protobuf(body.as_bytes()).unwrap();
    (
        read_all(&transcoded.bytes)[0].spans.len(),
        transcoded.malformed_spans,
    )
}

#[test]
fn a_bad_value_costs_its_span_and_no_other() {
    for members in [
        r#","traceId":"xy""#,
        r#","name":5"#,
        r#","startTimeUnixNano":-1"#,
        r#","startTimeUnixNano":"soon""#,
        r#","endTimeUnixNano":true"#,
        r#","attributes":{}"#,
        r#","attributes":[5]"#,
        r#","attributes":[{"key":5}]"#,
        r#","attributes":[{"value":"text"}]"#,
        r#","attributes":[{"value":{"boolValue":"yes"}}]"#,
        r#","attributes":[{"key":"\x"}]"#,
        r#","attributes":[{"key":"\u12"}]"#,
        ",\"name\":\"a\nb\"",
        r#","attributes":[{"value":{"intValue":1.5}}]"#,
        r#","attributes":[{"value":{"intValue":"9223372036854775808"}}]"#,
        r#","attributes":[{"value":{"doubleValue":"many"}}]"#,
        r#","attributes":[{"value":{"bytesValue":"?"}}]"#,
        r#","attributes":[{"value":{"arrayValue":[]}}]"#,
        r#","attributes":[{"value":{"kvlistValue":{"values":[{"value":7}]}}}]"#,
        r#","status":{"code":true}"#,
        r#","status":[]"#,
    ] {
        assert_eq!(transcoded_span(members), (1, 1), "{members}");
    }
}

#[test]
fn null_and_unknown_members_are_absent() {
    for members in [
        "",
        r#","name":null,"attributes":null,"status":null"#,
        r#","attributes":[null]"#,
        r#","attributes":[{"key":"k","value":{"arrayValue":{"values":[null,{"stringValue":"x"}]}}}]"#,
        r#","attributes":[{"key":"k","value":{"kvlistValue":{"values":[null,{"key":"x"}]}}}]"#,
        r#","attributes":[{"key":"k","value":{"arrayValue":{"values":null}}}]"#,
        r#","links":[null],"events":[{"name":"\ud83d\x"}],"kind":"CLIENT","flags":null"#,
        r#","kind":"internal","\ud83d":1,"\x":2,"traceState":[]"#,
        r#","status":"ERROR""#,
        r#","status":2"#,
        r#","status":{"code":"Error"}"#,
        r#","status":{"code":"FINE"}"#,
        r#","status":{"code":null}"#,
        r#","attributes":[{"key":"cut \ud83d","value":{"stringValue":"cut \ude00"}}]"#,
        r#","attributes":[{"value":{"boolValue":"true"}},{"value":{"doubleValue":NaN}}]"#,
        r#","attributes":[{"value":{"intValue":"5.0"}},{"value":{"doubleValue":-Infinity}}]"#,
        r#","startTimeUnixNano":1.7332e18"#,
        r#","droppedEventsCount":"x","colour":{}"#,
    ] {
        assert_eq!(transcoded_span(members), (2, 0), "{members}");
    }
}

#[test]
fn invalid_syntax_is_an_error_that_says_where() {
    for (body, path) in [
        ("", "$"),
        ("[]", "$"),
        ("{} x", "$"),
        ("{\"resourceSpans\":{}}", "$.resourceSpans"),
        ("{\"resourceSpans\":[{},}", "$.resourceSpans[1]"),
        (
            "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{},{\"name\":}]}]}]}",
            "$.resourceSpans[0].scopeSpans[0].spans[1]",
        ),
    ] {
        assert_eq!(
            json_to_protobuf(body.as_bytes()).unwrap_err().path,
            path,
            "{body}"
        );
    }
    let error = json_to_protobuf(b"{\"resourceSpans\":\xff}").unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read the JSON request at $, byte 17: expected a value"
    );
}

#[test]
fn deep_json_is_refused_without_harm() {
    let nested = r#"{"arrayValue":{"values":["#.repeat(100_000);
    let span = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"attributes":[{{"value":{nested}"#
    );
    assert!(json_to_protobuf(span.as_bytes()).is_err());
    let resource = format!(r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"value":{nested}"#);
    assert!(json_to_protobuf(resource.as_bytes()).is_err());
}

/// A member of a span: an attribute whose arrays, or lists of keys and values, are nested so deep.
fn nested(levels: usize, is_list: bool) -> String {
    let (open, close) = if is_list {
        (r#"{"kvlistValue":{"values":[{"key":"k","value":"#, "}]}}")
    } else {
        (r#"{"arrayValue":{"values":["#, "]}}")
    };
    let (open, close) = (open.repeat(levels - 1), close.repeat(levels - 1));
    format!(r#","attributes":[{{"key":"deep","value":{open}{{}}{close}}}]"#)
}

#[test]
fn a_value_as_deep_as_protobuf_takes_it_is_taken() {
    for is_list in [false, true] {
        let members = nested(headcount_wire::MAX_VALUE_DEPTH, is_list);
        assert_eq!(transcoded_span(&members), (2, 0), "list: {is_list}");
    }
}

#[test]
fn a_value_nested_too_deep_costs_its_span_and_no_other() {
    for is_list in [false, true] {
        for levels in [101, 130, 150, 400, 100_000] {
            let body = body_of_two(&nested(levels, is_list));
            let transcoded = json_to_protobuf(body.as_bytes()).unwrap();
            let request = TraceRequest::parse(&transcoded.bytes).unwrap();
            let mut attributes = Vec::new();
            let spans = request.groups().flat_map(|group| group.spans());
            let good = spans.filter(|span| span.parse(&mut attributes).is_ok());
            assert_eq!(good.count(), 1, "{levels} levels, list: {is_list}");
        }
    }
    let unknown = "[".repeat(100_000) + &"]".repeat(100_000);
    assert_eq!(transcoded_span(&format!(r#","links":{unknown}"#)), (2, 0));
}
