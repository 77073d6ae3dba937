//! The expected rows of the tables after a captured body was stored, computed from the decoded body alone. It shares no
//! code with the collector. Rows are JSON objects of the columns that the span's own attributes decide.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Rows by table.
pub(crate) type Tables = BTreeMap<&'static str, Vec<Map<String, Value>>>;

/// One span of a `*.decoded.json` file.
struct Span<'a> {
    name: &'a str,
    attributes: &'a Map<String, Value>,
    nanoseconds: u64,
    failed: bool,
}

impl<'a> Span<'a> {
    fn new(span: &'a Value) -> Self {
        Self {
            name: span["name"].as_str().expect("a name"),
            attributes: span["attributes"].as_object().expect("attributes"),
            nanoseconds: span["dur_ns"].as_u64().expect("a duration"),
            failed: span["status"] == 2,
        }
    }

    fn seconds(&self) -> f64 {
        self.nanoseconds as f64 / 1e9
    }

    /// The attribute's value without its type, or null.
    fn get(&self, key: &str) -> Value {
        self.attributes
            .get(key)
            .map_or(Value::Null, |typed| typed[1].clone())
    }

    fn has(&self, key: &str) -> bool {
        self.attributes.contains_key(key)
    }

    /// A boolean that some releases send as text.
    fn boolean(&self, key: &str) -> Value {
        match self.get(key) {
            Value::String(text) => json!(text == "true"),
            other => other,
        }
    }

    /// A number that some releases send as text.
    fn number(&self, key: &str) -> Value {
        match self.get(key) {
            Value::String(text) => json!(text.parse::<f64>().expect("a number")),
            other => other,
        }
    }

    fn elements(&self, key: &str) -> Vec<Map<String, Value>> {
        let text = self.get(key);
        let Some(text) = text.as_str() else {
            return Vec::new();
        };
        serde_json::from_str(text).expect("a JSON array of objects")
    }
}

/// The rows that the spans of one decoded body give.
pub(crate) fn tables(decoded: &Value) -> Tables {
    let mut tables = Tables::new();
    for span in decoded.as_array().expect("an array of spans") {
        let span = Span::new(span);
        add_usage(&mut tables, &span);
        add_content(&mut tables, &span);
    }
    tables
}

fn push(tables: &mut Tables, table: &'static str, row: Value) {
    let Value::Object(row) = row else {
        panic!("a row is an object")
    };
    tables.entry(table).or_default().push(row);
}

fn add_usage(tables: &mut Tables, span: &Span<'_>) {
    match span.name {
        "Crew Created" => add_crew(tables, span),
        "Task Created" => push(
            tables,
            "task_runs",
            json!({"crew_id": span.get("crew_id"), "task_id": span.get("task_id"), "started": null, "duration": null, "outcome": null}),
        ),
        "Task Execution" => push(
            tables,
            "task_runs",
            json!({
                "crew_id": span.get("crew_id"), "task_id": span.get("task_id"), "created": null, "duration": span.seconds(),
                "outcome": if span.failed { "failed" } else { "completed" }, "error_type": span.get("error_type"),
            }),
        ),
        "Tool Usage" => add_tool_use(tables, span, "used"),
        "Tool Repeated Usage" => add_tool_use(tables, span, "repeated"),
        "Tool Usage Error" => add_tool_use(tables, span, "error"),
        "Crew Test Execution" | "Crew Individual Test Result" => push(
            tables,
            "tests",
            json!({
                "crew_id": span.get("crew_id"), "model_name": span.get("model_name"), "iterations": span.number("iterations"),
                "quality": span.number("quality"), "execution_time": span.number("exec_time"),
            }),
        ),
        "Crew Completed" => push(
            tables,
            "crew_completions",
            json!({"crew_id": span.get("crew_id"), "outcome": span.get("outcome"), "duration": milliseconds(span)}),
        ),
        "Feature Usage" => push(
            tables,
            "feature_uses",
            json!({"feature": span.get("feature")}),
        ),
        "Environment Context" => push(
            tables,
            "environments",
            json!({
                "tool": span.get("tool"), "coding_agent": span.get("coding_agent"),
                "runtime_context": span.get("runtime_context"), "cpu_band": span.get("cpu_band"), "project_id": span.get("project_id"),
            }),
        ),
        "Template Installed" => push(
            tables,
            "projects",
            json!({"event": "template_installed", "template_name": span.get("template_name")}),
        ),
        name if name.starts_with("Flow ") => add_flow_event(tables, span),
        name => add_deployment(tables, span, name),
    }
}

fn add_crew(tables: &mut Tables, span: &Span<'_>) {
    push(
        tables,
        "crews",
        json!({
            "framework": "crewai", "framework_version": span.get("crewai_version"), "runtime": "python",
            "runtime_version": span.get("python_version"), "id": span.get("crew_id"), "process": span.get("crew_process"),
            "memory": span.boolean("crew_memory"), "inputs_present": span.boolean("crew_inputs_present"),
            "task_count": span.get("crew_number_of_tasks"), "agent_count": span.get("crew_number_of_agents"),
        }),
    );
    for agent in span.elements("crew_agents") {
        let field = |key: &str| agent.get(key).cloned().unwrap_or(Value::Null);
        // Until 0.55.2 the model is an object written as a text inside the text; later it is its name.
        let object: Option<Map<String, Value>> = field("llm")
            .as_str()
            .and_then(|text| serde_json::from_str(text).ok());
        let llm = |key: &str| match (&object, key) {
            (Some(object), _) => object.get(key).cloned().unwrap_or(Value::Null),
            (None, "model") => field("llm"),
            (None, _) => Value::Null,
        };
        push(
            tables,
            "agents",
            json!({
                "crew_id": span.get("crew_id"), "id": field("id"), "role": field("role"), "verbose": field("verbose?"),
                "delegation_enabled": field("delegation_enabled?"), "code_execution_allowed": field("allow_code_execution?"),
                "max_iterations": field("max_iter"), "max_rpm": field("max_rpm"), "max_retry_limit": field("max_retry_limit"),
                "llm_name": llm("name"), "llm_model_name": llm("model_name"), "llm_model": llm("model"),
                "llm_top_k": llm("top_k"), "llm_temperature": llm("temperature"), "llm_class_name": llm("class"), "function_calling_llm": field("function_calling_llm"), "tool_names": field("tools_names"),
            }),
        );
    }
    for task in span.elements("crew_tasks") {
        let field = |key: &str| task.get(key).cloned().unwrap_or(Value::Null);
        push(
            tables,
            "tasks",
            json!({
                "crew_id": span.get("crew_id"), "id": field("id"), "async_execution": field("async_execution?"),
                "human_input": field("human_input?"), "agent_role": field("agent_role"), "tool_names": field("tools_names"),
            }),
        );
    }
}

fn add_tool_use(tables: &mut Tables, span: &Span<'_>, outcome: &str) {
    let row = json!({
        "framework_version": span.get("crewai_version"), "tool_name": span.get("tool_name"),
        "attempts": span.get("attempts"), "outcome": outcome,
    });
    push(tables, "tool_uses", row);
}

fn add_flow_event(tables: &mut Tables, span: &Span<'_>) {
    let event = match span.name {
        "Flow Creation" => "created",
        "Flow Execution" => "started",
        "Flow Completed" => "completed",
        "Flow Method Failed" => "method_failed",
        other => panic!("the corpus has no {other}"),
    };
    push(
        tables,
        "flow_events",
        json!({
            "event": event, "flow_name": span.get("flow_name"), "origin": span.get("origin"), "resumed": span.boolean("resumed"),
            "conversational": span.boolean("conversational"), "outcome": span.get("outcome"), "error_type": span.get("error_type"),
            "duration": milliseconds(span),
        }),
    );
}

fn add_deployment(tables: &mut Tables, span: &Span<'_>, name: &str) {
    let step = match name {
        "Deploy Signup Error" => "signup_error",
        "Start Deployment" => "start",
        "Create Crew Deployment" => "create",
        "Get Crew Logs" => "logs",
        "Remove Crew" => "remove",
        "Crew Execution" => return,
        other => panic!("the corpus has no {other}"),
    };
    push(
        tables,
        "deployments",
        json!({"step": step, "crew_id": span.get("uuid"), "log_type": span.get("log_type"), "source": span.get("source")}),
    );
}

/// Content: every release of the corpus sends these only from crews that share (0.51.1 on).
fn add_content(tables: &mut Tables, span: &Span<'_>) {
    let crew_id = span.get("crew_id");
    match span.name {
        "Crew Created" if span.has("platform") => {
            push(
                tables,
                "shared_environments",
                json!({
                    "crew_id": crew_id, "platform": span.get("platform"), "release": span.get("platform_release"),
                    "system": span.get("platform_system"), "version": span.get("platform_version"), "cpu_count": span.get("cpus"),
                }),
            );
            if span.has("crew_inputs") {
                push(
                    tables,
                    "shared_io",
                    json!({"crew_id": crew_id, "task_id": null, "direction": "input", "content": span.get("crew_inputs")}),
                );
            }
            for agent in span.elements("crew_agents") {
                push(
                    tables,
                    "shared_agents",
                    json!({
                        "crew_id": crew_id, "id": agent["id"], "goal": agent["goal"], "backstory": agent["backstory"],
                        "i18n_prompt_file": agent.get("i18n"),
                    }),
                );
            }
            for task in span.elements("crew_tasks") {
                push(
                    tables,
                    "shared_tasks",
                    json!({
                        "crew_id": crew_id, "id": task["id"], "description": task["description"],
                        "expected_output": task["expected_output"], "context": task["context"],
                    }),
                );
            }
        }
        "Task Created" if span.has("formatted_description") => push(
            tables,
            "shared_tasks",
            json!({
                "crew_id": crew_id, "id": span.get("task_id"), "formatted_description": span.get("formatted_description"),
                "formatted_expected_output": span.get("formatted_expected_output"),
            }),
        ),
        "Task Execution" if span.has("task_output") => push(
            tables,
            "shared_io",
            json!({"crew_id": crew_id, "task_id": span.get("task_id"), "direction": "output", "content": span.get("task_output")}),
        ),
        "Crew Test Execution" if span.has("inputs") => {
            push(
                tables,
                "shared_io",
                json!({"crew_id": crew_id, "direction": "input", "content": span.get("inputs")}),
            );
        }
        "Crew Execution" => push(
            tables,
            "shared_executions",
            json!({"crew_id": crew_id, "output": span.get("crew_output"), "tasks_output": span.get("crew_tasks_output")}),
        ),
        _ => {}
    }
}

fn milliseconds(span: &Span<'_>) -> Value {
    span.get("duration_ms")
        .as_f64()
        .map_or(Value::Null, |milliseconds| json!(milliseconds / 1000.0))
}

/// Says how `stored` differs from `expected`, if it does: each expected row must match a stored row of its own.
pub(crate) fn difference(
    table: &str,
    expected: &[Map<String, Value>],
    stored: &[Value],
) -> Option<String> {
    if expected.len() != stored.len() {
        return Some(format!(
            "{table}: {} rows expected, {} stored",
            expected.len(),
            stored.len()
        ));
    }
    let mut left: Vec<&Value> = stored.iter().collect();
    for row in expected {
        let Some(at) = left.iter().position(|candidate| matches(row, candidate)) else {
            return Some(format!(
                "{table}: no stored row matches {row:?}; left are {left:#?}"
            ));
        };
        left.swap_remove(at);
    }
    None
}

fn matches(expected: &Map<String, Value>, stored: &Value) -> bool {
    expected
        .iter()
        .all(|(column, value)| same(value, &stored[column]))
}

/// Equality in which 3 is 3.0, and a duration may differ by less than its nanosecond.
fn same(expected: &Value, stored: &Value) -> bool {
    match (expected.as_f64(), stored.as_f64()) {
        (Some(expected), Some(stored)) => (expected - stored).abs() < 0.5e-9,
        _ => expected == stored,
    }
}
