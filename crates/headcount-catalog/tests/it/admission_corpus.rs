//! Genuine CrewAI traffic, row against span, field by field: crews of two agents and three tasks whose content carries
//! `CANARY` texts.

use crate::support;
use crate::support::decoded::{Decoded, load};
use crate::support::{RECEIVED_US, admission, refusals, rows, table};
use headcount_catalog::Outcome;
use serde_json::Value;

/// What must not be sent: of genuine traffic a sender is told nothing else, since SDKs warn of it at each export.
const FORBIDDEN: [&str; 6] = [
    "without_consent",
    "content",
    "machine",
    "address",
    "method_names",
    "user_metadata",
];

fn admit(name: &str) -> (Outcome, Vec<Decoded>) {
    let (body, decoded) = load(name);
    let outcome = admission().admit(&body, 0, RECEIVED_US).unwrap();
    assert_eq!(outcome.spans_accepted, decoded.len() as u64, "{name}");
    let unknown = refusals(&outcome)
        .into_iter()
        .find(|refusal| refusal.2.starts_with("unknown") || refusal.2 == "wrong_type");
    assert_eq!(unknown, None, "{name}");
    let told = outcome.message.strip_prefix("dropped values: ");
    for told in told.into_iter().flat_map(|told| told.split(", ")) {
        let reason = told.split(' ').next_back().unwrap();
        assert!(FORBIDDEN.contains(&reason), "{name}: {told}");
    }
    (outcome, decoded)
}

/// The values that a column and the attributes it comes from must share: `true` and `"true"`, 3 and `"3"` are equal.
fn same(stored: Option<&Value>, sent: Option<&Value>) -> bool {
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().unwrap().to_string(),
        other => other.to_string(),
    };
    let number = |text: String| {
        text.parse::<f64>()
            .map_or(text, |number| number.to_string())
    };
    let sent = sent.filter(|sent| !sent.is_null());
    stored.map(|value| number(plain(value))) == sent.map(|value| number(plain(value)))
}

/// A span's name, its table, and which column holds which attribute.
type Case = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

/// Attributes that are stored as they are.
const PLAIN: [Case; 12] = [
    (
        "Crew Created",
        "crews",
        &[
            ("id", "crew_id"),
            ("process", "crew_process"),
            ("memory", "crew_memory"),
            ("task_count", "crew_number_of_tasks"),
            ("agent_count", "crew_number_of_agents"),
            ("inputs_present", "crew_inputs_present"),
            ("framework_version", "crewai_version"),
            ("runtime_version", "python_version"),
            ("coding_agent", "coding_agent"),
            ("runtime_context", "runtime_context"),
            ("cpu_band", "cpu_band"),
        ],
    ),
    (
        "Tool Usage",
        "tool_uses",
        &[
            ("tool_name", "tool_name"),
            ("attempts", "attempts"),
            ("framework_version", "crewai_version"),
        ],
    ),
    (
        "Feature Usage",
        "feature_uses",
        &[("feature", "feature"), ("authenticated", "authenticated")],
    ),
    (
        "Environment Context",
        "environments",
        &[("tool", "tool"), ("cpu_band", "cpu_band")],
    ),
    (
        "Flow Creation",
        "flow_events",
        &[("flow_name", "flow_name")],
    ),
    (
        "Flow Execution",
        "flow_events",
        &[
            ("flow_name", "flow_name"),
            ("origin", "origin"),
            ("resumed", "resumed"),
            ("conversational", "conversational"),
        ],
    ),
    (
        "Flow Completed",
        "flow_events",
        &[
            ("flow_name", "flow_name"),
            ("outcome", "outcome"),
            ("error_type", "error_type"),
        ],
    ),
    (
        "Crew Test Execution",
        "tests",
        &[
            ("crew_id", "crew_id"),
            ("iterations", "iterations"),
            ("model_name", "model_name"),
        ],
    ),
    (
        "Crew Individual Test Result",
        "tests",
        &[
            ("quality", "quality"),
            ("execution_time", "exec_time"),
            ("model_name", "model_name"),
        ],
    ),
    (
        "Crew Completed",
        "crew_completions",
        &[("crew_id", "crew_id"), ("outcome", "outcome")],
    ),
    (
        "Start Deployment",
        "deployments",
        &[("crew_id", "uuid"), ("source", "source")],
    ),
    (
        "Get Crew Logs",
        "deployments",
        &[("crew_id", "uuid"), ("log_type", "log_type")],
    ),
];

const BODIES: [&str; 15] = [
    "1.15.30-default",
    "1.15.30-shared",
    "1.15.30-errors",
    "1.15.30-test",
    "1.15.30-flow",
    "1.15.30-deploy",
    "0.86.0-default",
    "0.86.0-shared",
    "0.51.1-default",
    "0.51.1-shared",
    "wide-0.36.1-default",
    "wide-0.36.1-shared",
    "wide-0.28.8-shared",
    "wide-1.5.0-host",
    "wide-1.5.0-fingerprint",
];

/// Which constant tells apart the spans that share a table.
fn step(name: &str) -> Option<(&'static str, &'static str)> {
    match name {
        "Flow Creation" => Some(("event", "created")),
        "Flow Execution" => Some(("event", "started")),
        "Flow Completed" => Some(("event", "completed")),
        "Crew Test Execution" => Some(("step", "execution")),
        "Crew Individual Test Result" => Some(("step", "result")),
        "Start Deployment" => Some(("step", "start")),
        "Get Crew Logs" => Some(("step", "logs")),
        "Tool Usage" => Some(("outcome", "used")),
        _ => None,
    }
}

#[test]
fn each_span_gives_its_row_with_the_values_that_were_sent() {
    let mut compared = 0;
    for body in BODIES {
        let (outcome, decoded) = admit(body);
        for (name, table_name, columns) in PLAIN {
            let mut stored = table(&outcome, table_name);
            stored.retain(|row| step(name).is_none_or(|(column, word)| row[column] == word));
            let sent: Vec<_> = decoded.iter().filter(|span| span.name == name).collect();
            assert_eq!(stored.len(), sent.len(), "{body}: {name}");
            for (row, span) in stored.iter().zip(sent) {
                for (column, key) in columns {
                    let (row, sent) = (row.get(*column), span.attributes.get(*key));
                    assert!(
                        same(row, sent),
                        "{body}: {name}: {column} is {row:?}, sent was {sent:?}"
                    );
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 300, "{compared}");
}

/// Which column holds which member of the elements of a JSON attribute.
const MEMBERS: [Case; 2] = [
    (
        "crew_agents",
        "agents",
        &[
            ("id", "id"),
            ("role", "role"),
            ("verbose", "verbose?"),
            ("delegation_enabled", "delegation_enabled?"),
            ("code_execution_allowed", "allow_code_execution?"),
            ("max_iterations", "max_iter"),
            ("max_rpm", "max_rpm"),
            ("max_retry_limit", "max_retry_limit"),
            ("function_calling_llm", "function_calling_llm"),
            ("tool_names", "tools_names"),
        ],
    ),
    (
        "crew_tasks",
        "tasks",
        &[
            ("id", "id"),
            ("async_execution", "async_execution?"),
            ("human_input", "human_input?"),
            ("agent_role", "agent_role"),
            ("tool_names", "tools_names"),
        ],
    ),
];

#[test]
fn each_agent_and_task_gives_its_row() {
    let mut compared = 0;
    for body in BODIES {
        let (outcome, decoded) = admit(body);
        for (key, table_name, columns) in MEMBERS {
            let elements: Vec<Value> = decoded
                .iter()
                .filter(|span| span.name == "Crew Created")
                .filter_map(|span| span.attributes.get(key)?.as_str())
                .flat_map(|text| serde_json::from_str::<Vec<Value>>(text).unwrap())
                .collect();
            let stored = table(&outcome, table_name);
            assert_eq!(stored.len(), elements.len(), "{body}: {key}");
            for (row, element) in stored.iter().zip(&elements) {
                for (column, member) in columns {
                    // A role of 4.5 kB is cut at the catalog's limit.
                    let sent = element.get(*member);
                    let is_cut = sent
                        .and_then(Value::as_str)
                        .is_some_and(|text| text.len() > 256);
                    assert!(
                        is_cut || same(row.get(*column), sent),
                        "{body}: {column}: {row:?}, sent {sent:?}"
                    );
                    compared += 1;
                }
                let llm = element
                    .get("llm")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                if let Ok(llm) = serde_json::from_str::<Value>(llm) {
                    assert!(
                        same(row.get("llm_model_name"), llm.get("model_name")),
                        "{body}: {row:?}"
                    );
                    assert!(
                        same(row.get("llm_temperature"), llm.get("temperature")),
                        "{body}: {row:?}"
                    );
                    assert!(
                        same(row.get("llm_class_name"), llm.get("class")),
                        "{body}: {row:?}"
                    );
                } else if table_name == "agents" {
                    assert!(
                        same(row.get("llm_model"), element.get("llm")),
                        "{body}: {row:?}"
                    );
                }
            }
        }
    }
    assert!(compared > 300, "{compared}");
}

#[test]
fn each_task_gives_a_row_when_created_and_one_when_run() {
    for body in BODIES {
        let (outcome, decoded) = admit(body);
        let runs = table(&outcome, "task_runs");
        let executed: Vec<_> = decoded
            .iter()
            .filter(|span| span.name == "Task Execution")
            .collect();
        let ended: Vec<_> = runs
            .iter()
            .filter(|run| run.contains_key("ended"))
            .collect();
        assert_eq!(ended.len(), executed.len(), "{body}");
        let created = decoded
            .iter()
            .filter(|span| span.name == "Task Created")
            .count();
        assert_eq!(
            runs.iter()
                .filter(|run| run.contains_key("created"))
                .count(),
            created,
            "{body}"
        );
        for (run, span) in ended.iter().zip(executed) {
            assert_eq!(
                run["outcome"],
                if span.failed { "failed" } else { "completed" }
            );
            assert!(run["duration"].as_f64().unwrap() > 0.0);
        }
    }
}

#[test]
fn canaries_stay_in_the_shared_tier_and_out_of_default_scenarios() {
    for body in BODIES {
        let (outcome, _) = admit(body);
        // Roles and flow names of the wide set carry canaries on purpose.
        let is_free_text = |text: &str| text.contains("CANARY-ROLE") || text.contains("CanaryFlow");
        for row in rows(&outcome) {
            let name = row["table"].as_str().unwrap().to_owned();
            for (column, value) in &row {
                let text = value.to_string();
                let is_content = text.to_uppercase().contains("CANARY") && !is_free_text(&text);
                assert!(
                    !is_content || name.starts_with("shared_"),
                    "{body}: {name}.{column}: {text}"
                );
            }
            let may_share = body.ends_with("shared") || body.ends_with("test");
            assert!(may_share || !name.starts_with("shared_"), "{body}: {name}");
        }
    }
}

#[test]
fn a_sharing_crew_gives_what_it_shares() {
    for body in ["1.15.30-shared", "0.86.0-shared", "0.51.1-shared"] {
        let (outcome, _) = admit(body);
        assert_eq!(table(&outcome, "shared_agents").len(), 2, "{body}");
        assert_eq!(
            table(&outcome, "shared_tasks").len(),
            6,
            "{body}: three created, three started"
        );
        assert_eq!(table(&outcome, "shared_environments").len(), 1, "{body}");
        let directions = table(&outcome, "shared_io");
        assert_eq!(directions[0]["direction"], "input", "{body}");
        assert_eq!(
            directions[0]["content"], r#"{"topic": "CANARY-INPUT-33"}"#,
            "{body}"
        );
    }
    let (outcome, _) = admit("wide-0.28.8-shared");
    assert_eq!(table(&outcome, "shared_agents").len(), 2);
    assert!(
        table(&outcome, "shared_tasks")
            .iter()
            .all(|task| task.contains_key("expected_output"))
    );
    assert_eq!(table(&outcome, "shared_executions").len(), 1);
    // Content of this release is never believed to be shared.
    let (outcome, _) = admit("wide-0.36.1-shared");
    assert!(
        rows(&outcome)
            .iter()
            .all(|row| !row["table"].as_str().unwrap().starts_with("shared_"))
    );
}

#[test]
fn content_keys_are_nowhere() {
    for body in BODIES {
        let (outcome, decoded) = admit(body);
        for span in &decoded {
            for key in ["crew_key", "task_key"] {
                if let Some(md5) = span.attributes.get(key).and_then(Value::as_str) {
                    assert!(!support::holds(&outcome, md5), "{body}: {key}");
                }
            }
        }
    }
}
