//! The promises that admission keeps, each as a test of its name.

use crate::support::{
    RECEIVED_US, START_NS, TestSpan, admission, admit, holds, refused, request, request_from, rows,
    sharing_crew, span, table,
};
use headcount_catalog::{Catalog, Tier};
use headcount_wire::StatusCode;
use proptest::prelude::*;
use serde_json::{Value, json};

#[test]
fn default_deny() {
    let outcome = admit(&[
        span(
            "Flow Execution",
            json!({"flow_name": "F", "node_names": "[\"SECRET-METHOD\"]", "SECRET-KEY": "SECRET-VALUE"}),
        ),
        span("SECRET-SPAN", json!({"flow_name": "SECRET-FLOW"})),
    ]);
    assert!(!holds(&outcome, "SECRET"));
    assert!(!outcome.message.contains("SECRET"));
    assert_eq!((outcome.spans_accepted, outcome.spans_rejected), (1, 1));
    assert_eq!(
        refused(&outcome, "Flow Execution", "node_names", "method_names"),
        1
    );
    assert_eq!(
        refused(&outcome, "Flow Execution", "(unknown)", "unknown_attribute"),
        1
    );
    assert_eq!(refused(&outcome, "(unknown)", "(span)", "unknown_span"), 1);
    assert_eq!(
        outcome.message,
        "rejected spans: 1 unknown_span; dropped values: 1 unknown_attribute, 1 method_names"
    );
}

#[test]
fn spans_of_an_unknown_framework_are_refused() {
    let body = request_from(
        "SECRET-SHOP",
        "SECRET.sql",
        &[span("Tool Usage", json!({"tool_name": "SECRET"}))],
    );
    let outcome = admission().admit(&body, 2, RECEIVED_US).unwrap();
    assert!(!holds(&outcome, "SECRET"));
    assert_eq!((outcome.spans_accepted, outcome.spans_rejected), (0, 3));
    assert_eq!(
        refused(&outcome, "(unknown)", "(span)", "unknown_framework"),
        1
    );
    assert_eq!(
        refused(&outcome, "(unknown)", "(span)", "malformed_span"),
        2
    );
    let refusal = &table(&outcome, "refusals")[0];
    assert_eq!(refusal["framework"], "(unknown)");
    assert_eq!(refusal["time"].as_i64().unwrap() % 3_600_000_000, 0);
}

#[test]
fn two_tiers() {
    let outcome = admit(&[span("Crew Created", sharing_crew("1.15.30"))]);
    assert!(holds(&outcome, "SECRET-GOAL") && holds(&outcome, "SECRET-INPUT"));
    let schema = Catalog::embedded().schema();
    for row in rows(&outcome) {
        let name = row["table"].as_str().unwrap();
        let tier = schema.table(schema.table_id(name).unwrap()).unwrap().tier;
        let has_content = Value::from(row.clone()).to_string().contains("SECRET");
        assert!(!has_content || tier == Tier::Shared, "{name}");
        assert_eq!(name.starts_with("shared_"), tier == Tier::Shared);
    }
    assert_eq!(table(&outcome, "shared_agents")[0]["goal"], "SECRET-GOAL");
    assert_eq!(table(&outcome, "shared_io")[0]["direction"], "input");
}

#[test]
fn keys_say_nothing() {
    let key = "816171031b04724116eca0ca6b1259a2";
    let agents = format!("[{{\"id\": \"my agent\", \"key\": \"{key}\"}}]");
    let tasks = format!(
        "[{{\"id\": \"AAAAAAAA-2222-4333-8444-555555555555\", \"key\": \"{key}\", \"agent_key\": \"{key}\"}}]"
    );
    let outcome = admit(&[span(
        "Crew Created",
        json!({"crew_key": key, "crew_id": "", "project_id": "my project", "crew_agents": agents, "crew_tasks": tasks}),
    )]);
    for text in [key, "my agent", "my project"] {
        assert!(!holds(&outcome, text), "{text}");
    }
    let (crew, agent, task) = (
        &table(&outcome, "crews")[0],
        &table(&outcome, "agents")[0],
        &table(&outcome, "tasks")[0],
    );
    assert_eq!(agent["key"], task["agent_key"]);
    assert_ne!(agent["key"], task["key"]);
    assert_ne!(agent["key"], crew["key"]);
    assert_eq!(agent["crew_key"], crew["key"]);
    assert_eq!(crew["key"].as_str().unwrap().len(), 16);
    assert_eq!(crew["id"], "");
    assert_eq!(task["id"], "aaaaaaaa-2222-4333-8444-555555555555");
    assert!(
        !holds(&outcome, &String::from_utf8_lossy(&[9; 16])),
        "trace ids are not stored"
    );
}

#[test]
fn values_survive() {
    let outcome = admit(&[
        span(
            "Human Feedback",
            json!({"event_type": "requested", "has_routing": false, "num_outcomes": 0, "outcome": ""}),
        ),
        span(
            "Crew Created",
            json!({"crew_memory": "False", "crew_inputs_present": "true", "crew_number_of_tasks": "0"}),
        ),
        span(
            "Crew Individual Test Result",
            json!({"quality": "0", "exec_time": "0.25"}),
        ),
        span(
            "Crew Completed",
            json!({"duration_ms": 115.5, "outcome": "failed"}),
        ),
    ]);
    let feedback = &table(&outcome, "human_feedback")[0];
    assert_eq!(feedback["has_routing"], false);
    assert_eq!(feedback["num_outcomes"], 0);
    assert_eq!(feedback["outcome"], "");
    assert!(
        !feedback.contains_key("feedback_provided"),
        "absent is not false"
    );
    let crew = &table(&outcome, "crews")[0];
    assert_eq!(
        (
            &crew["memory"],
            &crew["inputs_present"],
            &crew["task_count"]
        ),
        (&json!(false), &json!(true), &json!(0))
    );
    let result = &table(&outcome, "tests")[0];
    assert_eq!(
        (&result["quality"], &result["execution_time"]),
        (&json!(0.0), &json!(0.25))
    );
    assert_eq!(table(&outcome, "crew_completions")[0]["duration"], 0.1155);
}

#[test]
fn what_the_catalog_does_not_allow_is_refused_with_its_reason() {
    let outcome = admit(&[
        span(
            "Crew Created",
            json!({"crew_process": "anarchic", "crew_number_of_tasks": -1, "crew_memory": 7, "crewai_version": 3}),
        ),
        span(
            "Crew Deployment Failed",
            json!({"status_code": 4220, "reason": "SECRET"}),
        ),
        span(
            "Task Execution",
            json!({"error_type": "two words", "task_id": {}}),
        ),
    ]);
    for (span, key, reason) in [
        ("Crew Created", "crew_process", "not_in_vocabulary"),
        ("Crew Created", "crew_number_of_tasks", "out_of_range"),
        ("Crew Created", "crew_memory", "wrong_type"),
        ("Crew Created", "crewai_version", "wrong_type"),
        ("Crew Deployment Failed", "status_code", "out_of_range"),
        ("Crew Deployment Failed", "reason", "not_in_vocabulary"),
        ("Task Execution", "error_type", "malformed_text"),
        ("Task Execution", "task_id", "wrong_type"),
    ] {
        assert_eq!(
            refused(&outcome, span, key, reason),
            1,
            "{span} {key} {reason}"
        );
    }
    assert_eq!(outcome.spans_rejected, 0);
}

#[test]
fn a_failed_task_says_so_and_names_the_error_s_class() {
    let mut failed = span(
        "Task Execution",
        json!({"task_id": "t", "error_type": "ValueError"}),
    );
    failed.status = StatusCode::Error;
    let done = span("Task Execution", json!({"task_id": "t"}));
    let runs = table(&admit(&[failed, done]), "task_runs");
    assert_eq!(runs[0]["outcome"], "failed");
    assert_eq!(runs[0]["error_type"], "ValueError");
    assert_eq!(runs[1]["outcome"], "completed");
    assert_eq!(runs[1]["duration"], 1.5);
    assert_eq!(
        runs[1]["ended"].as_i64().unwrap() - runs[1]["started"].as_i64().unwrap(),
        1_500_000
    );
}

#[test]
fn free_text_is_scrubbed() {
    let outcome = admit(&[span(
        "Tool Usage",
        json!({"tool_name": "mail anna@example.org", "attempts": 1}),
    )]);
    assert!(!holds(&outcome, "anna@"));
    assert_eq!(table(&outcome, "tool_uses")[0]["tool_name"], "mail [email]");
}

#[test]
fn the_first_of_two_equal_keys_counts() {
    let twice = span("Tool Usage", json!({"tool_name": "first"})).and("tool_name", json!("SECRET"));
    let outcome = admit(&[twice]);
    assert_eq!(table(&outcome, "tool_uses")[0]["tool_name"], "first");
    assert!(!holds(&outcome, "SECRET"));
    assert_eq!(
        refused(&outcome, "Tool Usage", "tool_name", "duplicate_key"),
        1
    );
}

#[test]
fn spans_of_impossible_times_are_refused() {
    let admission = admission();
    let body = request(&[span("Tool Usage", json!({"tool_name": "t"}))]);
    let start_us = (START_NS / 1_000).cast_signed();
    for received in [start_us - 86_400_000_001, 0] {
        let outcome = admission.admit(&body, 0, received).unwrap();
        assert_eq!((outcome.spans_accepted, outcome.spans_rejected), (0, 1));
        assert_eq!(
            refused(&outcome, "Tool Usage", "(span)", "time_out_of_range"),
            1
        );
    }
    let mut backwards = span("Task Execution", json!({"task_id": "t"})).at(5_000);
    backwards.end = 0;
    let outcome = admit(&[backwards]);
    assert!(!table(&outcome, "task_runs")[0].contains_key("duration"));
    assert_eq!(
        refused(&outcome, "Task Execution", "(span)", "end_before_start"),
        1
    );
}

#[test]
fn json_that_was_cut_gives_what_is_complete() {
    let outcome = admit(&[span(
        "Crew Created",
        json!({"crew_agents": "[{\"id\": \"a\", \"role\": \"whole\", \"tools_names\": [\"t\"]}, {\"role\": \"part\", \"max_iter\": 2"}),
    )]);
    let agents = table(&outcome, "agents");
    assert_eq!(agents.len(), 2);
    assert_eq!(
        (&agents[0]["role"], &agents[0]["tool_names"]),
        (&json!("whole"), &json!(["t"]))
    );
    assert_eq!(agents[1]["role"], "part");
    assert!(!agents[1].contains_key("max_iterations"));
    assert_eq!(
        refused(&outcome, "Crew Created", "crew_agents", "truncated_json"),
        1
    );
}

#[test]
fn the_same_request_gives_the_same_bytes() {
    let body = request(&[
        span("Crew Created", sharing_crew("1.15.30")),
        span("x", json!({})),
    ]);
    let [first, second] = [(); 2].map(|()| admission().admit(&body, 0, RECEIVED_US).unwrap());
    assert_eq!(first.batch.bytes(), second.batch.bytes());
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "PLANTED-[a-z]{3} .{0,10}".prop_map(Value::from),
        "\\[\\{\"(goal|id|role|llm|PLANTED)\": \"PLANTED.{0,5}\"?.{0,4}".prop_map(Value::from),
        prop::collection::vec("PLANTED-.{0,5}", 0..3).prop_map(Value::from),
        Just(json!({})),
    ]
}

/// Keys whose columns hold free text in the default tier: what is planted there may be stored.
const FREE_TEXT: [&str; 6] = [
    "tool_name",
    "flow_name",
    "models",
    "model_name",
    "template_name",
    "llm",
];
const KNOWN: [&str; 12] = [
    "crewai_version",
    "crew_id",
    "crew_key",
    "crew_inputs",
    "task_output",
    "output",
    "node_names",
    "hostname",
    "agent_role",
    "crew_process",
    "status_code",
    "crew_fingerprint_metadata",
];

proptest! {
    #[test]
    fn nothing_outside_the_catalog_comes_out(
        spans in prop::collection::vec(
            (
                prop::sample::select(headcount_catalog::Dialect::embedded().unwrap()[0]
                    .span_names().map(str::to_owned).chain(["PLANTED".to_owned()]).collect::<Vec<_>>()),
                prop::collection::vec(
                    (prop_oneof![prop::sample::select(KNOWN.to_vec()).prop_map(str::to_owned), "PLANTED.{0,4}"], any_value()),
                    0..8,
                ),
            ),
            1..6,
        ),
    ) {
        let spans: Vec<TestSpan> = spans.into_iter().map(|(name, attributes)| TestSpan {
            attributes, ..span(&name, json!({}))
        }).collect();
        let outcome = admit(&spans);
        prop_assert!(!holds(&outcome, "PLANTED"), "{:?}", rows(&outcome));
        prop_assert!(!outcome.message.contains("PLANTED"));
        prop_assert_eq!(outcome.spans_accepted + outcome.spans_rejected, spans.len() as u64);
        // Reading the batch back checks its columns against the schema.
        rows(&outcome);
    }
}

#[test]
fn the_planted_keys_would_be_stored_where_free_text_may_be() {
    for key in FREE_TEXT {
        let known = [
            "Tool Usage",
            "Flow Execution",
            "Feature Usage",
            "Crew Test Execution",
            "Template Installed",
        ];
        let stored = known.iter().any(|name| {
            holds(
                &admit(&[span(name, json!({key: "PLANTED-x"}))]),
                "PLANTED-x",
            )
        });
        assert!(stored, "{key}");
    }
}
