//! Dialects that tell spans apart by what they say: conditions, names, the spans around and inside, and what such a file may not say.

use headcount_catalog::{Admission, Catalog, Dialect, Outcome, Secret};
use headcount_wire::{Receipt, json_to_protobuf};
use serde_json::{Map, Value, json};

use crate::support::{RECEIVED_US, refused, table};

const NEST: &str = r#"
framework: nest
match:
  scope_names: ["nest.*"]
  attributes: ["nest.*"]
  unless: [other.mark]
senders:
  - {scope_name: nest.library, framework: library, instrumentation: nest, version: instrumentation, called_by_frameworks: true}
  - {scope_name: nest.own, framework: owner, version: both}
  - {scope_name: nest.quiet, framework: quiet, hides_failures_of: [tool]}
errors:
  class: [error.type]
  unnamed: [_OTHER]
  failed: {nest.status: [bad]}
  harmless: [Handover]
common:
  nest.text.*: {drop: content}
  nest.noise: {drop: not_needed}
kinds:
  run:
    when: [{attributes: {nest.kind: run}}]
    role: run
    unless: [{inside: run, drop: repeated}]
    rows: [crews, crew_completions]
    facts: {crews.id: trace, crew_completions.outcome: outcome}
  agent:
    when: [{attributes: {nest.kind: agent}}, {span_name: "* at work", lacks: [nest.kind]}]
    role: agent
    name:
      from: [{attribute: nest.agent}, {attribute: "nest.about#agent"}, {pattern: "{} at work"}]
      to: [agent_runs.role, agent_runs.agent_key]
    unless:
      - {inside: agent, same_name: true, drop: repeated}
      - {around: agent, same_name: false, without: model, is: run}
    rows: [agent_runs]
    facts: {agent_runs.outcome: outcome, agent_runs.error_type: error, every_row.instrumentation: instrumentation, every_row.instrumentation_version: instrumentation_version}
  tool:
    when: [{attributes: {nest.kind: tool}}]
    role: tool
    name: {from: [{attribute: nest.tool}], to: [tool_uses.tool_name]}
    unless: [{around: tool, same_name: true, drop: repeated}]
    rows: [tool_uses]
    facts: {tool_uses.outcome: outcome, tool_uses.error_type: error}
  model:
    when: [{attributes: {nest.kind: model}}]
    role: model
    unless: [{around: model, drop: repeated}]
    rows: [model_calls]
    facts: {model_calls.outcome: outcome}
    attributes:
      nest.reason: {to: model_calls.finish_reasons, single: true}
      nest.reasons.*.word: model_calls.finish_reasons
      nest.operation: {to: model_calls.operation, aliases: {talk: chat}}
"#;

fn admission_of(dialect: &str) -> Admission {
    let mut dialects = Dialect::embedded().unwrap();
    dialects.push(Dialect::parse(dialect).unwrap());
    Admission::new(Catalog::embedded(), dialects, Secret::new([7; 32])).unwrap()
}

/// A span of a trace: its id, the id of the one around it (0: none), and what it says.
struct Said {
    id: u64,
    around: u64,
    name: &'static str,
    scope: &'static str,
    attributes: Value,
    status: u8,
    exception: Option<&'static str>,
}

fn said(id: u64, around: u64, kind: &str, more: Value) -> Said {
    let mut attributes = json!({"nest.kind": kind});
    let all = attributes.as_object_mut().unwrap();
    all.extend(more.as_object().unwrap().clone());
    Said {
        id,
        around,
        name: "a span",
        scope: "nest.own",
        attributes,
        status: 0,
        exception: None,
    }
}

fn request(spans: &[Said]) -> Vec<u8> {
    let spans: Vec<Value> = spans
        .iter()
        .map(|span| {
            let attributes: Vec<Value> = span
                .attributes
                .as_object()
                .unwrap()
                .iter()
                .map(|(key, value)| json!({"key": key, "value": {"stringValue": value}}))
                .collect();
            let events: Vec<Value> = span
                .exception
                .iter()
                .map(|class| {
                    let class = json!({"key": "exception.type", "value": {"stringValue": class}});
                    let message = json!({"key": "exception.message", "value": {"stringValue": "CANARY"}});
                    json!({"name": "exception", "attributes": [class, message]})
                })
                .collect();
            let around = match span.around {
                0 => String::new(),
                around => format!("{around:016x}"),
            };
            json!({"scope": {"name": span.scope, "version": "1.2.3"}, "spans": [{
                "traceId": "09".repeat(16), "spanId": format!("{:016x}", span.id), "parentSpanId": around, "name": span.name,
                "startTimeUnixNano": "1795410000000000000", "endTimeUnixNano": "1795410001000000000",
                "status": {"code": span.status, "message": "CANARY"}, "attributes": attributes, "events": events,
            }]})
        })
        .collect();
    let service = json!({"key": "service.name", "value": {"stringValue": "desk"}});
    let body =
        json!({"resourceSpans": [{"resource": {"attributes": [service]}, "scopeSpans": spans}]});
    json_to_protobuf(body.to_string().as_bytes()).unwrap().bytes
}

fn admit(admission: &Admission, spans: &[Said]) -> Outcome {
    admission.admit(&request(spans), 0, RECEIVED_US).unwrap()
}

fn nest(spans: &[Said]) -> Outcome {
    admit(&admission_of(NEST), spans)
}

fn column<'r>(rows: &'r [Map<String, Value>], column: &str) -> Vec<Option<&'r str>> {
    rows.iter()
        .map(|row| row.get(column).and_then(Value::as_str))
        .collect()
}

#[test]
fn of_one_run_of_an_agent_that_is_reported_twice_the_outer_report_counts() {
    let outcome = nest(&[
        said(1, 0, "agent", json!({"nest.agent": "Ann"})),
        said(2, 1, "agent", json!({"nest.agent": "Ann"})),
        // A method inside it that names nobody.
        said(3, 2, "agent", json!({})),
        said(4, 3, "model", json!({})),
        // It runs itself again, by a tool.
        said(5, 2, "tool", json!({"nest.tool": "again"})),
        said(6, 5, "agent", json!({"nest.agent": "Ann"})),
    ]);
    assert_eq!(
        column(&table(&outcome, "agent_runs"), "role"),
        [Some("Ann"); 2]
    );
    assert_eq!(refused(&outcome, "agent", "(span)", "repeated"), 2);
    assert_eq!((outcome.spans_accepted, outcome.spans_rejected), (6, 0));
}

#[test]
fn an_agent_that_only_calls_agents_is_a_run() {
    let outcome = nest(&[
        said(1, 0, "agent", json!({"nest.agent": "Pipeline"})),
        said(2, 1, "agent", json!({"nest.agent": "Ann"})),
        said(3, 2, "model", json!({})),
        said(4, 1, "agent", json!({"nest.agent": "Bob"})),
        // One that calls a model, too, is an agent.
        said(5, 0, "agent", json!({"nest.agent": "Boss"})),
        said(6, 5, "agent", json!({"nest.agent": "Cid"})),
        said(7, 5, "model", json!({})),
    ]);
    assert_eq!(table(&outcome, "crews").len(), 1);
    let roles = table(&outcome, "agent_runs");
    assert_eq!(
        column(&roles, "role"),
        ["Ann", "Bob", "Boss", "Cid"].map(Some)
    );
}

#[test]
fn of_a_tool_or_a_model_that_is_reported_twice_the_inner_report_counts() {
    let mut inner = said(2, 1, "tool", json!({"nest.tool": "saw"}));
    inner.status = 2;
    let outcome = nest(&[
        said(1, 0, "tool", json!({"nest.tool": "saw"})),
        inner,
        said(3, 0, "model", json!({})),
        said(4, 3, "model", json!({})),
        said(5, 0, "run", json!({})),
        said(6, 5, "run", json!({})),
    ]);
    assert_eq!(
        column(&table(&outcome, "tool_uses"), "outcome"),
        [Some("error")]
    );
    assert_eq!(table(&outcome, "model_calls").len(), 1);
    assert_eq!(table(&outcome, "crews").len(), 1);
}

/// A span ends before the one around it, and may come in an earlier request.
#[test]
fn what_is_inside_a_span_is_known_from_earlier_requests() {
    let admission = admission_of(NEST);
    let link = |id, around| {
        let mut link = said(id, around, "", json!({}));
        link.attributes = json!({"http.route": "/"});
        link.scope = "web";
        link
    };
    let first = [
        said(4, 3, "model", json!({})),
        said(5, 2, "agent", json!({"nest.agent": "Ann"})),
    ];
    let outcome = admit(&admission, &first);
    assert_eq!(table(&outcome, "agent_runs").len(), 1);
    // Not of any dialect: what is inside is inside what is around it, too.
    let outcome = admit(
        &admission,
        &[
            link(3, 2),
            said(2, 1, "agent", json!({"nest.agent": "Ann"})),
        ],
    );
    assert_eq!(table(&outcome, "agent_runs"), [], "it was counted already");
    let outcome = admit(
        &admission,
        &[said(1, 0, "agent", json!({"nest.agent": "Pipeline"}))],
    );
    assert_eq!(table(&outcome, "crews").len(), 1, "it only calls agents");
    // Sent again, each request gets the same answer.
    let outcome = admit(&admission, &first);
    assert_eq!(table(&outcome, "agent_runs").len(), 1);
}

#[test]
fn spans_that_are_inside_each_other_in_a_circle_are_read() {
    let outcome = nest(&[
        said(1, 3, "agent", json!({"nest.agent": "Ann"})),
        said(2, 1, "agent", json!({"nest.agent": "Ann"})),
        said(3, 2, "tool", json!({"nest.tool": "saw"})),
        said(4, 4, "model", json!({})),
    ]);
    assert_eq!(outcome.spans_accepted, 4);
}

#[test]
fn a_name_is_found_in_an_attribute_in_json_or_in_the_span_s_name() {
    let mut by_name = said(1, 0, "", json!({}));
    by_name.attributes = json!({"nest.noise": ""});
    by_name.name = "Cid jane@example.com at work";
    let outcome = nest(&[
        by_name,
        said(
            2,
            0,
            "agent",
            json!({"nest.about": "{\"x\": [1], \"agent\": \"Ann\"}"}),
        ),
        said(
            3,
            0,
            "agent",
            json!({"nest.agent": "Bob", "nest.about": "{\"agent\": \"Ann\"}"}),
        ),
        said(4, 0, "agent", json!({"nest.about": "{\"agent\": "})),
    ]);
    let rows = table(&outcome, "agent_runs");
    assert_eq!(
        column(&rows, "role"),
        [
            Some("Cid [email] at work".trim_end_matches(" at work")),
            Some("Ann"),
            Some("Bob"),
            None
        ]
    );
}

#[test]
fn an_error_is_found_where_its_sender_states_it() {
    let use_of = |id, more: Value, status, exception| {
        let mut tool = said(id, 0, "tool", json!({"nest.tool": format!("t{id}")}));
        tool.attributes
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        (tool.status, tool.exception) = (status, exception);
        tool
    };
    let mut quiet = use_of(9, json!({}), 1, None);
    quiet.scope = "nest.quiet";
    let outcome = nest(&[
        use_of(1, json!({}), 1, None),
        use_of(2, json!({"error.type": "desk.tools.SearchError"}), 0, None),
        use_of(3, json!({}), 2, Some("<class 'desk.SearchError'>")),
        use_of(4, json!({"error.type": "_OTHER"}), 2, None),
        use_of(5, json!({"nest.status": "bad"}), 1, None),
        // Raised, and survived as its status says: nobody can tell.
        use_of(6, json!({}), 1, Some("SearchError")),
        use_of(7, json!({}), 2, Some("nest.Handover")),
        use_of(8, json!({"error.type": "CANARY the search broke"}), 2, None),
        quiet,
    ]);
    let rows = table(&outcome, "tool_uses");
    let (used, error) = (Some("used"), Some("error"));
    let expected = [used, error, error, error, error, None, used, error, None];
    assert_eq!(column(&rows, "outcome"), expected);
    let search = Some("SearchError");
    let expected = [None, search, search, None, None, None, None, None, None];
    assert_eq!(column(&rows, "error_type"), expected);
    assert_eq!(refused(&outcome, "tool", "(error)", "malformed_text"), 1);
}

#[test]
fn a_library_s_spans_are_of_the_framework_around_them() {
    let mut call = said(2, 1, "model", json!({}));
    call.scope = "nest.library";
    let mut alone = said(3, 0, "model", json!({}));
    alone.scope = "nest.library";
    let outcome = nest(&[
        said(1, 0, "agent", json!({"nest.agent": "Ann"})),
        call,
        alone,
    ]);
    let rows = table(&outcome, "model_calls");
    assert_eq!(column(&rows, "framework"), [Some("owner"), Some("library")]);
    assert_eq!(
        column(&rows, "instrumentation"),
        [None, None],
        "no fact asks for it"
    );
    let agents = table(&outcome, "agent_runs");
    assert_eq!(agents[0]["framework_version"], "1.2.3");
    assert_eq!(agents[0]["instrumentation_version"], "1.2.3");
    assert!(!agents[0].contains_key("runtime"), "nobody says it");
}

#[test]
fn lists_are_gathered_from_numbered_keys_and_words_translated() {
    let outcome = nest(&[
        said(
            1,
            0,
            "model",
            json!({"nest.reason": "stop", "nest.operation": "talk"}),
        ),
        said(
            2,
            0,
            "model",
            json!({"nest.reasons.0.word": "stop", "nest.reasons.1.word": "length", "nest.text.0": "CANARY", "nest.text.1": "CANARY"}),
        ),
    ]);
    let rows = table(&outcome, "model_calls");
    assert_eq!(rows[0]["finish_reasons"], json!(["stop"]));
    assert_eq!(rows[0]["operation"], "chat");
    assert_eq!(rows[1]["finish_reasons"], json!(["stop", "length"]));
    assert_eq!(refused(&outcome, "model", "nest.text.*", "content"), 2);
}

#[test]
fn a_mark_that_is_another_s_leaves_the_span_alone() {
    let mut span = said(1, 0, "agent", json!({"other.mark": "x"}));
    span.scope = "elsewhere";
    let outcome = nest(&[span]);
    assert_eq!(outcome.spans_rejected, 1);
    assert_eq!(
        refused(&outcome, "(unknown)", "(span)", "unknown_framework"),
        1
    );
}

#[test]
fn a_receipt_is_imprinted_on_the_rows_of_kinds() {
    let body = request(&[said(1, 0, "agent", json!({"nest.agent": "Ann"}))]);
    let receipt = Receipt::parse("ab".repeat(16).as_bytes());
    assert!(receipt.is_some());
    let outcome = admission_of(NEST)
        .admit_under(receipt, &body, 0, RECEIVED_US)
        .unwrap();
    assert!(table(&outcome, "agent_runs")[0].contains_key("receipt"));
}

/// The dialect with one part replaced, and a part of the complaint.
#[test]
fn a_file_that_cannot_hold_is_refused_at_start_up() {
    for (part, wrong, complaint) in [
        (
            "scope_names: [\"nest.*\"]",
            "scope_names: [\"*\"]",
            "makes every span this dialect's",
        ),
        ("[{attributes: {nest.kind: run}}]", "[{}]", "states nothing"),
        (
            "[{attributes: {nest.kind: tool}}]",
            "[{attributes: {nest.kind: run}}]",
            "never be reached",
        ),
        (
            "without: model, is: run",
            "without: model, is: walk",
            "no other kind",
        ),
        (
            "without: model, is: run",
            "without: model",
            "which kind a span `is`",
        ),
        (
            "{inside: run, drop: repeated}",
            "{inside: run, is: agent}",
            "leads back",
        ),
        (
            "{inside: run, drop: repeated}",
            "{drop: repeated}",
            "`inside` or `around`",
        ),
        (
            "{inside: run, drop: repeated}",
            "{inside: run, same_name: true, drop: repeated}",
            "agents and tools only",
        ),
        ("rows: [agent_runs]", "rows: []", "a reason to `drop`"),
        ("rows: [agent_runs]", "rows: [shared_agents]", "tier"),
        (
            "{pattern: \"{} at work\"}",
            "{pattern: \"{}\"}",
            "four characters",
        ),
        (
            "{pattern: \"{} at work\"}",
            "{}",
            "span names as such are never kept",
        ),
        (
            "nest.text.*: {drop: content}",
            "\"*\": {drop: content}",
            "matches every key",
        ),
        (
            "nest.text.*: {drop: content}",
            "\"nest.text.*\": every_row.framework_version",
            "only be dropped",
        ),
        (
            "framework: owner",
            "framework: \"an owner\"",
            "does not allow the framework",
        ),
        ("framework: library, ", "", "is named by `framework`"),
        (
            "model_calls.outcome: outcome",
            "model_calls.provider: outcome",
            "cannot hold",
        ),
        (
            "kinds:\n",
            "spans: {x: {row: crews}}\nkinds:\n",
            "`spans` or `kinds`",
        ),
    ] {
        assert!(NEST.contains(part), "{part}");
        let edited = NEST.replacen(part, wrong, 1);
        let found = Dialect::parse(&edited).and_then(|dialect| {
            Admission::new(Catalog::embedded(), vec![dialect], Secret::new([7; 32]))
        });
        let error = found.err().map(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            format!("{error}: {}", cause.unwrap_or_default())
        });
        let error = error.unwrap_or_else(|| panic!("{wrong} is accepted"));
        assert!(error.contains(complaint), "{wrong}: {error}");
    }
}

/// What only a dialect of kinds understands says so elsewhere.
#[test]
fn a_dialect_of_names_has_no_parts_of_kinds() {
    let plain = "framework: plain\nruntime: rust\nmatch: {scope_names: [plain]}\nspans:\n  x: {row: crews}\n";
    let admission = |text: &str| {
        let dialect = Dialect::parse(text).unwrap();
        Admission::new(Catalog::embedded(), vec![dialect], Secret::new([7; 32])).map(|_| ())
    };
    assert!(admission(plain).is_ok());
    for (part, wrong) in [
        ("[plain]", "[\"plain*\"]"),
        ("match: {", "match: {attributes: [x], "),
        ("spans:", "errors: {class: [x]}\nspans:"),
        ("{row: crews}", "{row: crews, facts: {crews.id: trace}}"),
        ("{row: crews}", "{row: crews, facts: {crews.key: agent}}"),
    ] {
        assert!(
            admission(&plain.replacen(part, wrong, 1)).is_err(),
            "{wrong}"
        );
    }
}
