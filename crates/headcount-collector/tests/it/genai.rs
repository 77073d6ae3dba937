//! Spans of other frameworks through a whole collector: counted, and nothing that people wrote on the disk.

use std::io::Read as _;
use std::path::Path;

use crate::support::start;

/// The content that the programs planted, whom an agent's name names, and the machine.
const PLANTED: [&str; 3] = ["CANARY", "jane.roe", "/srv/agent"];

/// Every file below `folder`, with what is in it.
fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else {
            let bytes = std::fs::read(&path).expect("a file");
            found.push((path.display().to_string(), bytes));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_recorded_spans_runs_are_counted_and_no_content_reaches_the_disk() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../corpus/genai/bodies.zst");
    let packed = std::fs::read(corpus).expect("the corpus");
    let mut decoder = zstd::Decoder::new(&packed[..]).expect("a frame");
    decoder.window_log_max(27).expect("a window");
    let mut bytes = Vec::new();
    let _ = decoder.read_to_end(&mut bytes).expect("bodies");
    let running = start().await;
    let mut left = &bytes[..];
    while !left.is_empty() {
        let end = left.iter().position(|&byte| byte == b'\n').expect("a line");
        let line = std::str::from_utf8(&left[..end]).expect("text");
        let words: Vec<&str> = line.split(' ').collect();
        let length = words[4].parse().expect("a length");
        let (body, after) = left[end + 1..].split_at(length);
        left = after;
        let headers = [("Content-Type", words[2]), ("Content-Encoding", words[3])];
        let answer = running
            .send(&format!("POST {}", words[1]), &headers, body)
            .await;
        let expected = if words[1] == "/v1/traces" { 200 } else { 404 };
        assert_eq!(answer.status, expected, "{line}: {}", answer.text());
        for planted in PLANTED {
            assert!(
                !answer.text().contains(planted),
                "{line}: {}",
                answer.text()
            );
        }
    }
    for table in [
        "crews",
        "agents",
        "agent_runs",
        "tool_uses",
        "model_calls",
        "handoffs",
    ] {
        let rows = running
            .number(&format!("SELECT count(*) FROM {table}"))
            .await;
        assert!(rows > 0, "{table}");
    }
    let named = "SELECT count(*) FROM agent_runs WHERE role LIKE '%[email]%'";
    assert!(running.number(named).await > 0);
    let mut found = Vec::new();
    files(running.folder.path(), &mut found);
    assert!(
        found.iter().any(|(_, bytes)| bytes.len() > 100_000),
        "the log"
    );
    for (file, bytes) in found {
        for planted in PLANTED {
            let is_there = bytes
                .windows(planted.len())
                .any(|window| window == planted.as_bytes());
            assert!(!is_there, "{planted} in {file}");
        }
    }
}
