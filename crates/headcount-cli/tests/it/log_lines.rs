//! The log of a whole process: what an operator reads in it, and what nobody does (promises 1 and 10).

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

use crate::support::{Server, corpus, path, run};

/// In every text that a sender chooses.
const CANARY: &str = "canary";

/// The sender's address: one of this machine that nothing else uses.
const SENDER: &str = "127.0.0.78";

/// Sends one request from [`SENDER`]; returns the status of the response.
fn send(address: SocketAddr, line: &str, headers: &str, body: &[u8]) -> u16 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let socket = TcpSocket::new_v4().expect("a socket");
        let sender = format!("{SENDER}:0").parse().expect("an address");
        socket.bind(sender).expect("an address of this machine");
        let mut stream = socket.connect(address).await.expect("it listens");
        let head = format!(
            "{line} HTTP/1.1\r\nHost: {CANARY}\r\nConnection: close\r\nUser-Agent: {CANARY}\r\nCookie: {CANARY}={CANARY}\r\n{headers}Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.expect("it reads");
        let _ = stream.write_all(body).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let text = String::from_utf8_lossy(&answer);
        let status = text.split(' ').nth(1).expect("an answer");
        status.parse().expect("a status")
    })
}

fn lines(log: &Path) -> Vec<Value> {
    let text = fs::read_to_string(log).expect("a log");
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

#[test]
fn promises_1_and_10_every_level_and_json_tell_of_events_and_not_of_senders() {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let options = ["--log", "trace", "--log-format", "json"];
    let server = Server::start_logging(&data, &options, &log);
    let address = server.url.strip_prefix("http://").unwrap().parse().unwrap();
    let body = fs::read(corpus("crewai-1.15.30/default").join("000.bin")).unwrap();
    let protobuf = "Content-Type: application/x-protobuf\r\n";
    let json = "Content-Type: application/json\r\n";
    let token = format!("Authorization: Bearer {CANARY}\r\n");
    let order = format!("{{\"tokens\":[\"{CANARY}\"]}}");
    let named = format!("POST /v1/traces?{CANARY}={CANARY}");
    let broken = format!("{{\"resourceSpans\":[{{\"{CANARY}\":\"{CANARY}\"");
    let page = format!("GET /{CANARY}?{CANARY}");
    let report = format!("GET /api/v1/reports/{CANARY}");
    for (line, headers, body, status) in [
        (&*named, protobuf, &*body, 200),
        ("POST /v1/traces", protobuf, CANARY.as_bytes(), 400),
        ("POST /v1/traces", json, broken.as_bytes(), 400),
        ("POST /v1/erase", json, order.as_bytes(), 400),
        (&page, &token, b"", 404),
        (&report, &token, b"", 401),
    ] {
        assert_eq!(send(address, line, headers, body), status, "{line}");
    }
    assert_eq!(server.stop(), Some(0));

    let text = fs::read_to_string(&log).unwrap().to_ascii_lowercase();
    for secret in [CANARY, SENDER] {
        let line = text.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
    let lines = lines(&log);
    for line in &lines {
        for field in ["timestamp", "level", "target", "message"] {
            assert!(line[field].is_string(), "{field}: {line}");
        }
    }
    let said = |level: &str, message: &str| {
        let mut lines = lines.iter();
        let line = lines.find(|line| line["level"] == level && line["message"] == message);
        line.unwrap_or_else(|| panic!("{level} {message}: {text}"))
    };
    let opened = "opened the data folder and replayed the write-ahead log";
    assert_eq!(said("INFO", opened)["replayed_groups"], 0);
    let listening = said("INFO", "headcount is listening");
    assert_eq!(listening["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(listening["folder"], path(&data));
    let answered = said("DEBUG", "answered a request");
    assert_eq!(answered["endpoint"], "traces_http");
    assert_eq!(answered["status"], 200);
    let flushed = said("DEBUG", "flushed the rows in memory to the tables");
    assert!(flushed["rows"].as_u64() > Some(0), "{flushed}");
    let stopping = "stopping: requests in flight are answered, and rows flushed";
    assert_eq!(said("INFO", stopping)["signal"], "SIGTERM");
    assert!(said("INFO", "stopped")["ms"].is_u64());
}

#[test]
fn a_killed_server_tells_at_its_next_start_what_it_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let server = Server::start(&data);
    let body = corpus("crewai-1.15.30/default").join("000.bin");
    let sent = run(&["ingest", path(&body), "--url", &server.url]);
    assert_eq!(sent.status.code(), Some(0));
    server.kill();
    let options = ["--log", "info", "--log-format", "json"];
    let server = Server::start_logging(&data, &options, &log);
    assert_eq!(server.stop(), Some(0));
    let lines = lines(&log);
    let opened = lines.first().expect("a line");
    assert_eq!(opened["replayed_segments"], 1, "{opened}");
    assert_eq!(opened["replayed_groups"], 1, "{opened}");
    assert!(opened["replayed_bytes"].as_u64() > Some(0), "{opened}");
}

#[test]
fn a_log_that_nobody_reads_any_more_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start_piped(folder.path(), &["--log", "trace"]);
    server.close_stderr();
    let body = corpus("crewai-1.15.30/default").join("000.bin");
    for _ in 0..3 {
        let sent = run(&["ingest", path(&body), "--url", &server.url]);
        assert_eq!(sent.status.code(), Some(0));
    }
    let began = Instant::now();
    assert_eq!(
        run(&["health", "--url", &server.url]).status.code(),
        Some(0)
    );
    assert_eq!(server.stop(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(30));
}
