//! From the client's calls to the collector's tables, through the public API of both.

use std::time::Duration;

use crate::support::{Server, headcount, json, path};
use headcount::{
    Agent, Content, Crew, DeploymentFailure, DeploymentSource, DeploymentStep, FlowOrigin,
    Installation, Llm, Process, ProjectKind, Runtime, Task, Telemetry, Tool,
};
use serde_json::{Map, Value, json};

/// The rows of a table without the columns that are random, keyed or times, and without what is null.
fn rows(server: &Server, table: &str) -> Vec<Value> {
    let query = format!("SELECT * FROM {table} ORDER BY time");
    let answer = json(&[&["sql", &query, "--format", "json"][..], &server.options()].concat());
    let is_plain = |name: &str, value: &Value| {
        let is_random = matches!(
            name,
            "id" | "key"
                | "crew_id"
                | "crew_key"
                | "task_id"
                | "task_key"
                | "agent_key"
                | "project_id"
                | "receipt"
        );
        let is_time = matches!(name, "time" | "created" | "started" | "ended" | "duration");
        let is_surroundings = matches!(
            name,
            "framework"
                | "framework_version"
                | "runtime"
                | "runtime_version"
                | "coding_agent"
                | "runtime_context"
                | "cpu_band"
        );
        !value.is_null() && !is_random && !is_time && !is_surroundings
    };
    let strip = |row: &Value| {
        let members = row.as_object().unwrap().iter();
        let kept = members.filter(|(name, value)| is_plain(name, value));
        Value::Object(
            kept.map(|(name, value)| (name.clone(), value.clone()))
                .collect::<Map<_, _>>(),
        )
    };
    answer.as_array().unwrap().iter().map(strip).collect()
}

fn column(server: &Server, query: &str) -> Vec<Value> {
    let answer = json(&[&["sql", query, "--format", "json"][..], &server.options()].concat());
    let first = |row: &Value| row.as_object().unwrap().values().next().unwrap().clone();
    answer.as_array().unwrap().iter().map(first).collect()
}

fn record(telemetry: &Telemetry) {
    let researcher = Agent::new("Senior Researcher")
        .verbose(false)
        .delegation(true)
        .code_execution(false)
        .max_iterations(25)
        .max_rpm(0)
        .max_retry_limit(2)
        .llm(
            Llm::new("gpt-4o-mini")
                .name("mine")
                .model_name("gpt-4o")
                .top_k(0.0)
                .temperature(0.7)
                .class_name("ChatOpenAI"),
        )
        .function_calling_llm("gpt-4o-mini")
        .tools(["search", "mail anna@example.com"])
        .goal("find papers")
        .backstory("read for years")
        .i18n_prompt_file("de.json");
    let search = Task::new("search for papers")
        .expected_output("five titles")
        .agent(&researcher)
        .async_execution(false)
        .human_input(true)
        .tools(["search"]);
    let write = Task::new("write").context([&search]);
    let crew = Crew::new()
        .project("p")
        .process(Process::Hierarchical)
        .memory(false)
        .inputs("{\"topic\": \"sleep\"}")
        .agent(researcher)
        .task(search.clone())
        .task(write.clone())
        .share_crew(true);
    let run = telemetry.crew_started(&crew);
    run.share_formatted(&search, Some(&"search for papers on sleep".into()), None);
    let task_run = run.task_started(&search);
    task_run.share_input("what was read on sleep");
    let tool = Tool::new("search");
    telemetry.tool_used(&tool, 1, Some("gpt-4o-mini"));
    telemetry.tool_repeated(&tool, 2, None);
    telemetry.tool_failed(&tool, 0, None);
    task_run.complete_with("five titles");
    run.task_started(&write).fail("ValidationError");
    run.test_started(3, "gpt-4o", Some(&Content::from("given")));
    run.test_scored(8.5, 0.0, "gpt-4o");
    run.share_execution(Some(&"[titles]".into()), Some(&"done".into()));
    run.complete_with("a summary");
    telemetry.flow_created("ResearchFlow", FlowOrigin::User);
    let flow = telemetry.flow_started("ResearchFlow", FlowOrigin::User);
    flow.method_failed("TimeoutError");
    flow.complete();
    telemetry.feature_used("memory:save");
    telemetry.evaluation_used("evaluation:run", false, &["a", "b"]);
    telemetry.feedback_requested(true, 2);
    telemetry.feedback_received(false, Some("approved"));
    telemetry.project_created(ProjectKind::Flow, Some("p"));
    telemetry.template_installed("deep-research");
    let deployment = telemetry.deployment(DeploymentSource::Cli);
    deployment.step(DeploymentStep::Create);
    deployment.failed(DeploymentFailure::Api4xx, Some(422));
    deployment.logs_pulled("deployment");
}

#[test]
fn every_field_that_the_client_records_arrives_in_its_column() {
    let data = tempfile::tempdir().unwrap();
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let telemetry = Telemetry::builder("my-framework", "2.5.0")
        .runtime(Runtime::Rust, "1.95.0")
        .endpoint(&server.url)
        .home(home.path())
        .told_user(true)
        .start();
    record(&telemetry);
    assert!(telemetry.flush(Duration::from_secs(20)), "{telemetry:?}");

    let llm = json!({"llm_name": "mine", "llm_model_name": "gpt-4o", "llm_model": "gpt-4o-mini", "llm_top_k": 0.0,
        "llm_temperature": 0.7, "llm_class_name": "ChatOpenAI"});
    let mut agent = json!({"role": "Senior Researcher", "verbose": false, "delegation_enabled": true,
        "code_execution_allowed": false, "max_iterations": 25, "max_rpm": 0, "max_retry_limit": 2,
        "function_calling_llm": "gpt-4o-mini", "tool_names": ["search", "mail [email]"]});
    agent
        .as_object_mut()
        .unwrap()
        .extend(llm.as_object().unwrap().clone());
    for (table, expected) in [
        (
            "crews",
            json!([{"process": "hierarchical", "memory": false, "inputs_present": true, "task_count": 2, "agent_count": 1}]),
        ),
        ("agents", json!([agent])),
        (
            "tasks",
            json!([
                {"async_execution": false, "human_input": true, "agent_role": "Senior Researcher", "tool_names": ["search"]},
                {"tool_names": []},
            ]),
        ),
        (
            "task_runs",
            json!([{}, {}, {"outcome": "completed"}, {"outcome": "failed", "error_type": "ValidationError"}]),
        ),
        (
            "tool_uses",
            json!([
                {"tool_name": "search", "attempts": 1, "outcome": "used", "llm_model": "gpt-4o-mini"},
                {"tool_name": "search", "attempts": 2, "outcome": "repeated"},
                {"tool_name": "search", "attempts": 0, "outcome": "error"},
            ]),
        ),
        (
            "tests",
            json!([
                {"step": "execution", "iterations": 3, "model_name": "gpt-4o"},
                {"step": "result", "model_name": "gpt-4o", "quality": 8.5, "execution_time": 0.0},
            ]),
        ),
        (
            "deployments",
            json!([
                {"step": "create", "source": "cli"},
                {"step": "failed", "source": "cli", "reason": "api_4xx", "status_code": 422},
                {"step": "logs", "source": "cli", "log_type": "deployment"},
            ]),
        ),
        ("crew_completions", json!([{"outcome": "completed"}])),
        (
            "flow_events",
            json!([
                {"event": "created", "flow_name": "ResearchFlow", "origin": "user"},
                {"event": "started", "flow_name": "ResearchFlow", "origin": "user", "resumed": false, "conversational": false},
                {"event": "method_failed", "flow_name": "ResearchFlow", "origin": "user", "resumed": false, "conversational": false, "error_type": "TimeoutError"},
                {"event": "completed", "flow_name": "ResearchFlow", "origin": "user", "resumed": false, "conversational": false, "outcome": "completed"},
            ]),
        ),
        (
            "feature_uses",
            json!([
                {"feature": "memory:save"},
                {"feature": "evaluation:run", "authenticated": false, "models": "a,b", "models_count": 2},
            ]),
        ),
        (
            "human_feedback",
            json!([
                {"event_type": "requested", "has_routing": true, "num_outcomes": 2},
                {"event_type": "received", "feedback_provided": false, "outcome": "approved"},
            ]),
        ),
        (
            "projects",
            json!([{"event": "created", "kind": "flow"}, {"event": "template_installed", "template_name": "deep-research"}]),
        ),
        (
            "shared_agents",
            json!([{"role": "Senior Researcher", "goal": "find papers", "backstory": "read for years", "i18n_prompt_file": "de.json"}]),
        ),
        (
            "shared_tasks",
            json!([
                {"description": "search for papers", "expected_output": "five titles"},
                {"description": "write", "context": ["search for papers"]},
                {"formatted_description": "search for papers on sleep"},
            ]),
        ),
        (
            "shared_io",
            json!([
                {"direction": "input", "content": "{\"topic\": \"sleep\"}"},
                {"direction": "input", "content": "what was read on sleep"},
                {"direction": "output", "content": "five titles"},
                {"direction": "input", "content": "given"},
                {"direction": "output", "content": "a summary"},
            ]),
        ),
        (
            "shared_executions",
            json!([{"tasks_output": "[titles]", "log": "done"}, {"output": "a summary"}]),
        ),
        (
            "activity",
            json!([{"age_weeks": "1", "active_days": "1", "newer_releases": "0"}]),
        ),
        ("refusals", json!([])),
        ("losses", json!([])),
    ] {
        assert_eq!(Value::Array(rows(&server, table)), expected, "{table}");
    }
    // Ids and keys say what belongs together, and the resource says whose the rows are.
    for (query, expected) in [
        (
            "SELECT count(*) FROM agents JOIN crews ON agents.crew_id = crews.id AND agents.crew_key = crews.key",
            json!([1]),
        ),
        (
            "SELECT count(*) FROM tasks JOIN agents ON tasks.agent_key = agents.key",
            json!([1]),
        ),
        (
            "SELECT count(*) FROM task_runs JOIN tasks ON task_runs.task_id = tasks.id AND task_runs.task_key = tasks.key",
            json!([4]),
        ),
        (
            "SELECT count(*) FROM shared_agents JOIN agents ON shared_agents.id = agents.id AND shared_agents.key = agents.key",
            json!([1]),
        ),
        (
            "SELECT direction FROM shared_io JOIN tasks ON shared_io.task_id = tasks.id AND shared_io.crew_id = tasks.crew_id \
             ORDER BY direction",
            json!(["input", "output"]),
        ),
        (
            "SELECT count(*) FROM projects JOIN crews ON projects.project_id = crews.project_id",
            json!([1]),
        ),
        (
            "SELECT count(*) FROM task_runs WHERE duration >= 0 AND started <= ended",
            json!([2]),
        ),
        (
            "SELECT count(*) FROM shared_environments WHERE system = 'Linux' AND cpu_count > 0",
            json!([i32::from(cfg!(target_os = "linux"))]),
        ),
        (
            "SELECT DISTINCT concat(framework, ' ', framework_version, ' ', runtime, ' ', runtime_version) FROM tool_uses",
            json!(["my-framework 2.5.0 rust 1.95.0"]),
        ),
        (
            "SELECT count(*) FROM tool_uses WHERE cpu_band IS NULL OR runtime_context IS NULL",
            json!([0]),
        ),
        (
            "SELECT count(*) FROM crews JOIN shared_io ON crews.id = shared_io.crew_id WHERE crews.receipt IS NULL \
             OR shared_io.receipt IS NULL OR crews.receipt = shared_io.receipt",
            json!([0]),
        ),
    ] {
        assert_eq!(Value::Array(column(&server, query)), expected, "{query}");
    }
    let totals = Installation::all_in(home.path())[0].totals();
    assert_eq!(totals.delivered, telemetry.counters().recorded);
    assert_eq!((totals.pending, totals.dropped), (0, 0));
}

#[test]
fn status_says_the_decision_before_any_framework_has_recorded() {
    let home = tempfile::tempdir().unwrap();
    let noted = |words: &[&str], variables: &[(&str, &str)]| {
        let output = headcount()
            .args(words)
            .env("HEADCOUNT_HOME", home.path())
            .env_remove("DO_NOT_TRACK")
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stderr).unwrap()
    };
    let untracked = noted(&["status"], &[("DO_NOT_TRACK", "1")]);
    assert!(
        untracked.contains("telemetry is off: DO_NOT_TRACK says so"),
        "{untracked}"
    );
    noted(&["off"], &[]);
    let off = noted(&["status"], &[]);
    assert!(off.contains("telemetry is off: "), "{off}");
    noted(&["on"], &[]);
    let on = noted(&["status"], &[]);
    assert!(on.contains("telemetry is on: "), "{on}");
}

#[test]
fn the_commands_show_and_decide_what_the_client_does() {
    let home = tempfile::tempdir().unwrap();
    let command = |words: &[&str]| {
        let output = headcount()
            .args(words)
            .env("HEADCOUNT_HOME", home.path())
            .env_remove("DO_NOT_TRACK")
            .output()
            .unwrap();
        // OTLP is not text.
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), text)
    };
    let list = |words: &[&str]| -> Value { serde_json::from_str(&command(words).1).unwrap() };
    assert_eq!(list(&["status", "--format", "json"]), json!([]));
    assert_eq!(command(&["forget"]).0, Some(3));

    let telemetry = Telemetry::builder("my-framework", "2.5.0")
        .home(home.path())
        .start();
    telemetry.tool_used(&Tool::new("search"), 1, None);
    drop(telemetry);
    let status = list(&["status", "--format", "json"]);
    assert_eq!(status[0]["mode"], "local");
    assert_eq!(status[0]["pending"], 1);
    assert_eq!(status[0]["endpoint"], "none");
    let preview = list(&["preview", "--format", "json"]);
    assert_eq!(preview[0]["name"], "Tool Usage");
    assert_eq!(preview[0]["attributes"]["tool_usage.tool_name"], "search");
    assert_eq!(preview[0]["resource"]["versions.framework"], "my-framework");
    assert!(command(&["preview"]).1.contains("tool_usage.tool_name"));
    assert!(
        command(&["preview", "--format", "otlp"])
            .1
            .contains("Tool Usage")
    );

    assert_eq!(command(&["on"]).0, Some(0));
    assert_eq!(list(&["status", "--format", "json"])[0]["mode"], "on");
    assert_eq!(command(&["off"]).0, Some(0));
    let status = list(&["status", "--format", "json"]);
    assert_eq!(status[0]["mode"], "off");
    assert_eq!(
        (&status[0]["pending"], &status[0]["dropped"]),
        (&json!(0), &json!(1))
    );
    let log = list(&["log", "--format", "json"]);
    assert_eq!(log[0]["fate"], "turned_off");
    assert_eq!(log[0]["events"], 1);
    // As `status` counts it.
    assert_eq!(log[0]["dropped"], 1);
    let off = Telemetry::builder("my-framework", "2.5.0")
        .home(home.path())
        .start();
    assert!(off.decision().to_string().starts_with("off: "), "{off:?}");

    assert_eq!(command(&["forget", "another"]).0, Some(3));
    assert_eq!(command(&["forget", "my-framework"]).0, Some(0));
    assert!(!home.path().join("state/my-framework").exists());
    assert!(
        home.path().join("consent").exists(),
        "{}",
        path(home.path())
    );
}
