//! The cases of `conformance/`, which every client passes: what is called, and what is then recorded.
//!
//! [`calls`] makes a case's calls, as a binding of another language would: it is handed JSON, leaves out what no type of the
//! client can hold, and counts that. [`expectation`] compares what was recorded with what the case expects.

mod calls;
mod expectation;
mod reading;

use std::path::Path;

use crate::support::wait_until;
use headcount::{Installation, Runtime, Telemetry};
use headcount_wire::{StatusCode, TraceRequest, Value};
use serde_json::Value as Json;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../conformance/cases");
const FRAMEWORK: &str = "conformance";

/// One span, as it waits to be sent.
#[derive(Debug, Clone)]
struct Recorded {
    name: String,
    trace_id: Vec<u8>,
    span_id: Vec<u8>,
    start: u64,
    end: u64,
    failed: bool,
    attributes: Vec<(String, Kept)>,
    resource: Vec<(String, Kept)>,
    scope: String,
}

/// An attribute's value.
#[derive(Debug, Clone, PartialEq)]
enum Kept {
    Text(String),
    Boolean(bool),
    Integer(i64),
    Double(f64),
    Texts(Vec<String>),
}

fn kept(value: Value<'_>) -> Kept {
    match value {
        Value::String(text) => Kept::Text(text.to_owned()),
        Value::Boolean(value) => Kept::Boolean(value),
        Value::Integer(value) => Kept::Integer(value),
        Value::Double(value) => Kept::Double(value),
        Value::Array(values) => Kept::Texts(
            values
                .iter()
                .map(|value| match value {
                    Value::String(text) => text.to_owned(),
                    other => panic!("a list of {other:?}"),
                })
                .collect(),
        ),
        other => panic!("no field is of this kind: {other:?}"),
    }
}

fn cases() -> Vec<(String, Json)> {
    let mut cases: Vec<(String, Json)> = std::fs::read_dir(CASES)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, serde_json::from_str(&text).unwrap())
        })
        .collect();
    cases.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(cases.len() > 10, "the cases are missing");
    cases
}

/// Makes a case's calls, ends the telemetry, and reads the queue and the number of refused values.
fn run(case: &Json, home: &Path) -> (Vec<Recorded>, u64) {
    let version = case["start"]["version"].as_str().unwrap_or("1.2.3");
    let telemetry = Telemetry::builder(FRAMEWORK, version)
        .runtime(Runtime::Rust, "1.95.0")
        .home(home)
        .told_user(true)
        .start();
    assert!(telemetry.is_recording(), "{}", telemetry.decision());
    let mut calls = calls::Calls::new(case, &telemetry);
    for call in case["calls"].as_array().unwrap() {
        calls.make(call);
    }
    drop(calls);
    // Some values are checked only when their event is written.
    wait_until("the events to be written", || {
        telemetry.counters().waiting == 0
    });
    let refused = telemetry.counters().values_refused;
    drop(telemetry);
    let installations = Installation::all_in(home);
    let bodies = installations
        .iter()
        .flat_map(|installation| installation.pending());
    let recorded = bodies.flat_map(|pending| spans(&pending.body)).collect();
    (recorded, refused)
}

fn spans(body: &[u8]) -> Vec<Recorded> {
    let mut recorded = Vec::new();
    for group in TraceRequest::parse(body).unwrap().groups() {
        let attributes = |attributes: &[headcount_wire::Attribute<'_>]| -> Vec<(String, Kept)> {
            let pair = |attribute: &headcount_wire::Attribute<'_>| {
                (attribute.key.to_owned(), kept(attribute.value))
            };
            attributes.iter().map(pair).collect()
        };
        for raw in group.spans() {
            let mut scratch = Vec::new();
            let span = raw.parse(&mut scratch).unwrap();
            recorded.push(Recorded {
                name: span.name.to_owned(),
                trace_id: span.trace_id.to_vec(),
                span_id: span.span_id.to_vec(),
                start: span.start_unix_nano,
                end: span.end_unix_nano,
                failed: span.status == StatusCode::Error,
                attributes: attributes(span.attributes),
                resource: attributes(group.resource_attributes()),
                scope: group.scope_name().to_owned(),
            });
        }
    }
    recorded
}

#[test]
fn every_case_is_kept() {
    for (name, case) in cases() {
        let home = tempfile::tempdir().unwrap();
        let (recorded, refused) = run(&case, home.path());
        let differences = expectation::differences(&case, &recorded, refused);
        assert!(differences.is_empty(), "{name}: {differences:#?}");
    }
}

/// All fields are in `src/fields.rs`. A field without a case would not be tested in other clients.
#[test]
fn every_field_is_in_a_case() {
    let fields = include_str!("../../../src/fields.rs");
    let keys = fields.lines().filter_map(|line| {
        let (_, rest) = line.split_once("pub(crate) const ")?;
        let (_, rest) = rest.split_once("key: \"")?;
        Some(rest.split_once('"')?.0)
    });
    // Attributes of the resource, which differ between machines.
    let of_resource =
        |key: &&str| key.starts_with("versions.") || key.starts_with("execution_environment.");
    let mut seen = std::collections::BTreeSet::new();
    for (_, case) in cases() {
        for span in case["expect"]["spans"].as_array().unwrap() {
            seen.extend(span["attributes"].as_object().unwrap().keys().cloned());
        }
    }
    // A case does not last until the week after: `weekly_beat.rs` has it.
    let of_later_weeks = |key: &&str| *key == "activity.idle_weeks";
    let missing: Vec<&str> = keys
        .filter(|key| !of_resource(key) && !of_later_weeks(key) && !seen.contains(*key))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(seen.len() > 90, "{} fields", seen.len());
}

/// A comparison that finds no differences would pass every case.
#[test]
fn every_part_of_an_expectation_is_compared() {
    for (name, case) in cases() {
        let home = tempfile::tempdir().unwrap();
        let (recorded, refused) = run(&case, home.path());
        let is_found =
            |changed: &Json| !expectation::differences(changed, &recorded, refused).is_empty();
        let mut changed = case.clone();
        changed["expect"]["values_refused"] = Json::from(refused + 1);
        assert!(is_found(&changed), "{name}: values refused");
        let mut changed = case.clone();
        changed["expect"]["resource"] = serde_json::json!({"versions.framework_version": "9"});
        assert!(is_found(&changed), "{name}: the resource");
        let spans = case["expect"]["spans"].as_array().unwrap();
        for (index, span) in spans.iter().enumerate() {
            let mut changed = case.clone();
            changed["expect"]["spans"]
                .as_array_mut()
                .unwrap()
                .remove(index);
            assert!(is_found(&changed), "{name}: span {index} is too much");
            let mut changed = case.clone();
            changed["expect"]["spans"][index]["failed"] =
                Json::from(!span["failed"].as_bool().unwrap_or(false));
            assert!(is_found(&changed), "{name}: span {index}'s status");
            for key in span["attributes"].as_object().unwrap().keys() {
                let mut changed = case.clone();
                let attributes = &mut changed["expect"]["spans"][index]["attributes"];
                attributes.as_object_mut().unwrap().remove(key);
                assert!(
                    is_found(&changed),
                    "{name}: span {index}'s {key} is too much"
                );
                let mut changed = case.clone();
                changed["expect"]["spans"][index]["attributes"][key] = Json::from("another");
                assert!(is_found(&changed), "{name}: span {index}'s {key}");
            }
        }
        if let Some(text) =
            recorded
                .iter()
                .flat_map(|span| &span.attributes)
                .find_map(|(_, value)| match value {
                    Kept::Text(text) if !text.is_empty() => Some(text),
                    _ => None,
                })
        {
            let mut changed = case.clone();
            changed["never"] = serde_json::json!([text]);
            assert!(is_found(&changed), "{name}: what must never occur");
        }
    }
}
