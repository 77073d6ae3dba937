//! Every captured body of the corpus over OTLP/HTTP, OTLP/gRPC and `headcount ingest`. Each field of the tables must
//! match the decoded body, and content must only be stored if the crew shared it.

use crate::expected_rows;
use crate::grpc_client;
use crate::support;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::{Server, path, run, stderr};
use headcount_catalog::Catalog;
use headcount_lake::LakeSnapshot;
use headcount_reports::{QueryLimits, Reports};
use serde_json::Value;

/// The tables with expected rows: those of the default tier, then those of the shared tier.
const TABLES: [&str; 17] = [
    "crews",
    "agents",
    "tasks",
    "task_runs",
    "tool_uses",
    "tests",
    "deployments",
    "crew_completions",
    "flow_events",
    "feature_uses",
    "environments",
    "projects",
    "shared_agents",
    "shared_tasks",
    "shared_io",
    "shared_executions",
    "shared_environments",
];

fn corpus() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus");
    let mut bodies = Vec::new();
    for release in std::fs::read_dir(root)
        .expect("the corpus")
        .flatten()
        // Each release of CrewAI; `genai` is in one file.
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("crewai-"))
    {
        for scenario in std::fs::read_dir(release.path())
            .expect("a release")
            .flatten()
        {
            bodies.push(scenario.path().join("000.bin"));
        }
    }
    bodies.sort();
    assert!(
        bodies.len() >= 29,
        "the corpus is not complete: {} bodies",
        bodies.len()
    );
    bodies
}

fn decoded(body: &Path) -> Value {
    let text =
        std::fs::read_to_string(body.with_extension("decoded.json")).expect("the decoded body");
    serde_json::from_str(&text).expect("JSON")
}

fn is_shared(body: &Path) -> bool {
    body.parent()
        .is_some_and(|scenario| scenario.ends_with("shared"))
}

/// What a data folder holds at one moment, read from the folder alone.
struct Folder {
    runtime: tokio::runtime::Runtime,
    reports: Reports,
}

impl Folder {
    fn read(data: &Path) -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("threads");
        let schema = Arc::clone(Catalog::embedded().schema());
        let snapshot = runtime
            .block_on(LakeSnapshot::read(data, schema))
            .expect("a readable folder");
        Self {
            runtime,
            reports: Reports::new(&snapshot, QueryLimits::default()),
        }
    }

    fn sql(&self, query: &str) -> Vec<Value> {
        let answer = self
            .runtime
            .block_on(self.reports.sql(query))
            .expect("an answer");
        rows(answer.to_json_rows())
    }

    fn tables(&self) -> Vec<Value> {
        rows(self.reports.tables().to_json_rows())
    }
}

fn rows(value: Value) -> Vec<Value> {
    let Value::Array(rows) = value else {
        panic!("rows are an array")
    };
    rows
}

fn post(server: &Server, body: &[u8]) -> u16 {
    let request = ureq::post(format!("{}/v1/traces", server.url))
        .header("content-type", "application/x-protobuf");
    request.send(body).expect("an answer").status().as_u16()
}

fn ingest(data: &Path, body: &Path) {
    let output = run(&["ingest", path(body), "--data", path(data)]);
    assert!(
        output.status.success(),
        "{}: {}",
        body.display(),
        stderr(&output)
    );
}

fn check(data: &Path, body: &Path) {
    let folder = Folder::read(data);
    check_tables(&folder, body);
    check_keys(&folder, body);
    check_content_stays_where_it_was_shared(&folder, body);
    if !is_shared(body) {
        let found = files_holding(data, b"CANARY");
        assert!(
            found.is_empty(),
            "{}: content on disk in {found:?}",
            body.display()
        );
    }
}

fn check_tables(folder: &Folder, body: &Path) {
    let expected = expected_rows::tables(&decoded(body));
    for table in TABLES {
        let stored = folder.sql(&format!("SELECT * FROM {table}"));
        let rows = expected.get(table).map_or(&[][..], Vec::as_slice);
        if let Some(difference) = expected_rows::difference(table, rows, &stored) {
            panic!("{}: {difference}", body.display());
        }
    }
}

/// Keys are re-keyed: never the sender's, and equal where and only where the sender's were equal (promise 7).
fn check_keys(folder: &Folder, body: &Path) {
    let stored: HashMap<String, Value> = folder
        .sql("SELECT id, key FROM crews")
        .into_iter()
        .map(|row| {
            (
                row["id"].as_str().expect("an id").to_owned(),
                row["key"].clone(),
            )
        })
        .collect();
    let mut pairs: HashMap<String, Value> = HashMap::new();
    for span in decoded(body)
        .as_array()
        .expect("spans")
        .iter()
        .filter(|span| span["name"] == "Crew Created")
    {
        let id = span["attributes"]["crew_id"][1].as_str().expect("an id");
        let sent = span["attributes"]["crew_key"][1].as_str().expect("a key");
        assert_ne!(
            stored[id],
            Value::from(sent),
            "{}: the sender's key was stored",
            body.display()
        );
        let key = pairs
            .entry(sent.to_owned())
            .or_insert_with(|| stored[id].clone());
        assert_eq!(
            *key,
            stored[id],
            "{}: equal keys became different",
            body.display()
        );
    }
}

/// Paths of files under `folder` that hold `needle`, compressed Parquet pages aside.
fn files_holding(folder: &Path, needle: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_holding(&path, needle));
        } else if std::fs::read(&path)
            .expect("a file")
            .windows(needle.len())
            .any(|window| window == needle)
        {
            found.push(path);
        }
    }
    found
}

fn check_content_stays_where_it_was_shared(folder: &Folder, body: &Path) {
    for table in folder.tables() {
        let name = table["table_name"].as_str().expect("a name");
        let rows = Value::from(folder.sql(&format!("SELECT * FROM {name}"))).to_string();
        let allowed = is_shared(body) && table["tier"] == "shared";
        assert!(
            allowed || !rows.contains("CANARY"),
            "{}: content in {name}: {rows}",
            body.display()
        );
    }
}

#[test]
fn every_captured_body_through_http_is_stored_field_by_field() {
    for body in corpus() {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::start(folder.path());
        assert_eq!(
            post(&server, &std::fs::read(&body).expect("a body")),
            200,
            "{}",
            body.display()
        );
        check(folder.path(), &body);
        assert_eq!(server.stop(), Some(0));
        check(folder.path(), &body);
    }
}

#[test]
fn every_captured_body_through_grpc_is_stored_field_by_field() {
    for body in corpus() {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::start_with_grpc(folder.path());
        let address = server.grpc.clone().expect("a gRPC listener");
        grpc_client::export(&address, &std::fs::read(&body).expect("a body"));
        check(folder.path(), &body);
    }
}

#[test]
fn every_captured_body_through_ingest_is_stored_field_by_field() {
    for body in corpus() {
        let folder = tempfile::tempdir().expect("a folder");
        ingest(folder.path(), &body);
        check(folder.path(), &body);
    }
}

#[test]
fn a_body_sent_by_every_protocol_is_stored_once() {
    let body = support::corpus("crewai-1.15.30/shared").join("000.bin");
    let folder = tempfile::tempdir().expect("a folder");
    let bytes = std::fs::read(&body).expect("a body");
    let server = Server::start_with_grpc(folder.path());
    assert_eq!(post(&server, &bytes), 200);
    assert_eq!(post(&server, &bytes), 200);
    grpc_client::export(&server.grpc.clone().expect("a gRPC listener"), &bytes);
    check(folder.path(), &body);
    server.kill();
    ingest(folder.path(), &body);
    check(folder.path(), &body);
}
