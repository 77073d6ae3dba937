//! Sends a crew's spans with the stock OpenTelemetry exporters for Rust, through each endpoint and compression that they
//! offer, to a `headcount serve` of its own, and compares what the program answers with what was sent.

mod collector;

use std::error::Error;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{Span as _, Status, Tracer as _, TracerProvider as _};
use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_otlp::{
    Compression, ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _,
    WithHttpConfig as _, WithTonicConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::json;

use collector::Collector;

type Outcome<T> = Result<T, Box<dyn Error>>;

const VERSION: &str = "1.15.30";
const TOOL: &str = "word_counter";

/// One way in, as an operator would configure it.
#[derive(Debug, Clone, Copy)]
struct Endpoint {
    name: &'static str,
    protocol: Protocol,
    compression: Option<Compression>,
}

const ENDPOINTS: [Endpoint; 6] = [
    endpoint("grpc", Protocol::Grpc, None),
    endpoint("grpc-gzip", Protocol::Grpc, Some(Compression::Gzip)),
    endpoint("http-protobuf", Protocol::HttpBinary, None),
    endpoint(
        "http-protobuf-gzip",
        Protocol::HttpBinary,
        Some(Compression::Gzip),
    ),
    endpoint("http-json", Protocol::HttpJson, None),
    endpoint(
        "http-json-gzip",
        Protocol::HttpJson,
        Some(Compression::Gzip),
    ),
];

const fn endpoint(
    name: &'static str,
    protocol: Protocol,
    compression: Option<Compression>,
) -> Endpoint {
    Endpoint {
        name,
        protocol,
        compression,
    }
}

fn main() -> Outcome<()> {
    // The gRPC exporter wants a runtime around it; the HTTP ones bring their own thread.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let mut collector = Collector::start()?;
    for (index, endpoint) in ENDPOINTS.into_iter().enumerate() {
        let exporter = {
            let _inside = runtime.enter();
            exporter(endpoint, &collector)?
        };
        let crew = format!("9b2d5d7e-1f0a-4c55-8a61-0000000000{index:02}");
        send_crew(exporter, &crew).map_err(|error| format!("{}: {error}", endpoint.name))?;
        check_crew(&collector, &crew).map_err(|error| format!("{}: {error}", endpoint.name))?;
        println!("ok {}", endpoint.name);
    }
    check_totals(&collector)?;
    collector.stop()?;
    println!("ok the report");
    Ok(())
}

fn exporter(endpoint: Endpoint, collector: &Collector) -> Result<SpanExporter, ExporterBuildError> {
    if endpoint.protocol == Protocol::Grpc {
        let mut builder = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(collector.grpc_url());
        if let Some(compression) = endpoint.compression {
            builder = builder.with_compression(compression);
        }
        return builder.build();
    }
    let mut builder = SpanExporter::builder()
        .with_http()
        .with_protocol(endpoint.protocol)
        .with_endpoint(collector.traces_url());
    if let Some(compression) = endpoint.compression {
        builder = builder.with_compression(compression);
    }
    builder.build()
}

/// What CrewAI sends for a crew of one agent that uses one tool; beside it a span of the host that nobody asked for.
fn send_crew(exporter: SpanExporter, crew: &str) -> Outcome<()> {
    let resource = Resource::builder_empty()
        .with_service_name("crewAI-telemetry")
        .build();
    let provider = SdkTracerProvider::builder()
        .with_resource(resource)
        .with_batch_exporter(exporter)
        .build();
    let tracer = provider.tracer("crewai.telemetry");
    let ended = SystemTime::now();
    let started = ended - Duration::from_millis(1500);
    for (name, mut attributes) in spans(crew) {
        attributes.push(KeyValue::new("crewai_version", VERSION));
        let mut span = tracer
            .span_builder(name)
            .with_start_time(started)
            .with_attributes(attributes)
            .start(&tracer);
        span.set_status(Status::Ok);
        span.end_with_timestamp(ended);
    }
    provider.force_flush()?;
    provider.shutdown()?;
    Ok(())
}

fn spans(crew: &str) -> Vec<(&'static str, Vec<KeyValue>)> {
    let crew_id = || KeyValue::new("crew_id", crew.to_owned());
    let key = || KeyValue::new("crew_key", "816171031b04724116eca0ca6b1259a2");
    let statements: Vec<StringValue> = vec!["CANARY".into()];
    vec![
        (
            "Crew Created",
            vec![
                key(),
                crew_id(),
                KeyValue::new("python_version", "3.11.7"),
                KeyValue::new("crew_process", "sequential"),
                KeyValue::new("crew_memory", "false"),
                KeyValue::new("crew_number_of_tasks", 1),
                KeyValue::new("crew_number_of_agents", 1),
                KeyValue::new("crew_agents", "[]"),
                KeyValue::new("crew_tasks", "[]"),
            ],
        ),
        (
            "Tool Usage",
            vec![
                KeyValue::new("tool_name", TOOL),
                KeyValue::new("attempts", 0),
            ],
        ),
        (
            "Crew Completed",
            vec![
                key(),
                crew_id(),
                KeyValue::new("duration_ms", 1500.5),
                KeyValue::new("outcome", "completed"),
            ],
        ),
        (
            "SELECT customers",
            vec![KeyValue::new(
                "db.statements",
                Value::Array(Array::String(statements)),
            )],
        ),
    ]
}

fn check_crew(collector: &Collector, crew: &str) -> Outcome<()> {
    let query = format!(
        "SELECT framework, framework_version, process, memory, task_count, agent_count FROM crews WHERE id = '{crew}'"
    );
    let expected = json!([{
        "framework": "crewai",
        "framework_version": VERSION,
        "process": "sequential",
        "memory": false,
        "task_count": 1,
        "agent_count": 1,
    }]);
    same(&query, &collector.sql(&query)?, &expected)
}

fn check_totals(collector: &Collector) -> Outcome<()> {
    let endpoints = ENDPOINTS.len();
    let totals = [
        (
            "SELECT tool_name, attempts, count(*) AS uses FROM tool_uses GROUP BY ALL",
            json!([{"tool_name": TOOL, "attempts": 0, "uses": endpoints}]),
        ),
        (
            "SELECT outcome, duration, count(*) AS crews FROM crew_completions GROUP BY ALL",
            json!([{"outcome": "completed", "duration": 1.5005, "crews": endpoints}]),
        ),
        (
            "SELECT sum(count) AS refused FROM refusals WHERE reason = 'unknown_span'",
            json!([{"refused": endpoints}]),
        ),
    ];
    for (query, expected) in totals {
        same(query, &collector.sql(query)?, &expected)?;
    }
    let report = collector.report("tools")?;
    let rows = report.as_array().ok_or("the report is no array")?;
    let row = rows.iter().find(|row| row["tool"] == TOOL);
    let row = row.ok_or_else(|| format!("the report does not name the tool: {report}"))?;
    same("report tools", &row["uses"], &json!(endpoints))
}

fn same(what: &str, found: &serde_json::Value, expected: &serde_json::Value) -> Outcome<()> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}\n  expected {expected}\n  found    {found}").into())
}
