//! Admitted rows as JSON, and requests made of plain lists: what the tests of admission compare.

pub(crate) mod client;
pub(crate) mod decoded;
pub(crate) mod mutation;
pub(crate) mod recorded;

use headcount_catalog::{Admission, Catalog, Cell, Dialect, Outcome, Secret};
use headcount_wire::{AttributeWriter, RequestEncoder, SpanHeader, StatusCode};
use serde_json::{Map, Value, json};

/// A day after the corpus was recorded.
pub(crate) const RECEIVED_US: i64 = 1_795_500_000_000_000;
/// When spans begin unless they say otherwise.
pub(crate) const START_NS: u64 = 1_795_410_000_000_000_000;

pub(crate) fn admission() -> Admission {
    let dialects = Dialect::embedded().unwrap();
    Admission::new(Catalog::embedded(), dialects, Secret::new([7; 32])).unwrap()
}

/// Every row in order, as an object of its columns and `table`.
pub(crate) fn rows(outcome: &Outcome) -> Vec<Map<String, Value>> {
    let schema = Catalog::embedded().schema();
    let mut rows = Vec::new();
    for entry in outcome.batch.entries() {
        for row in entry.unwrap().rows() {
            let row = row.unwrap();
            let table = schema.table(row.table).unwrap();
            let mut columns = Map::new();
            columns.insert("table".into(), table.name.as_str().into());
            for cell in row.cells() {
                let (column, cell) = cell.unwrap();
                let value = match cell {
                    Cell::Boolean(value) => value.into(),
                    Cell::Integer(value) | Cell::Timestamp(value) => value.into(),
                    Cell::Double(value) => json!(value),
                    Cell::Text(value) => value.into(),
                    Cell::TextList(list) => list.iter().collect(),
                };
                let before = columns.insert(table.columns[column].name.clone(), value);
                assert!(before.is_none(), "a column twice");
            }
            rows.push(columns);
        }
    }
    rows
}

/// The rows of one table.
pub(crate) fn table(outcome: &Outcome, name: &str) -> Vec<Map<String, Value>> {
    rows(outcome)
        .into_iter()
        .filter(|row| row["table"] == name)
        .collect()
}

/// `(span, key, reason, count)` of every refusal.
pub(crate) fn refusals(outcome: &Outcome) -> Vec<(String, String, String, i64)> {
    let text = |row: &Map<String, Value>, column: &str| row[column].as_str().unwrap().to_owned();
    table(outcome, "refusals")
        .iter()
        .map(|row| {
            (
                text(row, "span"),
                text(row, "key"),
                text(row, "reason"),
                row["count"].as_i64().unwrap(),
            )
        })
        .collect()
}

/// How often `key` of `span` was refused for `reason`.
pub(crate) fn refused(outcome: &Outcome, span: &str, key: &str, reason: &str) -> i64 {
    refusals(outcome)
        .iter()
        .filter(|row| row.0 == span && row.1 == key && row.2 == reason)
        .map(|row| row.3)
        .sum()
}

/// A span: its name, its attributes and when it begins and ends, in nanoseconds after [`START_NS`].
#[derive(Debug, Clone)]
pub(crate) struct TestSpan {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, Value)>,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) status: StatusCode,
}

pub(crate) fn span(name: &str, attributes: Value) -> TestSpan {
    let Value::Object(attributes) = attributes else {
        panic!("attributes are an object")
    };
    TestSpan {
        name: name.to_owned(),
        attributes: attributes.into_iter().collect(),
        start: 0,
        end: 1_500_000_000,
        status: StatusCode::Ok,
    }
}

impl TestSpan {
    pub(crate) fn at(mut self, start: u64) -> Self {
        (self.start, self.end) = (start, start);
        self
    }

    pub(crate) fn and(mut self, key: &str, value: Value) -> Self {
        self.attributes.push((key.to_owned(), value));
        self
    }
}

/// A request under CrewAI's service name. The n-th span's id is n + 1.
pub(crate) fn request(spans: &[TestSpan]) -> Vec<u8> {
    request_from("crewAI-telemetry", "crewai.telemetry", spans)
}

pub(crate) fn request_from(service: &str, scope: &str, spans: &[TestSpan]) -> Vec<u8> {
    request_of(&[(json!({"service.name": service}), scope, spans)])
}

/// A request of several resources with one scope each: the resource's attributes, the scope's name, its spans.
pub(crate) fn request_of(resources: &[(Value, &str, &[TestSpan])]) -> Vec<u8> {
    let mut encoder = RequestEncoder::new();
    let mut id = 0_u64;
    for (attributes, scope, spans) in resources {
        let _ = encoder
            .resource(|writer| write(writer, attributes.as_object().unwrap()))
            .scope(scope, "");
        for span in *spans {
            id += 1;
            let header = SpanHeader {
                trace_id: [9; 16],
                span_id: id.to_be_bytes(),
                name: &span.name,
                start_unix_nano: START_NS + span.start,
                end_unix_nano: START_NS + span.end,
                status: span.status,
            };
            let attributes = span.attributes.iter().map(|(key, value)| (key, value));
            let _ = encoder.span(&header, |writer| write(writer, attributes));
        }
    }
    encoder.finish()
}

fn write<'v>(
    attributes: &mut AttributeWriter<'_>,
    values: impl IntoIterator<Item = (&'v String, &'v Value)>,
) {
    for (key, value) in values {
        match value {
            Value::Bool(value) => attributes.boolean(key, *value),
            Value::Number(number) if number.is_i64() => {
                attributes.integer(key, number.as_i64().unwrap());
            }
            Value::Number(number) => attributes.double(key, number.as_f64().unwrap()),
            Value::String(text) => attributes.string(key, text),
            Value::Array(texts) => {
                attributes.strings(key, texts.iter().filter_map(Value::as_str));
            }
            Value::Null => attributes.value(key, |_| {}),
            Value::Object(_) => attributes.bytes(key, b"\x00\xff"),
        }
    }
}

pub(crate) fn admit(spans: &[TestSpan]) -> Outcome {
    admission().admit(&request(spans), 0, RECEIVED_US).unwrap()
}

/// Attributes of a Crew Created span that shares its content.
pub(crate) fn sharing_crew(version: &str) -> Value {
    json!({
        "crewai_version": version,
        "python_version": "3.12.4",
        "crew_id": "11111111-2222-4333-8444-555555555555",
        "crew_key": "816171031b04724116eca0ca6b1259a2",
        "crew_inputs": "{\"topic\": \"SECRET-INPUT\"}",
        "crew_agents": "[{\"id\": \"a\", \"role\": \"R\", \"goal\": \"SECRET-GOAL\"}]",
        "platform": "Linux-6.1",
        "platform_release": "6.1",
        "platform_system": "Linux",
        "platform_version": "#1",
        "cpus": 2,
    })
}

pub(crate) fn holds(outcome: &Outcome, text: &str) -> bool {
    memchr::memmem::find(outcome.batch.bytes(), text.as_bytes()).is_some()
}
