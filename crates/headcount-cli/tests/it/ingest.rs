//! `headcount ingest` reads what other tools write.

use std::path::Path;

use crate::support::{json, path, run, stderr, stdout};

/// A request with one use of a tool, as JSON on one line.
fn line(tool: &str, number: u64) -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = since.expect("after 1970").as_nanos();
    let text = |key: &str, value: &str| {
        format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#)
    };
    let resource = [
        ("service.name", "headcount"),
        ("versions.framework", "probe"),
        ("versions.framework_version", "1.2.3"),
        ("versions.runtime", "python"),
    ];
    let resource = resource.map(|(key, value)| text(key, value)).join(",");
    let span = format!(
        r#"{{"traceId":"{number:032x}","spanId":"{number:016x}","name":"Tool Usage","startTimeUnixNano":"{now}","endTimeUnixNano":"{now}","attributes":[{},{}]}}"#,
        text("tool_usage.tool_name", tool),
        text("tool_usage.outcome", "used")
    );
    format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{resource}]}},"scopeSpans":[{{"scope":{{"name":"headcount","version":"0.1.0"}},"spans":[{span}]}}]}}]}}"#
    )
}

fn tools(data: &str) -> Vec<String> {
    let rows = json(&[
        "sql",
        "SELECT tool_name FROM tool_uses ORDER BY 1",
        "--data",
        data,
        "--format",
        "json",
    ]);
    let rows = rows.as_array().expect("rows").iter();
    rows.map(|row| row["tool_name"].as_str().expect("a name").to_owned())
        .collect()
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("it is written");
}

#[test]
fn files_of_the_file_exporter_are_read_line_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let captured = folder.path().join("captured");
    std::fs::create_dir(&captured).unwrap();
    let logs =
        r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}}]}]}]}"#;
    write(
        &captured,
        "traces.jsonl",
        &format!("{}\n{logs}\n{}\n", line("first", 1), line("second", 2)),
    );
    write(
        &captured,
        "traces-2026-11-30T12-00-00.000.json",
        &format!("\u{feff}{}", line("third", 3)),
    );
    write(&captured, "notes.txt", "not telemetry");
    write(&captured, "package.json", "{\"name\": \"not telemetry\"}");
    write(&captured, "decoded.json", "[{\"resourceSpans\": []}]");
    let data = folder.path().join("data");
    let data = path(&data);
    let output = run(&["ingest", path(&captured), "--data", data]);
    assert_eq!(
        stdout(&output),
        "2 files ingested: 3 spans stored, 0 rejected\n"
    );
    assert_eq!(tools(data), ["first", "second", "third"]);
}

#[test]
fn a_torn_line_costs_itself_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("traces.jsonl");
    let torn = &line("torn", 2)[..80];
    std::fs::write(
        &file,
        format!("{}\n{torn}\n{}\n", line("first", 1), line("third", 3)),
    )
    .unwrap();
    let data = folder.path().join("data");
    let data = path(&data);
    let output = run(&["ingest", path(&file), "--data", data]);
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(
        message.contains("traces.jsonl, line 2 was rejected"),
        "{message}"
    );
    assert_eq!(
        stdout(&output),
        "0 files ingested: 2 spans stored, 0 rejected; 1 file failed\n"
    );
    assert_eq!(tools(data), ["first", "third"]);
}
