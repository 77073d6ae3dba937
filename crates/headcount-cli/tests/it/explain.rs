//! `headcount explain` says what a collector does with a captured request.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Server, corpus, headcount, json, path, run, stderr, stdout};

/// The lines of the page Policy, without zeros.
type Counts = BTreeMap<[String; 5], i64>;

fn counts(lines: &Value) -> Counts {
    let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let lines = lines.as_array().expect("lines").iter();
    lines
        .map(|line| {
            let at = ["framework", "version", "span", "key", "reason"].map(|key| text(line, key));
            (at, line["count"].as_i64().expect("a count"))
        })
        .collect()
}

#[test]
fn the_explanation_and_the_page_policy_count_the_same() {
    let mut compared = 0;
    for scenario in [
        "crewai-1.15.30/errors",
        "crewai-1.15.30/flow",
        "crewai-0.86.0/shared",
        "crewai-0.51.1/default",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let body = corpus(scenario).join("000.bin");
        let ingested = run(&["ingest", path(&body), "--data", path(&data)]);
        assert_eq!(ingested.status.code(), Some(0), "{}", stderr(&ingested));
        let report = ["report", "refusals", "--format", "json", "--data"];
        let counted = json(&[&report[..], &[path(&data)]].concat());
        let explained = json(&["explain", path(&body), "--format", "json"]);
        assert_eq!(
            counts(&explained["refusals"]),
            counts(&counted),
            "{scenario}"
        );
        compared += counts(&counted).len();
        let tables = json(&["tables", "--format", "json", "--data", path(&data)]);
        let mut stored = BTreeMap::new();
        for span in explained["requests"][0]["spans"].as_array().unwrap() {
            for rows in span["rows"].as_array().unwrap() {
                let table = rows["table"].as_str().unwrap().to_owned();
                *stored.entry(table).or_insert(0) += rows["rows"].as_i64().unwrap();
            }
        }
        for table in tables.as_array().unwrap() {
            let name = table["table_name"].as_str().unwrap();
            if name != "refusals" {
                let rows = table["rows"].as_i64().unwrap_or_default();
                assert_eq!(
                    stored.get(name).copied().unwrap_or_default(),
                    rows,
                    "{scenario}, {name}"
                );
            }
        }
    }
    assert!(compared > 0);
}

#[test]
fn an_explanation_has_names_and_kinds_and_no_values() {
    let body = corpus("crewai-1.15.30/shared").join("000.bin");
    for format in ["text", "json"] {
        let output = run(&["explain", path(&body), "--format", format]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let text = stdout(&output);
        assert!(
            text.contains("crew_agents.goal") && !text.contains("CANARY"),
            "{text}"
        );
    }
    let output = run(&["explain", path(&body)]);
    for line in stdout(&output).lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let values = stdout(&run(&["explain", path(&body), "--values"]));
    assert!(values.contains("CANARY"));
}

#[test]
fn a_span_s_name_that_people_wrote_is_a_value() {
    let named = |name: &str, scope: &str| {
        UNKNOWN
            .replace("novel.step", name)
            .replace("\"novel\"", scope)
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("body.json");
    for (name, scope, is_shown) in [
        ("novel.step", "\"novel\"", true),
        ("SECRET look into it", "\"novel\"", false),
        ("jane@example.com", "\"novel\"", false),
        ("invoke_agent SECRET", "\"pydantic-ai\"", false),
        ("Crew Sailed", "\"crewai.telemetry\"", true),
    ] {
        std::fs::write(&file, named(name, scope)).unwrap();
        for format in ["text", "json"] {
            let text = stdout(&run(&["explain", path(&file), "--format", format]));
            assert_eq!(text.contains(name), is_shown, "{name}: {text}");
            let values = stdout(&run(&[
                "explain",
                path(&file),
                "--values",
                "--format",
                format,
            ]));
            assert!(values.contains(name), "{name}: {values}");
        }
    }
}

/// One span of an unknown framework as OTLP/JSON.
const UNKNOWN: &str = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},"scopeSpans":[{"scope":{"name":"novel"},"spans":[{"traceId":"5b8aa5a2d2c872e8321cf37308d69df2","spanId":"051581bf3cb55c13","name":"novel.step","startTimeUnixNano":"1795410571182041000","endTimeUnixNano":"1795410571182041001","attributes":[{"key":"novel.secret","value":{"stringValue":"CANARY"}}]}]}]}]}"#;

fn explain_bytes(bytes: &[u8]) -> (Option<i32>, String, String) {
    let mut child = headcount()
        .args(["explain", "-", "--format", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), stdout(&output), stderr(&output))
}

#[test]
fn what_people_have_is_read_by_its_content() {
    let protobuf = std::fs::read(corpus("crewai-1.15.30/flow").join("000.bin")).unwrap();
    let lines = format!("{UNKNOWN}\n{UNKNOWN}\n");
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
    let prefixed = [&(protobuf.len() as u32).to_be_bytes()[..], &protobuf].concat();
    for (bytes, requests) in [
        (protobuf.clone(), 1),
        (UNKNOWN.as_bytes().to_vec(), 1),
        (lines.clone().into_bytes(), 2),
        (prefixed.repeat(3), 3),
        (gzip(lines.as_bytes()), 2),
        (zstd(&protobuf), 1),
        (zstd(&prefixed), 1),
    ] {
        let (code, text, errors) = explain_bytes(&bytes);
        assert_eq!(code, Some(0), "{errors}");
        let explained: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(explained["requests"].as_array().unwrap().len(), requests);
        assert!(
            !explained["requests"][0]["spans"]
                .as_array()
                .unwrap()
                .is_empty()
        );
    }
}

#[test]
fn errors_name_the_line_or_the_offset_and_the_rest_is_explained() {
    let (code, text, errors) =
        explain_bytes(format!("{UNKNOWN}\n{{\"torn\n{UNKNOWN}\n").as_bytes());
    assert_eq!(code, Some(1));
    assert!(
        errors.contains("standard input, line 2") && errors.contains("byte"),
        "{errors}"
    );
    let explained: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(explained["requests"].as_array().unwrap().len(), 3);
    assert_eq!(explained["totals"]["spans_refused"], 2);
    assert!(explained["requests"][1]["error"].is_string());
    let (code, _, errors) = explain_bytes(b"hello");
    assert_eq!(code, Some(1));
    assert!(
        errors.contains("neither OTLP protobuf nor OTLP/JSON"),
        "{errors}"
    );
    let (code, _, errors) = explain_bytes(b"\x0a\xff\xff\xff\xff\x0f");
    assert_eq!(code, Some(1));
    assert!(errors.contains("byte 0"), "{errors}");
    assert_eq!(run(&["explain", "/nowhere.bin"]).status.code(), Some(1));
}

/// Writes files below a new folder.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    folder
}

const NOVEL: &str = "framework: novel\nruntime: python\nmatch: {scope_names: [novel]}\nspans:\n  novel.step:\n    row: tool_uses\n    attributes:\n      novel.secret: {drop: content}\n";

#[test]
fn a_dry_run_says_what_another_policy_changes() {
    let folder = folder(&[("body.json", UNKNOWN), ("dialects/novel.yaml", NOVEL)]);
    let body = folder.path().join("body.json");
    let dialects = folder.path().join("dialects");
    let arguments = ["explain", path(&body), "--dialects", path(&dialects)];
    let text = stdout(&run(&arguments));
    assert!(text.contains("The other policy changes 1 span:"), "{text}");
    assert!(
        text.contains("now:  refused whole: unknown_framework"),
        "{text}"
    );
    assert!(
        text.contains("then: read by the dialect novel; rows of tool_uses"),
        "{text}"
    );
    let changes = json(&[&arguments[..], &["--format", "json"]].concat());
    let keys: Vec<_> = changes["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["key"].clone())
        .collect();
    assert!(keys.contains(&"novel.secret".into()), "{keys:?}");
    let broken = folder.path().join("dialects/broken.yaml");
    std::fs::write(&broken, NOVEL.replace("tool_uses", "no_table")).unwrap();
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no_table"), "{}", stderr(&output));
}

#[test]
fn a_body_of_16_mib_is_explained() {
    let span = &UNKNOWN[UNKNOWN.find(r#"{"traceId"#).unwrap()..UNKNOWN.len() - "]}]}]}".len()];
    let content = span.replace("CANARY", &"C".repeat(400));
    let mut spans = Vec::new();
    let mut size = 0;
    while size < 16 << 20 {
        size += content.len() + 1;
        spans.push(content.as_str());
    }
    let body = UNKNOWN.replace(span, &spans.join(","));
    let folder = folder(&[("body.json", &body)]);
    let body = folder.path().join("body.json");
    let output = run(&["explain", path(&body)]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.contains("alike): novel.step") && text.len() < 10_000,
        "{text}"
    );
}

#[test]
fn a_missing_data_folder_is_said() {
    let body = corpus("crewai-1.15.30/flow").join("000.bin");
    let output = run(&[
        "explain",
        path(&body),
        "--data",
        path(Path::new("/nowhere")),
    ]);
    assert_eq!(output.status.code(), Some(3));
}

/// The status and the page that answer an upload of `file`, with the access token in the file `token`.
fn upload(server: &Server, token: &str, file: &[u8]) -> (u16, String) {
    let part = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n";
    let body = [part.as_bytes(), file, b"\r\n--x--\r\n"].concat();
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    let mut answer = ureq::Agent::new_with_config(config.build())
        .post(format!("{}/explain", server.url))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "multipart/form-data; boundary=x")
        .send(&body[..])
        .unwrap();
    let page = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), page)
}

#[test]
fn the_page_explains_uploads_to_those_who_may_and_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let token = std::fs::read_to_string(folder.path().join("token")).unwrap();
    let viewer = run(&[
        "token",
        "new",
        "--role",
        "viewer",
        "--name",
        "v",
        "--data",
        path(folder.path()),
    ]);
    let body = std::fs::read(corpus("crewai-1.15.30/shared").join("000.bin")).unwrap();
    let (status, page) = upload(&server, token.trim(), &body);
    assert_eq!(status, 200, "{page}");
    for said in [
        "Crew Created",
        "crew_agents.goal",
        "stored: ",
        "Refused, as the page Policy counts it",
    ] {
        assert!(page.contains(said), "{said} is not in\n{page}");
    }
    assert!(!page.contains("CANARY"), "{page}");
    let (status, page) = upload(&server, token.trim(), b"hello <script>");
    assert!(
        status == 200 && page.contains("neither OTLP protobuf nor OTLP/JSON"),
        "{page}"
    );
    // A key is the sender's own text, and no markup.
    let markup = UNKNOWN.replace("novel.secret", "<script>alert(1)</script>");
    let (_, page) = upload(&server, token.trim(), markup.as_bytes());
    assert!(
        page.contains("alert(1)") && !page.contains("<script>alert"),
        "{page}"
    );
    // A running server knows of a new token within a second.
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    assert_eq!(upload(&server, stdout(&viewer).trim(), &body).0, 403);
    assert_eq!(upload(&server, "", &body).0, 401);
    let rows = [
        "sql",
        "SELECT count(*) AS n FROM crews",
        "--format",
        "json",
        "--data",
    ];
    let rows = json(&[&rows[..], &[path(folder.path())]].concat());
    assert_eq!(rows[0]["n"], 0);
}
