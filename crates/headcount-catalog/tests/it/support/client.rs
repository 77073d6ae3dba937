//! What Headcount's own client may send, as the catalog says.

use std::collections::BTreeMap;

use headcount_catalog::{Catalog, Field, Kind, Outcome};
use serde_json::{Map, Value, json};

use super::{RECEIVED_US, TestSpan, admission, request_of, span};

/// Every span name with its table, and what the span itself says of it.
pub(crate) const SPANS: [(&str, &str, &[&str]); 23] = [
    ("Crew Created", "crews", &[]),
    ("Agent", "agents", &[]),
    ("Task", "tasks", &[]),
    ("Task Created", "task_runs", &["created"]),
    (
        "Task Execution",
        "task_runs",
        &["started", "ended", "duration", "outcome"],
    ),
    ("Tool Usage", "tool_uses", &[]),
    ("Agent Run", "agent_runs", &["duration", "outcome"]),
    ("Model Call", "model_calls", &["duration", "outcome"]),
    ("Handoff", "handoffs", &[]),
    ("Test", "tests", &[]),
    ("Deployment", "deployments", &[]),
    (
        "Crew Completed",
        "crew_completions",
        &["duration", "outcome"],
    ),
    ("Flow", "flow_events", &[]),
    ("Feature Usage", "feature_uses", &[]),
    ("Human Feedback", "human_feedback", &[]),
    ("Project", "projects", &[]),
    ("Activity", "activity", &[]),
    ("Losses", "losses", &[]),
    ("Agent Detail", "shared_agents", &[]),
    ("Task Detail", "shared_tasks", &[]),
    ("Environment Detail", "shared_environments", &[]),
    ("Crew Content", "shared_io", &[]),
    ("Crew Execution Detail", "shared_executions", &[]),
];

/// What the client cannot send: a coding tool's first run, which one old release of another client reports, and what the
/// collector counts itself.
pub(crate) const NOT_SENT: [&str; 2] = ["environments", "refusals"];

pub(crate) fn is_shared(table: &str) -> bool {
    table.starts_with("shared_")
}

/// The attributes that a span may have for a row of `table`, by key.
pub(crate) fn fields(span: &str, table: &str) -> BTreeMap<String, &'static Field> {
    let (_, _, facts) = SPANS.iter().find(|(name, ..)| *name == span).unwrap();
    let mut fields = BTreeMap::new();
    for category in Catalog::embedded().categories() {
        for field in &category.fields {
            let given = facts.contains(&field.name.as_str());
            // A row says when a task was created, or how it was run.
            let other = table == "task_runs"
                && (field.kind == Kind::Timestamp
                    || (span == "Task Created"
                        && ["duration", "outcome", "error_type"].contains(&field.name.as_str())));
            if field.place.name() == table && !given && !other {
                let key = format!("{}.{}", category.id, field.name);
                assert!(fields.insert(key, field).is_none(), "a key twice");
            }
        }
    }
    fields
}

pub(crate) fn resource() -> Value {
    json!({
        "service.name": "headcount",
        "versions.framework": "loom",
        "versions.framework_version": "0.3.1",
        "versions.runtime": "python",
        "versions.runtime_version": "3.13.0",
        "execution_environment.coding_agent": "codex",
        "execution_environment.runtime_context": "ci",
        "execution_environment.cpu_band": "33+",
        "execution_environment.instrumentation": "loom-bridge",
        "execution_environment.instrumentation_version": "0.2.0",
    })
}

pub(crate) fn admit(spans: &[TestSpan]) -> Outcome {
    admit_all(&[(resource(), "headcount", spans)])
}

pub(crate) fn admit_all(resources: &[(Value, &str, &[TestSpan])]) -> Outcome {
    admission()
        .admit(&request_of(resources), 0, RECEIVED_US)
        .unwrap()
}

/// A span of `name` with `value` for each of its attributes.
pub(crate) fn filled(name: &str, table: &str, value: impl Fn(&Field) -> Value) -> TestSpan {
    let attributes: Map<String, Value> = fields(name, table)
        .into_iter()
        .map(|(key, field)| (key, value(field)))
        .collect();
    let filled = span(name, Value::Object(attributes));
    match is_shared(table) {
        true => filled.and("consent.share_crew", json!(true)),
        false => filled,
    }
}

pub(crate) fn example(field: &Field) -> Value {
    field.example.clone().unwrap()
}
