//! Any bytes as a family of spans of many frameworks and instrumentations: which is around which, in which scope, with which attributes.
//! Every span is answered for, nothing that people wrote comes out, and a request that is sent again gets the same answer.
#![no_main]

use std::sync::LazyLock;

use headcount_catalog::{Admission, Catalog, Dialect, Secret};
use libfuzzer_sys::fuzz_target;

const RECEIVED_US: i64 = 1_795_500_000_000_000;
const START_NS: u64 = 1_795_410_000_000_000_000;

static ADMISSION: LazyLock<Admission> = LazyLock::new(|| {
    let dialects = Dialect::embedded().expect("embedded dialects");
    Admission::new(Catalog::embedded(), dialects, Secret::new([7; 32])).expect("they fit")
});

const SCOPES: [&str; 12] = [
    "pydantic-ai",
    "agent_framework",
    "gcp.vertex.agent",
    "strands.telemetry.tracer",
    "opentelemetry.instrumentation.genai.openai",
    "opentelemetry.instrumentation.langchain",
    "opentelemetry.instrumentation.crewai.instrumentation",
    "openinference.instrumentation.crewai",
    "openinference.instrumentation.langchain",
    "openinference.instrumentation.smolagents",
    "openlit.instrumentation.crewai",
    "web",
];
const NAMES: [&str; 8] = [
    "CANARY look into it",
    "agent run",
    "workflow.run",
    "Ann.run",
    "invoke_agent Ann",
    "handoff to Bob",
    "team.kickoff",
    "",
];
/// Attributes that say what a span is, with values that do.
const SAYING: [(&str, &[&str]); 10] = [
    (
        "gen_ai.operation.name",
        &[
            "invoke_agent",
            "invoke_workflow",
            "execute_tool",
            "chat",
            "create_agent",
            "embeddings",
            "x",
        ],
    ),
    (
        "openinference.span.kind",
        &["AGENT", "CHAIN", "LLM", "TOOL", "EMBEDDING"],
    ),
    (
        "traceloop.span.kind",
        &["workflow", "task", "agent", "tool", "handoff"],
    ),
    ("gen_ai.agent.name", &["Ann", "Bob", ""]),
    ("gen_ai.tool.name", &["saw", "transfer_to_Bob", "handoff"]),
    ("tool.name", &["saw", "transfer_to_Bob"]),
    ("graph.node.id", &["Ann", "Bob"]),
    ("error.type", &["SearchError", "_OTHER", "ParentCommand"]),
    (
        "metadata",
        &[
            "{\"lc_agent_name\": \"Ann\", \"ls_integration\": \"langgraph\"",
            "{",
            "[]",
        ],
    ),
    ("gen_ai.usage.input_tokens", &["7", "-1", "x"]),
];
/// Attributes that hold what people wrote.
const HOLDING: [&str; 10] = [
    "gen_ai.input.messages",
    "gen_ai.conversation.id",
    "input.value",
    "llm.input_messages.3.message.content",
    "llm.invocation_parameters",
    "metadata",
    "traceloop.entity.input",
    "crewai.llm.api_key",
    "tool.parameters",
    "anything.else",
];

fuzz_target!(|program: &[u8]| {
    let mut bytes = program.iter().copied();
    let mut scopes = Vec::new();
    let mut count = 0;
    while let Some(id) = bytes.next() {
        let mut next = || bytes.next().unwrap_or(0);
        let (around, scope, name, status, attributes) =
            (next(), next(), next(), next(), next() % 8);
        let mut span = Vec::new();
        field(&mut span, 1, &[9; 16]);
        field(&mut span, 2, &[1, 0, 0, 0, 0, 0, 0, id]);
        if around != 0 {
            field(&mut span, 4, &[1, 0, 0, 0, 0, 0, 0, around]);
        }
        field(
            &mut span,
            5,
            NAMES[usize::from(name) % NAMES.len()].as_bytes(),
        );
        for (number, time) in [(7, START_NS), (8, START_NS + 1_000)] {
            span.push(number << 3 | 1);
            span.extend_from_slice(&time.to_le_bytes());
        }
        for _ in 0..attributes {
            let (key, value) = (next(), next());
            attribute(&mut span, key, value);
        }
        field(
            &mut span,
            15,
            &[
                0x12,
                6,
                b'C',
                b'A',
                b'N',
                b'A',
                b'R',
                b'Y',
                0x18,
                status % 3,
            ],
        );
        let mut scope_spans = Vec::new();
        let mut named = Vec::new();
        field(
            &mut named,
            1,
            SCOPES[usize::from(scope) % SCOPES.len()].as_bytes(),
        );
        field(&mut scope_spans, 1, &named);
        field(&mut scope_spans, 2, &span);
        field(&mut scopes, 2, &scope_spans);
        count += 1;
    }
    let mut body = Vec::new();
    field(&mut body, 1, &scopes);
    let outcome = ADMISSION.admit(&body, 0, RECEIVED_US).expect("a request");
    assert_eq!(outcome.spans_accepted + outcome.spans_rejected, count);
    let stored = outcome.batch.bytes();
    assert!(
        !stored.windows(6).any(|window| window == b"CANARY"),
        "content is stored"
    );
    let again = ADMISSION.admit(&body, 0, RECEIVED_US).expect("as before");
    assert_eq!(again.spans_accepted, outcome.spans_accepted);
    assert_eq!(again.batch.row_count(), outcome.batch.row_count());
});

fn attribute(span: &mut Vec<u8>, key: u8, value: u8) {
    let (text, at) = match SAYING.get(usize::from(key) % (SAYING.len() + HOLDING.len())) {
        Some((name, values)) => (values[usize::from(value) % values.len()], *name),
        None => ("CANARY", HOLDING[usize::from(key) % HOLDING.len()]),
    };
    let (mut pair, mut any) = (Vec::new(), Vec::new());
    match value % 16 {
        // Another type than the sender means.
        15 => any.extend_from_slice(&[0x18, 1]),
        _ => field(&mut any, 1, text.as_bytes()),
    }
    field(&mut pair, 1, at.as_bytes());
    field(&mut pair, 2, &any);
    field(span, 9, &pair);
}

/// A field of a length.
fn field(message: &mut Vec<u8>, number: u8, content: &[u8]) {
    message.push(number << 3 | 2);
    let mut length = content.len();
    while length >= 0x80 {
        message.push(length as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    message.extend_from_slice(content);
}
