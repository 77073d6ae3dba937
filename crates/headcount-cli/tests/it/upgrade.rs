//! Upgrades from every format of the data folder that landed, and downgrades, which are refused. `tests/folders/README.md` says what
//! made the folders.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::damage::walk;
use crate::support::{Server, corpus, json, path, run, stderr, stdout};

/// The folders, and whether spans that they hold are recognised when they are sent again: `docs/formats/wal.md`, "Fingerprints".
const FOLDERS: [(&str, bool); 4] = [
    ("2026-11-30-without-checksums", false),
    ("2026-12-01-with-checksums", true),
    ("2026-12-01-with-accounts", true),
    ("2026-12-01-with-orders-of-crews", true),
];

fn folder(name: &str) -> PathBuf {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/folders");
    folders.join(name)
}

/// A copy of one of the folders' data.
fn copied(name: &str) -> tempfile::TempDir {
    let (from, to) = (folder(name).join("data"), tempfile::tempdir().unwrap());
    for file in walk(&from) {
        let copy = to.path().join(file.strip_prefix(&from).unwrap());
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(&file, copy).unwrap();
    }
    to
}

fn ask(data: &Path, query: &str) -> Value {
    json(&["sql", query, "--data", path(data), "--format", "json"])
}

/// What the program that made the folder answered, asked of today's.
fn answers(data: &Path) -> Value {
    let tools =
        "SELECT tool_name, count(*) AS uses FROM tool_uses GROUP BY tool_name ORDER BY tool_name";
    let crews = "SELECT id, key, framework_version FROM crews ORDER BY id";
    let refusals =
        "SELECT reason, sum(count) AS count FROM refusals GROUP BY reason ORDER BY reason";
    serde_json::json!({
        "crews": ask(data, crews),
        "tools": ask(data, tools),
        "refusals": ask(data, refusals),
    })
}

fn rows(data: &Path, table: &str) -> u64 {
    let counted = ask(data, &format!("SELECT count(*) AS n FROM {table}"));
    counted[0]["n"].as_u64().unwrap()
}

/// Fails unless each day's difference is 0; a day of which that is not known has to say so.
fn assert_accounted_for(data: &Path, context: &str) {
    let audit = run(&[
        "audit",
        "--view",
        "days",
        "--data",
        path(data),
        "--format",
        "json",
    ]);
    let days: Value = serde_json::from_str(&stdout(&audit)).unwrap();
    assert!(!days.as_array().unwrap().is_empty(), "{context}");
    for day in days.as_array().unwrap() {
        let is_whole = day["difference"].as_i64() == Some(0);
        assert!(is_whole, "{context}: {day}\n{}", stderr(&audit));
    }
}

fn send(server: &Server, scenario: &str) {
    let body = corpus("crewai-1.15.30").join(scenario).join("000.bin");
    let sent = run(&["ingest", "--url", &server.url, path(&body)]);
    assert!(sent.status.success(), "{}", stderr(&sent));
}

#[test]
fn a_folder_of_every_format_that_landed_is_opened_answered_from_and_written_to() {
    for (name, remembers) in FOLDERS {
        let copy = copied(name);
        let data = copy.path();
        let expected = fs::read_to_string(folder(name).join("expected.json")).unwrap();
        let expected: Value = serde_json::from_str(&expected).unwrap();
        let before = answers(data);
        for question in ["crews", "tools", "refusals"] {
            assert_eq!(before[question], expected[question], "{name}: {question}");
        }
        for table in expected["rows"].as_array().unwrap() {
            let (table_name, count) = (table["table_name"].as_str(), table["rows"].as_u64());
            let table_name = table_name.unwrap();
            assert_eq!(Some(rows(data, table_name)), count, "{name}: {table_name}");
        }
        assert_accounted_for(data, name);
        let check = run(&["check", "--data", path(data)]);
        assert_eq!(check.status.code(), Some(0), "{name}: {}", stdout(&check));
        let crews = run(&["report", "crews", "--data", path(data)]);
        assert_eq!(crews.status.code(), Some(0), "{name}: {}", stderr(&crews));

        // The upgrade: rows go on from the log to the tables, new ones come, and old ones are known.
        let there = rows(data, "crews");
        let server = Server::start(data);
        assert_accounted_for(data, name);
        send(&server, "default");
        send(&server, "errors");
        assert_eq!(server.stop(), Some(0), "{name}");
        let format = fs::read_to_string(data.join("format")).unwrap();
        assert_eq!(format, "version 2\n", "{name}");
        assert_accounted_for(data, name);
        let new = rows(data, "crews") - there;
        assert_eq!(new, if remembers { 1 } else { 2 }, "{name}");
        let check = run(&["check", "--data", path(data)]);
        assert_eq!(check.status.code(), Some(0), "{name}: {}", stdout(&check));
        // Old files are rewritten: every row of a crew leaves, and nothing of it stays behind.
        let key = before["crews"][0]["key"].as_str().unwrap().to_owned();
        let erased = run(&["erase", "--crew-key", &key, "--data", path(data), "--prove"]);
        assert_eq!(erased.status.code(), Some(0), "{name}: {}", stderr(&erased));
        assert_accounted_for(data, name);
    }
}

/// What a program of before makes of a folder that a later one wrote.
fn refusal(data: &Path, arguments: &[&str]) -> String {
    let refused = run(&[arguments, &["--data", path(data)]].concat());
    assert_ne!(refused.status.code(), Some(0), "{arguments:?}");
    stderr(&refused)
}

fn assert_says(refusal: &str, said: &[&str]) {
    for said in said {
        assert!(refusal.contains(said), "{said}: {refusal}");
    }
}

const NEWEST: &str = "2026-12-01-with-orders-of-crews";

#[test]
fn a_folder_of_a_newer_format_is_refused_by_every_command_and_left_as_it_is() {
    let copy = copied(NEWEST);
    let data = copy.path();
    fs::write(data.join("format"), "version 3\n").unwrap();
    let state = || -> Vec<(PathBuf, Vec<u8>)> {
        let files = walk(data).into_iter();
        let files = files.filter(|file| !file.ends_with("LOCK"));
        files
            .map(|file| (file.clone(), fs::read(&file).unwrap()))
            .collect()
    };
    let before = state();
    let (repository, captured) = (tempfile::tempdir().unwrap(), corpus("crewai-1.15.30"));
    let commands: [&[&str]; 9] = [
        &["serve", "--http", "127.0.0.1:0", "--grpc", "none"],
        &["ingest", path(&captured)],
        &["sql", "SELECT count(*) FROM crews"],
        &["report", "crews"],
        &["tables"],
        &["audit"],
        &["check"],
        &["check", "--repair"],
        &["backup", path(repository.path())],
    ];
    for command in commands {
        let refused = refusal(data, command);
        assert_says(
            &refused,
            &[
                "/format has format version 3",
                "up to version 2",
                "start that version or a later one",
            ],
        );
        assert_eq!(state(), before, "{command:?}");
    }
}

#[test]
fn a_log_of_a_newer_format_is_refused_and_not_quarantined() {
    let copy = copied(NEWEST);
    let data = copy.path();
    let mut segments = walk(&data.join("wal"));
    segments.retain(|file| file.extension().is_some_and(|ending| ending == "wal"));
    let segment = segments.first().unwrap();
    let mut bytes = fs::read(segment).unwrap();
    bytes[8] += 1;
    fs::write(segment, &bytes).unwrap();
    let commands: [&[&str]; 4] = [
        &["serve", "--http", "127.0.0.1:0", "--grpc", "none"],
        &["sql", "SELECT count(*) FROM crews"],
        &["check"],
        &["audit"],
    ];
    for command in commands {
        let refused = refusal(data, command);
        let name = segment.file_name().unwrap().to_str().unwrap();
        assert_says(
            &refused,
            &[
                name,
                "format version 2",
                "up to version 1",
                "start that version or a later one",
            ],
        );
        assert!(!refused.contains("damaged"), "{refused}");
        assert_eq!(fs::read(segment).unwrap(), bytes, "{command:?}");
    }
}

#[test]
fn tokens_of_a_newer_format_are_refused_and_not_made_anew() {
    let copy = copied(NEWEST);
    let data = copy.path();
    let made = run(&["token", "new", "--role", "viewer", "--data", path(data)]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let file = data.join("tokens.json");
    let text = fs::read_to_string(&file).unwrap();
    let newer = text.replace("\"version\": 1", "\"version\": 2");
    assert_ne!(newer, text);
    fs::write(&file, &newer).unwrap();
    let commands: [&[&str]; 3] = [
        &["serve", "--http", "127.0.0.1:0", "--grpc", "none"],
        &["token", "list"],
        &["token", "new", "--role", "viewer"],
    ];
    for command in commands {
        let refused = refusal(data, command);
        assert_says(
            &refused,
            &[
                "tokens.json",
                "format version 2",
                "version 1",
                "start that version or a later one",
            ],
        );
        assert_eq!(fs::read_to_string(&file).unwrap(), newer, "{command:?}");
    }
}

/// A table that needs more of Delta's protocol than is implemented is refused alone.
#[test]
fn a_table_of_a_newer_protocol_is_refused_and_the_others_are_answered() {
    let copy = copied(NEWEST);
    let data = copy.path();
    let log = data.join("tables/default/crews/_delta_log");
    let last = walk(&log).pop().unwrap();
    let version: u64 = last.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let next = log.join(format!("{:020}.json", version + 1));
    let raised = serde_json::json!({"protocol": {"minReaderVersion": 4, "minWriterVersion": 8}});
    let info = serde_json::json!({"commitInfo": {"operation": "UPGRADE PROTOCOL"}});
    fs::write(&next, format!("{info}\n{raised}\n")).unwrap();
    let refused = refusal(data, &["sql", "SELECT count(*) FROM crews"]);
    assert_says(&refused, &["table crews", "protocol version 4/8", "3/7"]);
    assert!(rows(data, "agents") > 0);
    let server = Server::start(data);
    send(&server, "errors");
    assert!(rows(data, "agents") > 0);
    // Its rows wait in the log, and the server says so as it ends.
    let _code = server.stop();
    assert!(next.exists());
}
