//! Recorded bodies of many frameworks and instrumentations: what must never be kept, whatever becomes of them on the way.

use headcount_catalog::{Admission, Catalog, Dialect, Outcome, RefusalReason, Secret};
use headcount_wire::{StatusCode, TraceRequest, Value as Sent};
use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::{Value, json};

use crate::support::mutation::mutated;
use crate::support::recorded::{RECEIVED_US, recorded};
use crate::support::{START_NS, admission, refused, request_of, rows, span, table};

/// What no row may hold: the content that the programs planted, whoever an agent's name names, and the machine.
const PLANTED: [&str; 4] = ["CANARY", "jane.roe", "/srv/agent", "sk-"];

fn assert_nothing_planted(outcome: &Outcome, of: &str) {
    assert_none_of(&PLANTED, outcome, of);
}

fn assert_none_of(all: &[&str], outcome: &Outcome, of: &str) {
    let bytes = outcome.batch.bytes();
    for planted in all {
        let found = memchr::memmem::find(bytes, planted.as_bytes());
        assert!(found.is_none(), "{of}: {planted} in {:?}", rows(outcome));
        assert!(
            !outcome.message.contains(planted),
            "{of}: {}",
            outcome.message
        );
    }
}

#[test]
fn of_no_recorded_body_is_content_kept() {
    let admission = admission();
    let mut planted = 0;
    for body in recorded() {
        let of = format!("{}/{}{}", body.pair, body.scenario, body.path);
        planted += usize::from(memchr::memmem::find(&body.body, b"CANARY").is_some());
        // Logs and metrics are never taken for traces.
        if let Ok(outcome) = admission.admit(&body.body, 0, RECEIVED_US) {
            assert_nothing_planted(&outcome, &of);
        }
    }
    assert!(planted > 100, "the bodies hold what they are here for");
}

#[test]
fn rows_are_of_the_default_tier_and_no_span_s_name_is_in_them() {
    let admission = admission();
    let mut attributes = Vec::new();
    for body in recorded().iter().filter(|body| body.path == "/v1/traces") {
        let outcome = admission.admit(&body.body, 0, RECEIVED_US).unwrap();
        let rows = rows(&outcome);
        assert!(
            rows.iter()
                .all(|row| !row["table"].as_str().unwrap().starts_with("shared_"))
        );
        let request = TraceRequest::parse(&body.body).unwrap();
        for raw in request.groups().flat_map(|group| group.spans()) {
            let name = raw.parse(&mut attributes).unwrap().name;
            // A name of one word may be an agent's or a tool's as well.
            let is_kept = |value: &Value| value.as_str().is_some_and(|text| text == name);
            let found = rows.iter().find(|row| row.values().any(is_kept));
            assert!(
                found.is_none() || is_named_so(&body.body, name),
                "{name}: {found:?}"
            );
        }
    }
}

/// Whether an attribute of the request has the text as its value.
fn is_named_so(body: &[u8], text: &str) -> bool {
    let request = TraceRequest::parse(body).unwrap();
    let mut attributes = Vec::new();
    request.groups().flat_map(|group| group.spans()).any(|raw| {
        let span = raw.parse(&mut attributes).unwrap();
        let mut attributes = span.attributes.iter();
        attributes.any(|attribute| match attribute.value {
            Sent::String(value) => value == text || value.contains(&format!("\"{text}\"")),
            _ => false,
        })
    })
}

// -------------------------------------------------------------------------------------------------------- mutations

/// 1,000 bodies, the same ones each time.
#[test]
fn of_a_mutated_body_no_content_is_kept_and_good_spans_are() {
    let admission = admission();
    let bodies: Vec<_> = recorded()
        .iter()
        .filter(|body| body.path == "/v1/traces")
        .collect();
    let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &[17; 32]);
    let mut kept = 0;
    for round in 0..1_000 {
        let body = bodies[round % bodies.len()];
        let mut mutated = mutated(&body.body, &mut random);
        // A span that no mutation can harm, in a group of its own.
        let good = span(
            "chat m",
            json!({"gen_ai.operation.name": "chat", "gen_ai.request.model": "a-model-of-ours", "gen_ai.usage.input_tokens": 7}),
        );
        mutated.extend(request_of(&[(
            json!({"service.name": "good"}),
            "other",
            &[good],
        )]));
        let of = format!("round {round}, {}/{}", body.pair, body.scenario);
        let outcome = admission.admit(&mutated, 0, RECEIVED_US).unwrap();
        // Half an e-mail address is none any more.
        assert_none_of(&["CANARY", "/srv/agent", "sk-"], &outcome, &of);
        let calls = table(&outcome, "model_calls");
        let is_good = |row: &&serde_json::Map<String, Value>| {
            row.get("requested_model") == Some(&json!("a-model-of-ours"))
                && row["input_tokens"] == 7
        };
        assert_eq!(calls.iter().filter(is_good).count(), 1, "{of}");
        kept += rows(&outcome).len();
    }
    assert!(kept > 5_000, "{kept} rows");
}

// -------------------------------------------------------------------------------------------------------- vocabularies

fn gen_ai(spans: &[crate::support::TestSpan]) -> Vec<u8> {
    request_of(&[(json!({"service.name": "desk"}), "a.framework", spans)])
}

#[test]
fn an_unknown_operation_is_refused_and_counted_and_what_is_beside_it_kept() {
    let spans = [
        span("x", json!({"gen_ai.operation.name": "dream"})),
        span(
            "y",
            json!({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "hammer"}),
        ),
        span("z", json!({"http.request.method": "GET"})),
    ];
    let outcome = admission().admit(&gen_ai(&spans), 0, RECEIVED_US).unwrap();
    assert_eq!((outcome.spans_accepted, outcome.spans_rejected), (1, 2));
    assert_eq!(refused(&outcome, "(unknown)", "(span)", "unknown_span"), 1);
    assert_eq!(
        refused(&outcome, "(unknown)", "(span)", "unknown_framework"),
        1
    );
    assert_eq!(table(&outcome, "tool_uses").len(), 1);
}

/// A vocabulary that changes (workflows merged into agents) is followed by editing a file.
#[test]
fn another_vocabulary_is_learned_by_editing_the_dialect() {
    let spans = [
        span(
            "a",
            json!({"gen_ai.operation.name": "run_agent", "gen_ai.agent.type": "workflow"}),
        ),
        span(
            "b",
            json!({"gen_ai.operation.name": "run_agent", "gen_ai.agent.name": "Ann"}),
        ),
    ];
    let before = admission().admit(&gen_ai(&spans), 0, RECEIVED_US).unwrap();
    assert_eq!(before.refusals[RefusalReason::UnknownSpan as usize], 2);
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../catalog/dialects/gen_ai.yaml"
    );
    let text = std::fs::read_to_string(path).unwrap();
    let edited = text
        .replace(
            "  run: # of a workflow, a graph, a team, a pipeline\n    when:\n",
            "  run: # of a workflow, a graph, a team, a pipeline\n    when:\n      - {attributes: {gen_ai.operation.name: run_agent, gen_ai.agent.type: workflow}}\n",
        )
        .replace(
            "      - {attributes: {gen_ai.operation.name: invoke_agent}}\n      - {scope_name: pydantic-ai",
            "      - {attributes: {gen_ai.operation.name: [invoke_agent, run_agent]}}\n      - {scope_name: pydantic-ai",
        );
    let dialect = Dialect::parse(&edited).unwrap();
    let admission =
        Admission::new(Catalog::embedded(), vec![dialect], Secret::new([7; 32])).unwrap();
    let after = admission.admit(&gen_ai(&spans), 0, RECEIVED_US).unwrap();
    assert_eq!(table(&after, "crews").len(), 1);
    assert_eq!(table(&after, "agent_runs")[0]["role"], "Ann");
}

#[test]
fn old_and_new_names_side_by_side_count_once() {
    let spans = [span(
        "chat",
        json!({
            "gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.provider.name": "openai",
            "gen_ai.usage.prompt_tokens": 5, "gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 2,
            "gen_ai.usage.completion_tokens": 2,
        }),
    )];
    let outcome = admission().admit(&gen_ai(&spans), 0, RECEIVED_US).unwrap();
    let calls = table(&outcome, "model_calls");
    assert_eq!(
        (
            calls.len(),
            &calls[0]["input_tokens"],
            &calls[0]["output_tokens"]
        ),
        (1, &json!(5), &json!(2))
    );
}

#[test]
fn messages_of_sixteen_mebibytes_are_passed_over() {
    let long = "CANARY ".repeat((16 << 20) / 7);
    let spans = [span(
        "chat",
        json!({"gen_ai.operation.name": "chat", "gen_ai.input.messages": long, "gen_ai.usage.input_tokens": 3}),
    )];
    let outcome = admission().admit(&gen_ai(&spans), 0, RECEIVED_US).unwrap();
    assert_nothing_planted(&outcome, "long messages");
    assert_eq!(table(&outcome, "model_calls").len(), 1);
    assert_eq!(
        refused(&outcome, "model", "gen_ai.input.messages", "content"),
        1
    );
}

/// Parts of a key that are numbers, and content in each place that a canary has stood in.
#[test]
fn content_is_refused_wherever_it_stands() {
    let attributes = json!({
        "openinference.span.kind": "LLM",
        "llm.input_messages.0.message.content": "CANARY-1", "llm.input_messages.17.message.contents.3.message_content.text": "CANARY-2",
        "llm.invocation_parameters": "{\"temperature\": 0.3, \"tools\": [{\"description\": \"CANARY-3\"}], \"model\": \"m-1\"}",
        "metadata": "{\"team\": \"CANARY-4\"}", "session.id": "CANARY-5", "user.id": "CANARY-6", "tag.tags": ["CANARY-7"],
    });
    let resource = json!({"service.name": "CANARY-8", "host.name": "CANARY-9"});
    let mut failing = span("CANARY-10.run", attributes);
    failing.status = StatusCode::Error;
    let body = request_of(&[(
        resource,
        "openinference.instrumentation.CANARY-11",
        &[failing],
    )]);
    let outcome = admission().admit(&body, 0, RECEIVED_US).unwrap();
    assert_nothing_planted(&outcome, "everywhere");
    let calls = table(&outcome, "model_calls");
    assert_eq!(calls[0]["requested_model"], "m-1");
    assert_eq!(calls[0]["temperature"], json!(0.3));
    assert_eq!(calls[0]["time"], START_NS / 1_000);
    assert_eq!(
        refused(&outcome, "model", "llm.input_messages.*", "content"),
        2
    );
}
