//! Rows say which framework and runtime they are of, also where one dialect serves many.

use crate::support::{RECEIVED_US, TestSpan, holds, refused, request_of, span, table};
use headcount_catalog::{Admission, Catalog, Dialect, DialectError, Outcome, Secret};
use serde_json::{Map, Value, json};

/// A client that other frameworks embed.
const HOST: &str = r#"
framework: host
runtime: rust
match:
  service_names: [host]
resource:
  of.framework: every_row.framework
  of.version: every_row.framework_version
  of.runtime: every_row.runtime
spans:
  tool:
    row: tool_uses
    attributes:
      name: tool_uses.tool_name
      attempts: tool_uses.attempts
  said:
    content_rows: [shared_io]
    consent:
      releases: [">=0.0.1"]
    attributes:
      text: shared_io.content
"#;

fn admission_of(dialect: &str) -> Result<Admission, DialectError> {
    let dialects = vec![Dialect::parse(dialect)?];
    Admission::new(Catalog::embedded(), dialects, Secret::new([7; 32]))
}

fn admit(resources: &[(Value, &str, &[TestSpan])]) -> Outcome {
    let admission = admission_of(HOST).unwrap();
    let body = request_of(resources);
    admission.admit(&body, 0, RECEIVED_US).unwrap()
}

fn resource(framework: Value, runtime: Value) -> Value {
    json!({"service.name": "host", "of.framework": framework, "of.version": "1.2.0", "of.runtime": runtime})
}

fn names(row: &Map<String, Value>) -> Value {
    json!([row["framework"], row["runtime"]])
}

fn one(framework: Value, runtime: Value) -> (Value, Outcome) {
    let spans = [span("tool", json!({"name": "t"}))];
    let outcome = admit(&[(resource(framework, runtime), "", &spans)]);
    (names(&table(&outcome, "tool_uses")[0]), outcome)
}

#[test]
fn a_row_names_the_framework_and_runtime_that_its_sender_states() {
    let (row, outcome) = one(json!("langgraph-rs"), json!("python"));
    assert_eq!(row, json!(["langgraph-rs", "python"]));
    assert!(table(&outcome, "refusals").is_empty());
    let said = span("said", json!({"text": "hello"}));
    let outcome = admit(&[(resource(json!("loom"), json!("python")), "", &[said])]);
    assert_eq!(
        names(&table(&outcome, "shared_io")[0]),
        json!(["loom", "python"])
    );
}

#[test]
fn what_is_absent_or_refused_leaves_the_dialect_s_own() {
    let own = json!(["host", "rust"]);
    for nothing in [json!(null), json!("")] {
        let (row, outcome) = one(nothing.clone(), nothing);
        assert_eq!(row, own);
        assert!(table(&outcome, "refusals").is_empty());
    }
    for (framework, reason) in [
        (json!("SECRET two words"), "malformed_text"),
        (json!("S".repeat(33)), "malformed_text"),
        (json!(7), "wrong_type"),
        (json!(["SECRET"]), "wrong_type"),
    ] {
        let (row, outcome) = one(framework, json!("SECRET"));
        assert_eq!(row, own);
        assert!(!holds(&outcome, "SECRET") && !holds(&outcome, "SSSSS"));
        assert_eq!(refused(&outcome, "tool", "of.framework", reason), 1);
        assert_eq!(
            refused(&outcome, "tool", "of.runtime", "not_in_vocabulary"),
            1
        );
    }
    let (row, outcome) = one(json!("s".repeat(32)), json!(true));
    assert_eq!(row, json!(["s".repeat(32), "rust"]));
    assert_eq!(refused(&outcome, "tool", "of.runtime", "wrong_type"), 1);
}

#[test]
fn refusals_are_counted_for_the_framework_that_was_refused() {
    let bad = || span("tool", json!({"attempts": "SECRET"}));
    let spans = [bad(), bad()];
    let outcome = admit(&[
        (resource(json!("loom"), json!("python")), "", &spans),
        (json!({"service.name": "host"}), "", &[bad()]),
        (resource(json!("reel"), json!(null)), "", &spans),
        (
            resource(json!("loom"), json!("python")),
            "",
            &[bad(), span("SECRET", json!({}))],
        ),
    ]);
    let refusals = table(&outcome, "refusals");
    let mut found: Vec<Value> = refusals
        .iter()
        .map(|row| {
            json!([
                row["framework"],
                row["runtime"],
                row.get("framework_version"),
                row["key"],
                row["count"]
            ])
        })
        .collect();
    found.sort_by_key(Value::to_string);
    assert_eq!(
        found,
        [
            json!(["host", "rust", null, "(span)", 1]),
            json!(["host", "rust", null, "attempts", 1]),
            json!(["loom", "python", "1.2.0", "attempts", 3]),
            json!(["reel", "rust", "1.2.0", "attempts", 2]),
        ]
    );
}

#[test]
fn a_span_s_own_attribute_can_state_them_too() {
    let dialect = HOST.replace("      name: tool_uses.tool_name\n", "      name: tool_uses.tool_name\n      version: every_row.framework_version\n      made.by: every_row.framework\n")
        .replace("  of.framework: every_row.framework\n  of.version: every_row.framework_version\n", "");
    let admission = admission_of(&dialect).unwrap();
    let spans = [
        span("tool", json!({"made.by": "loom", "version": "1.2.0"})),
        span("tool", json!({"made.by": "reel"})),
    ];
    let body = request_of(&[(
        json!({"service.name": "host", "of.runtime": "python"}),
        "",
        &spans,
    )]);
    let outcome = admission.admit(&body, 0, RECEIVED_US).unwrap();
    let rows = table(&outcome, "tool_uses");
    assert_eq!(
        [names(&rows[0]), names(&rows[1])],
        [json!(["loom", "python"]), json!(["reel", "python"])]
    );
    assert!(
        !rows[1].contains_key("framework_version"),
        "one framework's version is not another's"
    );
}

#[test]
fn a_dialect_that_names_what_every_row_says_amiss_is_refused() {
    let own = "attempts: tool_uses.attempts";
    for wrong in [
        "attempts: [every_row.framework, tool_uses.tool_name]",
        "attempts: tool_uses.framework",
        "attempts: tool_uses.time",
        "attempts: every_row.time",
        "attempts: every_row.framework",
        "attempts: every_row.framework_version",
        "attempts: {each: {row: agents, members: {x: every_row.runtime}}}",
        "attempts: {to: tool_uses.tool_name, object: {x: every_row.runtime}}",
    ] {
        let error = admission_of(&HOST.replacen(own, wrong, 1)).err();
        assert!(
            matches!(error, Some(DialectError::Rule { .. })),
            "{wrong}: {error:?}"
        );
    }
}
