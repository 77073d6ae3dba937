//! `headcount audit`: the account of a folder, beside a server and from it, and what it says when rows are gone.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Server, corpus, json, path, run, stderr};

/// The files in the folder and below, in order.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(walk(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// The captured requests of one scenario.
fn captured() -> Vec<PathBuf> {
    let mut files = walk(&corpus("crewai-1.15.30"));
    files.retain(|file| {
        let ending = file.extension();
        ending.is_some_and(|ending| ending == "pb" || ending == "bin")
    });
    files
}

fn ingest(options: &[&str]) {
    let files = captured();
    let mut arguments = vec!["ingest"];
    arguments.extend(options);
    arguments.extend(files.iter().map(|file| path(file)));
    let output = run(&arguments);
    assert!(output.status.success(), "{}", stderr(&output));
}

/// The sums of a column over all rows.
fn sum(rows: &Value, column: &str) -> i64 {
    let rows = rows.as_array().unwrap();
    rows.iter().filter_map(|row| row[column].as_i64()).sum()
}

fn audit(options: &[&str]) -> Value {
    json(&[&["audit", "--format", "json"], options].concat())
}

#[test]
fn the_account_is_the_same_from_the_folder_and_from_its_server() {
    let folder = tempfile::tempdir().unwrap();
    let data = path(folder.path());
    let missing = run(&["audit", "--data", "/nonexistent/folder"]);
    assert_eq!(missing.status.code(), Some(3));
    let server = Server::start(folder.path());
    ingest(&["--url", &server.url]);
    let beside = audit(&["--data", data]);
    assert_eq!(audit(&server.options()), beside);
    assert_eq!(sum(&beside, "difference"), 0);
    let taken = sum(&beside, "taken");
    assert!(taken > 0, "{beside}");
    let held = sum(&beside, "stored") + sum(&beside, "refused");
    assert_eq!(held, taken, "{beside}");
    assert!(sum(&beside, "refused") > 0, "{beside}");
    let days = audit(&[&["--view", "days"][..], &server.options()].concat());
    assert_eq!(sum(&days, "taken"), taken);
    let retention = audit(&[&["--view", "retention"][..], &server.options()].concat());
    let crews = &retention[0];
    assert_eq!(crews["table_name"], "crews");
    assert_eq!(
        (&crews["days_allowed"], &crews["kept_too_long"]),
        (&400.into(), &0.into())
    );
    assert!(crews["oldest"].as_str().unwrap().starts_with("20"));
    // What comes again is counted with the next flush, at the latest.
    ingest(&["--url", &server.url]);
    assert_eq!(server.stop(), Some(0));
    let flushed = audit(&["--data", data]);
    assert_eq!(sum(&flushed, "difference"), 0);
    assert_eq!(sum(&flushed, "taken"), taken * 2, "{flushed}");
    assert_eq!(sum(&flushed, "duplicate"), taken, "{flushed}");
}

/// The newest commit of the table, without the file that it adds.
fn lose_a_file(table: &Path) {
    let commit = table.join("_delta_log/00000000000000000000.json");
    let text = fs::read_to_string(&commit).unwrap();
    let mut lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    lines.retain(|action| action.get("add").is_none());
    // As if the collector had written it so: its checksum is of the other lines.
    lines[0]["commitInfo"]
        .as_object_mut()
        .unwrap()
        .remove("headcount.crc32");
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    fs::write(commit, lines.join("\n")).unwrap();
}

#[test]
fn rows_that_are_gone_are_named_with_their_table_and_day() {
    let folder = tempfile::tempdir().unwrap();
    let data = path(folder.path());
    ingest(&["--data", data]);
    assert_eq!(run(&["audit", "--data", data]).status.code(), Some(0));
    lose_a_file(&folder.path().join("tables/default/crews"));
    let output = run(&["audit", "--data", data, "--format", "csv"]);
    assert_eq!(output.status.code(), Some(1));
    let notes = stderr(&output);
    assert!(
        notes.contains("the account is not whole: ") && notes.contains("of the table crews on 20"),
        "{notes}"
    );
    assert!(!notes.contains("table agents"), "{notes}");
    let unknown = run(&["audit", "--data", data, "--keep", "4000"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("between 1 and 400 days"));
}
