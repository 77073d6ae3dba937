//! Damage of stored data, as the people see it who ask: no answer hides it, and none gives a path of the server away.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Server, corpus, json, path, run, stderr, stdout};

/// A folder with the traces of one crew in its tables.
pub(crate) fn stored() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let captured = corpus("crewai-1.15.30");
    let mut files: Vec<PathBuf> = walk(&captured);
    files.retain(|file| {
        file.extension()
            .is_some_and(|ending| ending == "pb" || ending == "bin")
    });
    let mut arguments = vec!["ingest", "--data", path(folder.path())];
    arguments.extend(files.iter().map(|file| path(file)));
    let output = run(&arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    folder
}

pub(crate) fn walk(folder: &Path) -> Vec<PathBuf> {
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

/// Flips a bit in a file of the table.
pub(crate) fn damage(data: &Path, table: &str) -> PathBuf {
    let mut files = walk(&data.join("tables").join(table));
    files.retain(|file| file.extension().is_some_and(|ending| ending == "parquet"));
    let file = files.remove(0);
    let mut bytes = fs::read(&file).unwrap();
    bytes[40] ^= 4;
    fs::write(&file, bytes).unwrap();
    file
}

pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) notes: String,
    pub(crate) body: String,
}

pub(crate) fn get(url: &str) -> Response {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build();
    let mut response = ureq::Agent::new_with_config(config)
        .get(url)
        .call()
        .unwrap();
    let notes = response.headers().get_all("headcount-note").iter();
    let notes: Vec<&str> = notes.map(|note| note.to_str().unwrap()).collect();
    Response {
        status: response.status().as_u16(),
        notes: notes.join("\n"),
        body: response.body_mut().read_to_string().unwrap(),
    }
}

#[test]
fn a_check_names_a_damaged_file_and_fails() {
    let data = stored();
    let sound = run(&["check", "--data", path(data.path())]);
    assert_eq!(sound.status.code(), Some(0), "{}", stderr(&sound));
    assert_eq!(stdout(&sound), "");
    assert!(stderr(&sound).contains("nothing is damaged"));
    let file = damage(data.path(), "default/crews");
    let found = run(&["check", "--data", path(data.path()), "--format", "json"]);
    assert_eq!(found.status.code(), Some(1));
    let found: serde_json::Value = serde_json::from_str(&stdout(&found)).unwrap();
    let relative = file.strip_prefix(data.path()).unwrap();
    assert_eq!(found[0]["file"], path(relative));
    assert_eq!(found[0]["table"], "crews");
    assert!(found[0]["rows"].as_u64().unwrap() > 0);
    assert!(found[0]["problem"].as_str().unwrap().contains("checksum"));
    assert_eq!(found.as_array().unwrap().len(), 1);
    let nothing = run(&["check", "--data", path(&data.path().join("nowhere"))]);
    assert_eq!(nothing.status.code(), Some(3));
}

#[test]
fn an_answer_says_which_rows_are_missing_and_gives_no_path_away() {
    let data = stored();
    let crews = |answer: &serde_json::Value| answer[0]["crews"].as_u64().unwrap();
    let query = [
        "sql",
        "SELECT count(*) AS crews, max(framework) AS f FROM crews",
        "--format",
        "json",
    ];
    let before = json(&[&query[..], &["--data", path(data.path())]].concat());
    assert!(crews(&before) > 0);
    let file = damage(data.path(), "default/crews");
    let server = Server::start_with(data.path(), &["--public"]);
    // A report of everybody, first: its cause is found while it is answered.
    let report = get(&format!("{}/api/v1/reports/crews", server.url));
    assert_eq!(report.status, 200, "{}", report.body);
    assert!(
        report
            .notes
            .contains("rows of the table crews are missing from this answer"),
        "{}",
        report.notes
    );
    assert!(
        !report.notes.contains("damaged file"),
        "how many is for the owner: {}",
        report.notes
    );
    let page = get(&format!("{}/", server.url));
    assert_eq!(page.status, 200);
    assert!(
        page.body
            .contains("Attention: rows of the table crews are missing")
    );
    let ready = get(&format!("{}/readyz", server.url));
    assert_eq!(ready.status, 200);
    assert!(ready.body.starts_with("ready\n"), "{}", ready.body);
    assert!(
        ready
            .body
            .contains("files of tables that cannot be read: 1; run headcount check"),
        "{}",
        ready.body
    );
    for response in [&report.body, &page.body, &ready.body] {
        assert!(!response.contains(path(data.path())), "{response}");
        assert!(!response.contains(".parquet"), "{response}");
    }
    // The owner's SQL, in the process of its own; and the folder, read beside the server.
    for target in [&server.options()[..], &["--data", path(data.path())]] {
        let asked = run(&[&query[..], target].concat());
        let errors = stderr(&asked);
        assert_eq!(asked.status.code(), Some(1), "a part is missing: {errors}");
        assert!(errors.contains("are missing from this answer"), "{errors}");
        assert!(
            errors.contains("in 1 damaged file, which `headcount check` names"),
            "{errors}"
        );
        let left: serde_json::Value = serde_json::from_str(&stdout(&asked)).unwrap();
        assert!(crews(&left) < crews(&before));
    }
    let other = run(&[
        &["sql", "SELECT count(*) FROM agents"][..],
        &server.options(),
    ]
    .concat());
    assert!(!stderr(&other).contains("missing"), "{}", stderr(&other));
    drop(file);
}

#[test]
fn a_table_that_cannot_be_read_is_no_fault_of_the_question() {
    let data = stored();
    let log = data.path().join("tables/default/crews/_delta_log");
    let commit = walk(&log).remove(0);
    fs::write(&commit, "{\"commitInfo\":").unwrap();
    let server = Server::start_with(data.path(), &["--public"]);
    let report = get(&format!("{}/api/v1/reports/crews", server.url));
    assert_eq!(report.status, 503, "{}", report.body);
    assert!(!report.body.contains("_delta_log"), "{}", report.body);
    assert!(!report.body.contains(path(data.path())), "{}", report.body);
    let ready = get(&format!("{}/readyz", server.url));
    assert!(
        ready.body.contains("table crews cannot be read"),
        "{}",
        ready.body
    );
    let owner = run(&[
        &["sql", "SELECT count(*) FROM crews"][..],
        &server.options(),
    ]
    .concat());
    assert_eq!(owner.status.code(), Some(1));
    assert!(
        stderr(&owner).contains("00000000000000000000.json"),
        "{}",
        stderr(&owner)
    );
    let others = get(&format!("{}/api/v1/reports/tools", server.url));
    assert_eq!(others.status, 200, "{}", others.body);
}
