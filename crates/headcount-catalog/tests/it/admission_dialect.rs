//! Adding a framework is adding a file; a file that the catalog contradicts is refused at start-up.

use crate::support::{RECEIVED_US, refused, request_from, span, table};
use headcount_catalog::{Admission, Catalog, Dialect, DialectError, Secret};
use serde_json::json;

/// An invented framework whose spans carry native lists and dotted keys.
const LOOM: &str = r#"
framework: loom
runtime: rust
match:
  service_names: [loom]
crew_keys: [loom.team]
common:
  loom.version: every_row.framework_version
spans:
  loom.team.start:
    row: crews
    attributes:
      loom.team: crews.id
      loom.steps: crews.task_count
      loom.members:
        each:
          row: agents
          members:
            name: agents.role
            tools: agents.tool_names
            model: {object: {id: agents.llm_model, heat: agents.llm_temperature}}
            secret_plan: {drop: content}
  loom.tool:
    row: tool_uses
    constants:
      tool_uses.outcome: used
    attributes:
      loom.tool.name: {to: tool_uses.tool_name, absent_if: ["-"]}
"#;

fn admission_of(dialect: &str) -> Result<Admission, DialectError> {
    let mut dialects = Dialect::embedded()?;
    dialects.push(Dialect::parse(dialect)?);
    Admission::new(Catalog::embedded(), dialects, Secret::new([7; 32]))
}

#[test]
fn another_framework_is_one_more_file() {
    let admission = admission_of(LOOM).unwrap();
    let members = r#"[{"name": "weaver", "tools": ["shuttle", "loom"], "model": {"id": "m-1", "heat": 0.5, "x": 1}, "secret_plan": "S"}]"#;
    let body = request_from(
        "loom",
        "",
        &[
            span(
                "loom.team.start",
                json!({"loom.team": "team 7", "loom.steps": 3, "loom.version": "0.3.1", "loom.members": members}),
            ),
            span("loom.tool", json!({"loom.tool.name": "shuttle"})),
            span("loom.tool", json!({"loom.tool.name": "-"})),
        ],
    );
    let outcome = admission.admit(&body, 0, RECEIVED_US).unwrap();
    assert_eq!((outcome.spans_accepted, outcome.spans_rejected), (3, 0));
    let crew = &table(&outcome, "crews")[0];
    assert_eq!(
        (&crew["framework"], &crew["runtime"]),
        (&json!("loom"), &json!("rust"))
    );
    assert_eq!(
        (&crew["framework_version"], &crew["task_count"]),
        (&json!("0.3.1"), &json!(3))
    );
    assert_ne!(crew["id"], "team 7");
    let agent = &table(&outcome, "agents")[0];
    assert_eq!(
        (&agent["role"], &agent["tool_names"]),
        (&json!("weaver"), &json!(["shuttle", "loom"]))
    );
    assert_eq!(
        (&agent["llm_model"], &agent["llm_temperature"]),
        (&json!("m-1"), &json!(0.5))
    );
    assert_eq!(
        refused(
            &outcome,
            "loom.team.start",
            "loom.members.secret_plan",
            "content"
        ),
        1
    );
    assert_eq!(
        refused(
            &outcome,
            "loom.team.start",
            "loom.members.model.(unknown)",
            "unknown_attribute"
        ),
        1
    );
    let tools = table(&outcome, "tool_uses");
    assert_eq!(
        (&tools[0]["tool_name"], &tools[0]["framework_version"]),
        (&json!("shuttle"), &json!("0.3.1"))
    );
    assert!(!tools[1].contains_key("tool_name"));
}

#[test]
fn a_native_list_gives_a_list() {
    let dialect = LOOM.replace(
        "loom.steps: crews.task_count",
        "loom.steps: {drop: not_needed}",
    );
    let dialect = dialect.replace("loom.tool.name: {to: tool_uses.tool_name, absent_if: [\"-\"]}", "names: {drop: not_needed}")
        .replace("  loom.tool:\n    row: tool_uses\n    constants:\n      tool_uses.outcome: used\n    attributes:\n",
                 "  loom.tool:\n    row: agents\n    attributes:\n      tools: agents.tool_names\n");
    let admission = admission_of(&dialect).unwrap();
    let spans = [json!(["a", "b"]), json!([]), json!("[\"c\"]"), json!("c")]
        .map(|tools| span("loom.tool", json!({"tools": tools})));
    let outcome = admission
        .admit(&request_from("loom", "", &spans), 0, RECEIVED_US)
        .unwrap();
    let agents = table(&outcome, "agents");
    let found: Vec<_> = agents
        .iter()
        .map(|agent| agent.get("tool_names").cloned())
        .collect();
    assert_eq!(
        found,
        [
            Some(json!(["a", "b"])),
            Some(json!([])),
            Some(json!(["c"])),
            None
        ]
    );
    assert_eq!(refused(&outcome, "loom.tool", "tools", "wrong_type"), 1);
}

#[test]
fn a_dialect_that_the_catalog_contradicts_is_refused() {
    let faults = [
        ("row: tool_uses", "row: nowhere"),
        ("row: tool_uses", "row: shared_io"),
        ("crews.task_count", "crews.nothing"),
        ("crews.task_count", "agents.role.x"),
        ("crews.task_count", "tool_uses.attempts"),
        ("tool_uses.outcome: used", "tool_uses.outcome: misused"),
        ("name: agents.role", "name: crews.process"),
        (
            "row: tool_uses",
            "row: tool_uses\n    content_rows: [shared_io]",
        ),
        (
            "loom.steps: crews.task_count",
            "loom.steps: {to: crews.task_count, drop: content}",
        ),
        (
            "loom.steps: crews.task_count",
            "loom.steps: {only: \"<1.0\", to: crews.task_count}",
        ),
    ];
    for (right, wrong) in faults {
        let dialect = LOOM.replacen(right, wrong, 1);
        assert_ne!(dialect, LOOM, "{right}");
        let error = admission_of(&dialect).err();
        assert!(
            matches!(error, Some(DialectError::Rule { .. })),
            "{wrong}: {error:?}"
        );
    }
}

#[test]
fn a_file_that_is_no_dialect_is_refused() {
    for (right, wrong) in [
        ("drop: content", "drop: because"),
        ("runtime: rust", "runtime: rust\nwhatever: 1"),
        (
            "loom.steps: crews.task_count",
            "loom.team: crews.task_count",
        ),
        (
            "loom.steps: crews.task_count",
            "loom.steps: {only: \"1.0\", otherwise: not_needed}",
        ),
        ("loom.steps: crews.task_count", "loom.steps: {to: {a: b}}"),
    ] {
        let error = Dialect::parse(&LOOM.replacen(right, wrong, 1)).err();
        assert!(
            matches!(error, Some(DialectError::Form(_))),
            "{wrong}: {error:?}"
        );
    }
}

#[test]
fn crewai_s_dialect_knows_every_span_name_that_was_ever_sent() {
    let dialects = Dialect::embedded().unwrap();
    assert_eq!(dialects[0].framework(), "crewai");
    assert_eq!(dialects[0].span_names().count(), 28);
}

#[test]
fn every_file_of_the_folder_is_built_in() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../catalog/dialects");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    files.sort();
    let dialects = Dialect::embedded().unwrap();
    let mut built_in: Vec<&str> = dialects.iter().map(Dialect::framework).collect();
    built_in.sort_unstable();
    assert_eq!(built_in, files, "each file of the folder is a dialect");
}

/// `telemetry/utils.py` of CrewAI 1.15.11 to 1.15.13, `KNOWN_CODING_AGENTS`; 1.15.14 made them a `runtime_context`.
#[test]
fn what_crewai_1_15_11_took_for_a_coding_agent_is_kept() {
    let dialects = Dialect::embedded().unwrap();
    let admission = Admission::new(Catalog::embedded(), dialects, Secret::new([7; 32])).unwrap();
    for word in ["vscode_terminal", "jetbrains_terminal", "non_interactive"] {
        let attributes =
            json!({"crewai_version": "1.15.12", "coding_agent": word, "feature": "memory:save"});
        let spans = [span("Feature Usage", attributes)];
        let body = request_from("crewAI-telemetry", "crewai.telemetry", &spans);
        let outcome = admission.admit(&body, 0, RECEIVED_US).unwrap();
        assert_eq!(table(&outcome, "feature_uses")[0]["coding_agent"], word);
        assert_eq!(table(&outcome, "refusals").len(), 0, "{word}");
    }
}
