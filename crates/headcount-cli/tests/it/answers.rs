//! From captured bodies to answers, through the program alone.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use crate::support::{Server, corpus, json, path, run, stderr, stdout};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

fn ingested(scenarios: &[&str]) -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    for scenario in scenarios {
        let output = run(&[
            "ingest",
            path(&corpus(scenario)),
            "--data",
            path(data.path()),
        ]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    data
}

fn sql(data: &Path, query: &str) -> Value {
    json(&["sql", query, "--data", path(data), "--format", "json"])
}

fn rows_of(data: &Path, table: &str) -> u64 {
    let tables = json(&["tables", "--data", path(data), "--format", "json"]);
    let of_name = |row: &&Value| row["table_name"] == table;
    tables.as_array().unwrap().iter().find(of_name).unwrap()["rows"]
        .as_u64()
        .unwrap()
}

#[test]
fn what_a_crew_sent_is_what_sql_answers() {
    let data = ingested(&["crewai-1.15.30/default"]);
    let crews = sql(
        data.path(),
        "SELECT framework, framework_version, id, process, memory, inputs_present, task_count, agent_count FROM crews",
    );
    assert_eq!(
        crews,
        json!([{
            "framework": "crewai",
            "framework_version": "1.15.30",
            "id": "2006d243-784b-4eef-83f8-9dc89631a924",
            "process": "sequential",
            "memory": false,
            "inputs_present": true,
            "task_count": 3,
            "agent_count": 2,
        }])
    );
    let agents = sql(
        data.path(),
        "SELECT role, max_rpm, max_iterations, verbose, tool_names FROM agents ORDER BY role DESC",
    );
    assert_eq!(
        agents,
        json!([
            {"role": "Senior Researcher", "max_rpm": 30, "max_iterations": 6, "verbose": false, "tool_names": ["word_counter"]},
            {"role": "Report Writer", "max_rpm": null, "max_iterations": 6, "verbose": false, "tool_names": []},
        ])
    );
}

#[test]
fn json_answers_keep_booleans_numbers_times_and_nulls() {
    let data = ingested(&["crewai-1.15.30/default"]);
    let row = &sql(
        data.path(),
        "SELECT true AS yes, 1 AS one, 1.5 AS half, NULL AS nothing, '' AS empty, min(time) AS time FROM crews",
    )[0];
    assert_eq!(row["yes"], json!(true));
    assert_eq!(row["one"], json!(1));
    assert_eq!(row["half"], json!(1.5));
    assert_eq!(row["nothing"], Value::Null);
    assert_eq!(row["empty"], json!(""));
    let time = row["time"].as_str().unwrap();
    assert!(time.starts_with("2026-11-23T05:09:3"), "{time}");
}

#[test]
fn the_tables_are_listed_with_tier_and_rows() {
    let data = ingested(&["crewai-1.15.30/default"]);
    let tables = json(&["tables", "--data", path(data.path()), "--format", "json"]);
    let agents = json!({"table_name": "agents", "tier": "default", "rows": 2});
    let shared = json!({"table_name": "shared_agents", "tier": "shared", "rows": 0});
    assert!(tables.as_array().unwrap().contains(&agents), "{tables}");
    assert!(tables.as_array().unwrap().contains(&shared), "{tables}");
}

#[test]
fn a_body_that_is_stored_twice_is_counted_once() {
    let data = ingested(&["crewai-1.15.30/default", "crewai-1.15.30/default"]);
    assert_eq!(rows_of(data.path(), "crews"), 1);
    assert_eq!(rows_of(data.path(), "task_runs"), 6);
}

#[test]
fn content_without_consent_is_refused_and_the_refusals_are_a_report() {
    // This release sent goals and backstories of everyone.
    let body = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../headcount-catalog/tests/corpus/wide-0.36.1-default.otlp"
    );
    let data = tempfile::tempdir().unwrap();
    let output = run(&["ingest", body, "--data", path(data.path())]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(rows_of(data.path(), "agents") > 0);
    assert_eq!(rows_of(data.path(), "shared_agents"), 0);
    assert_eq!(rows_of(data.path(), "shared_tasks"), 0);
    let refusals = json(&[
        "report",
        "refusals",
        "--data",
        path(data.path()),
        "--format",
        "json",
    ]);
    let refusals = refusals.as_array().unwrap();
    let unproven = |refusal: &Value| refusal["reason"] == "without_consent";
    assert!(refusals.iter().any(unproven), "{refusals:?}");
    for refusal in refusals {
        assert!(refusal["count"].as_u64().unwrap() > 0, "{refusal}");
        assert!(refusal["reason"].is_string(), "{refusal}");
    }
    assert!(
        !refusals
            .iter()
            .any(|refusal| refusal.to_string().contains("CANARY"))
    );
}

#[test]
fn reports_answer_in_every_format() {
    let data = ingested(&["crewai-1.15.30/default", "crewai-1.15.30/errors"]);
    let ask = |format: &str| {
        let output = run(&[
            "report",
            "versions",
            "--data",
            path(data.path()),
            "--format",
            format,
        ]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stdout(&output)
    };
    assert!(ask("csv").starts_with("framework,version,"));
    assert!(ask("markdown").starts_with("| framework | version |"));
    assert!(ask("table").contains("1.15.30"));
    let rows: Value = serde_json::from_str(&ask("json")).unwrap();
    assert_eq!(rows[0]["version"], "1.15.30");
}

#[test]
fn every_report_answers() {
    let data = ingested(&[
        "crewai-1.15.30/default",
        "crewai-1.15.30/shared",
        "crewai-0.86.0/default",
    ]);
    for report in json(&["report", "--format", "json"]).as_array().unwrap() {
        let name = report["name"].as_str().unwrap();
        let ask = [
            "report",
            name,
            "--data",
            path(data.path()),
            "--format",
            "json",
        ];
        assert!(json(&ask).is_array(), "{name}");
        let by_day = run(&[&ask[..], &["--by", "day"]].concat());
        // A report that counts weeks of its own says that it has no other periods.
        let code = if stderr(&by_day).contains("has no rows by period") {
            2
        } else {
            0
        };
        assert_eq!(
            by_day.status.code(),
            Some(code),
            "{name}: {}",
            stderr(&by_day)
        );
    }
}

#[test]
fn rows_are_sorted_and_limited_and_a_wrong_column_is_named() {
    let data = ingested(&["crewai-1.15.30/default", "crewai-0.86.0/default"]);
    let ask = |more: &[&str]| {
        let versions = [
            "report",
            "versions",
            "--data",
            path(data.path()),
            "--format",
            "json",
        ];
        run(&[&versions[..], more].concat())
    };
    let rows = |more: &[&str]| -> Vec<Value> {
        let output = ask(more);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let rows: Vec<Value> = serde_json::from_str(&stdout(&output)).unwrap();
        rows.into_iter().map(|row| row["version"].clone()).collect()
    };
    assert_eq!(rows(&["--sort", "version"]), ["0.86.0", "1.15.30"]);
    assert_eq!(
        rows(&["--sort", "version:desc", "--limit", "1"]),
        ["1.15.30"]
    );
    let limited = ask(&["--limit", "1"]);
    assert!(
        stderr(&limited).contains("the first 1 of 2 rows"),
        "{}",
        stderr(&limited)
    );
    let wrong = ask(&["--sort", "relaese"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        stderr(&wrong).contains("runtime_versions"),
        "{}",
        stderr(&wrong)
    );
}

#[test]
fn windows_of_their_own_have_no_periods_and_an_unknown_release_is_said() {
    let data = ingested(&["crewai-1.15.30/default"]);
    let by_week = run(&[
        "report",
        "lifecycle",
        "--by",
        "week",
        "--data",
        path(data.path()),
    ]);
    assert_eq!(by_week.status.code(), Some(2));
    assert!(
        stderr(&by_week).contains("has no rows by period"),
        "{}",
        stderr(&by_week)
    );
    let options = ["--release", "99.0", "--data", path(data.path())];
    let unknown = run(&[&["report", "release-health"][..], &options].concat());
    assert_eq!(unknown.status.code(), Some(0));
    let said = "no kickoff of the selected span names the release 99.0";
    assert!(stderr(&unknown).contains(said), "{}", stderr(&unknown));
}

#[test]
fn a_moment_that_cannot_be_read_is_named() {
    let data = ingested(&["crewai-1.15.30/default"]);
    let output = run(&[
        "report",
        "tools",
        "--since",
        "lately",
        "--data",
        path(data.path()),
    ]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("since"), "{}", stderr(&output));
}

#[test]
fn a_query_can_only_read() {
    let data = ingested(&["crewai-1.15.30/default"]);
    for query in [
        "DROP TABLE crews",
        "INSERT INTO crews SELECT * FROM crews",
        "CREATE TABLE x AS SELECT 1 AS one",
        "COPY crews TO 'crews.csv'",
    ] {
        let output = run(&["sql", query, "--data", path(data.path())]);
        assert_eq!(output.status.code(), Some(1), "{query}");
        assert_eq!(stdout(&output), "");
    }
    assert_eq!(rows_of(data.path(), "crews"), 1);
}

#[test]
fn a_file_that_is_no_otlp_is_named_and_the_others_are_stored() {
    let data = tempfile::tempdir().unwrap();
    let files = tempfile::tempdir().unwrap();
    let notes = files.path().join("notes.txt");
    fs::write(&notes, "not a request").unwrap();
    let missing = files.path().join("missing.bin");
    let good = corpus("crewai-1.15.30/default").join("000.bin");
    let output = run(&[
        "ingest",
        path(&notes),
        path(&missing),
        path(&good),
        "--data",
        path(data.path()),
    ]);
    assert_eq!(output.status.code(), Some(1));
    let errors = stderr(&output);
    let said = "notes.txt is neither OTLP protobuf nor OTLP/JSON";
    assert!(errors.contains(said), "{errors}");
    assert!(errors.contains("missing.bin"), "{errors}");
    assert!(
        stdout(&output).contains("2 files failed"),
        "{}",
        stdout(&output)
    );
    assert_eq!(rows_of(data.path(), "crews"), 1);
}

#[test]
fn packed_bodies_and_json_are_recognised() {
    let data = tempfile::tempdir().unwrap();
    let files = tempfile::tempdir().unwrap();
    let body = fs::read(corpus("crewai-1.15.30/default").join("000.bin")).unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&body).unwrap();
    fs::write(files.path().join("a.bin"), gzip.finish().unwrap()).unwrap();
    let request = json!({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "crewAI-telemetry"}}]},
        "scopeSpans": [{"scope": {"name": "crewai.telemetry"}, "spans": [{
            "traceId": "5b8efff798038103d269b633813fc60c",
            "spanId": "eee19b7ec3c1b174",
            "name": "Tool Usage",
            "startTimeUnixNano": "1795411200000000000",
            "endTimeUnixNano": "1795411200000000000",
            "attributes": [
                {"key": "crewai_version", "value": {"stringValue": "1.15.30"}},
                {"key": "tool_name", "value": {"stringValue": "word_counter"}},
                {"key": "attempts", "value": {"intValue": "0"}},
            ],
        }]}],
    }]});
    fs::write(files.path().join("b.bin"), request.to_string()).unwrap();
    let output = run(&["ingest", path(files.path()), "--data", path(data.path())]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(rows_of(data.path(), "crews"), 1);
    assert_eq!(
        sql(
            data.path(),
            "SELECT tool_name, attempts, outcome FROM tool_uses"
        ),
        json!([{"tool_name": "word_counter", "attempts": 0, "outcome": "used"}])
    );
}

#[test]
fn a_server_s_folder_can_be_read_but_not_written() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let captured = corpus("crewai-1.15.30/default");
    let sent = run(&["ingest", path(&captured), "--url", &server.url]);
    assert_eq!(sent.status.code(), Some(0), "{}", stderr(&sent));

    // Acknowledged rows are seen at once, from the folder and from the server alike.
    let query = "SELECT id, memory, task_count FROM crews";
    let options = server.options();
    let from_server = json(&[&["sql", query, "--format", "json"][..], &options].concat());
    assert_eq!(from_server, sql(data.path(), query));
    assert_eq!(from_server[0]["memory"], json!(false));
    let report = ["report", "versions", "--format", "json", "--min-crews", "1"];
    let from_server = json(&[&report[..], &options].concat());
    assert_eq!(
        from_server,
        json(&[&report[..], &["--data", path(data.path())]].concat())
    );
    let from_server = json(&[&["tables", "--format", "json"][..], &options].concat());
    assert_eq!(
        from_server,
        json(&["tables", "--data", path(data.path()), "--format", "json"])
    );

    let refused = run(&["ingest", path(&captured), "--data", path(data.path())]);
    assert_eq!(refused.status.code(), Some(1));
    let message = stderr(&refused);
    assert!(message.contains("a server is running on"), "{message}");
    assert!(message.contains("--url"), "{message}");

    assert_eq!(server.stop(), Some(0));
    assert_eq!(rows_of(data.path(), "crews"), 1);
}

#[test]
fn the_server_says_once_where_it_listens_and_stores() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    assert!(
        server.url.starts_with("http://127.0.0.1:"),
        "{}",
        server.banner
    );
    assert!(!server.url.ends_with(":0"), "{}", server.banner);
}

#[test]
fn the_demo_is_sent_over_http_and_counted_once() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let send = || {
        let output = run(&["demo", "--crews", "20", "--seed", "7", "--url", &server.url]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(stdout(&output).starts_with("sent "), "{}", stdout(&output));
        json(&[&["tables", "--format", "json"][..], &server.options()].concat())
    };
    let once = send();
    let crews = sql(
        data.path(),
        "SELECT count(DISTINCT key) AS crews FROM crews",
    );
    assert!(crews[0]["crews"].as_u64().unwrap() > 5, "{crews}");
    assert_eq!(send(), once, "the same week adds nothing");
}

#[test]
fn a_misspelt_filter_is_named_with_what_was_probably_meant() {
    let data = ingested(&["crewai-1.15.30/default"]);
    let server = Server::start(data.path());
    let folder = ["--data", path(data.path())];
    for place in [&folder[..], &server.options()] {
        for (filter, expected) in [
            (
                ["--framework", "CrewAI"],
                "the framework \"CrewAI\"; did you mean \"crewai\"?",
            ),
            (
                ["--version", "v1.15.30"],
                "the release \"v1.15.30\"; did you mean \"1.15.30\"?",
            ),
            (["--version", "9.*"], "a release that begins with \"9.\""),
        ] {
            let answered = run(&[&["report", "tools"], &filter[..], place].concat());
            let notes = stderr(&answered);
            assert_eq!(answered.status.code(), Some(0), "{notes}");
            assert!(notes.contains(expected), "{filter:?}: {notes}");
        }
        let filter = ["--framework", "crewai", "--version", "1.15.*"];
        let answered = run(&[&["report", "overview"], &filter[..], place].concat());
        assert!(!stderr(&answered).contains("no stored record"));
    }
    // Nothing is quietly taken for a report, either.
    let answered = run(&["report", "tool"]);
    assert_eq!(answered.status.code(), Some(2));
    assert!(
        stderr(&answered).contains("'tools'"),
        "{}",
        stderr(&answered)
    );
}

#[test]
fn what_is_wrong_with_a_query_is_said_without_the_engines_words() {
    let data = ingested(&["crewai-1.15.30/default"]);
    let server = Server::start(data.path());
    let folder = ["--data", path(data.path())];
    for place in [&folder[..], &server.options()] {
        for (query, expected) in [
            ("SELECT key FORM crews", "it is not valid SQL: "),
            ("SELEC 1", "it is not valid SQL: "),
            (
                "SELECT * FROM crew",
                "there is no table \"crew\"; did you mean \"crews\"?",
            ),
            ("SELECT kee FROM crews", "kee"),
            ("SELECT 1 FROM", "it is not valid SQL: "),
        ] {
            let refused = run(&[&["sql", query], place].concat());
            let text = stderr(&refused);
            assert_eq!(refused.status.code(), Some(1), "{query}: {text}");
            for word in [
                "ParserError",
                "datafusion",
                "Error during planning",
                "Schema error",
            ] {
                assert!(!text.contains(word), "{query}: {text}");
            }
            assert!(text.contains(expected), "{query}: {text}");
        }
    }
}
