//! Values that a span takes from its resource.

use std::time::{Duration, Instant};

use crate::support::{
    RECEIVED_US, START_NS, TestSpan, holds, refusals, refused, request_of, span, table,
};
use headcount_catalog::{Admission, Catalog, Dialect, DialectError, Outcome, Secret};
use headcount_wire::{RequestEncoder, SpanHeader};
use serde_json::{Value, json};

/// An invented framework that says once, of its process, what holds for each span.
const REEL: &str = r#"
framework: reel
runtime: rust
match:
  service_names: [reel]
  scope_names: [reel.scope]
resource:
  reel.version: every_row.framework_version
  reel.rustc: every_row.runtime_version
  reel.place: {to: every_row.runtime_context, absent_if: ["-"]}
  reel.agent: every_row.coding_agent
  host.name: {drop: machine}
spans:
  tool:
    row: tool_uses
    attributes:
      name: tool_uses.tool_name
  step:
    row: task_runs
  said:
    content_rows: [shared_io]
    consent:
      releases: [">=1.0.0"]
    attributes:
      text: shared_io.content
"#;

fn admission_of(dialect: &str) -> Result<Admission, DialectError> {
    let mut dialects = Dialect::embedded()?;
    dialects.push(Dialect::parse(dialect)?);
    Admission::new(Catalog::embedded(), dialects, Secret::new([7; 32]))
}

fn admit(resources: &[(Value, &str, &[TestSpan])]) -> Outcome {
    let admission = admission_of(REEL).unwrap();
    let body = request_of(resources);
    admission.admit(&body, 0, RECEIVED_US).unwrap()
}

fn tool(name: &str) -> TestSpan {
    span("tool", json!({"name": name}))
}

#[test]
fn each_span_takes_what_its_own_resource_says() {
    let first = json!({
        "service.name": "reel", "reel.version": "1.2.0", "reel.rustc": "1.95.0", "reel.place": "ci",
        "reel.agent": "codex", "process.pid": 7, "telemetry.sdk.name": "SECRET",
    });
    let second = json!({"reel.version": "2.0.0", "service.name": "reel", "reel.place": "notebook"});
    let outcome = admit(&[
        (first, "", &[tool("a"), tool("b")]),
        (second, "", &[tool("c")]),
        (json!({"service.name": "reel"}), "", &[tool("d")]),
    ]);
    let found: Vec<Value> = table(&outcome, "tool_uses")
        .iter()
        .map(|row| {
            let columns = [
                "tool_name",
                "framework",
                "framework_version",
                "runtime_version",
                "runtime_context",
                "coding_agent",
            ];
            columns
                .map(|column| row.get(column).cloned())
                .into_iter()
                .collect()
        })
        .collect();
    assert_eq!(
        found,
        [
            json!(["a", "reel", "1.2.0", "1.95.0", "ci", "codex"]),
            json!(["b", "reel", "1.2.0", "1.95.0", "ci", "codex"]),
            json!(["c", "reel", "2.0.0", null, "notebook", null]),
            json!(["d", "reel", null, null, null, null]),
        ]
    );
    assert_eq!(refusals(&outcome), [], "other attributes are passed over");
    assert!(!holds(&outcome, "SECRET"));
}

#[test]
fn the_same_resource_serves_each_of_its_scopes_in_its_own_dialect() {
    let mut encoder = RequestEncoder::new();
    let _ = encoder.resource(|writer| {
        writer.string("reel.version", "1.2.0");
        writer.string("crewai_version", "SECRET");
    });
    let header = |id: u64, name| SpanHeader {
        trace_id: [9; 16],
        span_id: id.to_be_bytes(),
        name,
        start_unix_nano: START_NS,
        end_unix_nano: START_NS,
        ..SpanHeader::default()
    };
    for (id, scope, name) in [
        (1, "reel.scope", "tool"),
        (2, "crewai.telemetry", "Flow Execution"),
        (3, "other", "tool"),
        (4, "reel.scope", "step"),
    ] {
        let _ = encoder.scope(scope, "").span(&header(id, name), |_| {});
    }
    let admission = admission_of(REEL).unwrap();
    let outcome = admission.admit(&encoder.finish(), 0, RECEIVED_US).unwrap();
    assert_eq!((outcome.spans_accepted, outcome.spans_rejected), (3, 1));
    let version = |name| table(&outcome, name)[0].get("framework_version").cloned();
    assert_eq!(version("tool_uses"), Some(json!("1.2.0")));
    assert_eq!(version("task_runs"), Some(json!("1.2.0")));
    assert_eq!(
        version("flow_events"),
        None,
        "crewai takes nothing from a resource"
    );
}

#[test]
fn a_value_that_the_catalog_does_not_allow_is_refused_for_each_span_that_lacks_it() {
    let resource = json!({
        "service.name": "reel", "reel.version": "SECRET", "reel.rustc": 7, "reel.place": "SECRET",
        "reel.agent": ["SECRET"], "host.name": "SECRET",
    });
    let outcome = admit(&[(resource, "", &[tool("a"), tool("b")])]);
    assert!(!holds(&outcome, "SECRET"));
    for (key, reason) in [
        ("reel.version", "malformed_text"),
        ("reel.rustc", "wrong_type"),
        ("reel.place", "not_in_vocabulary"),
        ("reel.agent", "wrong_type"),
        ("host.name", "machine"),
    ] {
        assert_eq!(refused(&outcome, "tool", key, reason), 2, "{key}");
    }
    let none = json!({"service.name": "reel", "reel.place": "-", "reel.version": null});
    assert_eq!(refusals(&admit(&[(none, "", &[tool("a")])])), []);
}

#[test]
fn rows_without_the_column_pass_over_it() {
    let resource =
        json!({"service.name": "reel", "reel.version": "1.2.0", "reel.place": "nonsense"});
    let outcome = admit(&[(resource, "", &[span("said", json!({"text": "hello"}))])]);
    assert_eq!(
        table(&outcome, "shared_io")[0]["framework_version"],
        "1.2.0"
    );
    assert_eq!(refusals(&outcome), []);
}

#[test]
fn a_resource_s_attribute_on_a_span_is_unknown_there() {
    let resource = json!({"service.name": "reel", "reel.version": "0.9.0"});
    let liar = span("said", json!({"text": "SECRET", "reel.version": "1.2.0"}));
    let outcome = admit(&[(resource, "", &[liar])]);
    assert!(!holds(&outcome, "SECRET"), "0.9.0 proves no consent");
    assert_eq!(
        refused(&outcome, "said", "(unknown)", "unknown_attribute"),
        1
    );
    assert_eq!(refused(&outcome, "said", "text", "without_consent"), 1);
}

#[test]
fn a_resource_without_a_version_borrows_none_of_another_process() {
    let known = json!({"service.name": "reel", "reel.version": "1.2.0", "reel.rustc": "1.95.0"});
    let silent = json!({"service.name": "reel"});
    let outcome = admit(&[(known, "", &[tool("a")]), (silent, "", &[tool("b")])]);
    let silent = &table(&outcome, "tool_uses")[1];
    assert!(!silent.contains_key("framework_version") && !silent.contains_key("runtime_version"));
}

#[test]
fn of_two_resource_attributes_with_one_key_the_first_counts() {
    let mut encoder = RequestEncoder::new();
    let _ = encoder
        .resource(|writer| {
            writer.string("reel.version", "1.2.0");
            writer.string("reel.version", "9.9.9");
        })
        .scope("reel.scope", "")
        .span(
            &SpanHeader {
                trace_id: [9; 16],
                span_id: [1; 8],
                name: "tool",
                start_unix_nano: START_NS,
                end_unix_nano: START_NS,
                ..SpanHeader::default()
            },
            |_| {},
        );
    let admission = admission_of(REEL).unwrap();
    let outcome = admission.admit(&encoder.finish(), 0, RECEIVED_US).unwrap();
    assert_eq!(
        table(&outcome, "tool_uses")[0]["framework_version"],
        "1.2.0"
    );
}

/// A product of spans and resource would take minutes; the limit leaves a slow machine ten times what it needs.
#[test]
fn a_long_resource_costs_its_length_once_and_not_for_each_span_or_scope() {
    let long = format!("1.{}", "1.".repeat(2 << 20));
    let label = format!("1.2.0+{}", "a".repeat(4 << 20));
    let mut encoder = RequestEncoder::new();
    let mut id = 0_u64;
    for rustc in [&long, &label] {
        let _ = encoder.resource(|writer| {
            for index in 0..1_000 {
                writer.integer(&format!("service.namf{index}"), index);
            }
            for key in ["reel.version", "reel.place", "reel.agent", "reel.rustc"] {
                writer.string(key, rustc);
            }
        });
        for _ in 0..200_000 {
            let _ = encoder.scope("reel.scope", "");
        }
        for _ in 0..50_000 {
            id += 1;
            let header = SpanHeader {
                trace_id: [9; 16],
                span_id: id.to_be_bytes(),
                name: "tool",
                start_unix_nano: START_NS,
                end_unix_nano: START_NS,
                ..SpanHeader::default()
            };
            let _ = encoder.span(&header, |_| {});
        }
    }
    let admission = admission_of(REEL).unwrap();
    let body = encoder.finish();
    let start = Instant::now();
    let outcome = admission.admit(&body, 0, RECEIVED_US).unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(outcome.spans_accepted, 100_000);
    assert_eq!(
        refused(&outcome, "tool", "reel.rustc", "malformed_text"),
        50_000
    );
    assert!(outcome.batch.bytes().len() < body.len());
}

#[test]
fn a_resource_section_that_cannot_hold_is_refused() {
    let place = "reel.place: {to: every_row.runtime_context, absent_if: [\"-\"]}";
    for wrong in [
        "name: every_row.runtime_context",
        "reel.place: every_row.runtime_contexts",
        "reel.place: tool_uses.tool_name",
        "reel.place: tool_uses.attempts",
        "reel.place: {to: every_row.runtime_context, drop: content}",
        "reel.place: {each: {row: agents, members: {x: agents.role}}}",
        "reel.place: {to: every_row.runtime_context, object: {x: tool_uses.tool_name}}",
    ] {
        // Without the spans that would stumble over the target before the rule that is tested.
        let dialect = REEL
            .replacen(place, wrong, 1)
            .replace("  step:\n    row: task_runs\n", "");
        assert_ne!(dialect, REEL);
        let error = admission_of(&dialect).err();
        assert!(
            matches!(error, Some(DialectError::Rule { .. })),
            "{wrong}: {error:?}"
        );
    }
    let named = REEL.replacen("consent:\n", "consent:\n      marked_by: [reel.place]\n", 1);
    let error = admission_of(&named).err();
    assert!(
        matches!(error, Some(DialectError::Rule { .. })),
        "a resource proves no consent: {error:?}"
    );
}
