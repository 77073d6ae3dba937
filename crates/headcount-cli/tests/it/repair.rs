//! `headcount check --repair`, as the people see it who run it and those who ask afterwards.

use std::fs;

use crate::damage::{damage, get, stored};
use crate::support::{Server, json, path, run, stderr, stdout};

const QUERY: [&str; 4] = [
    "sql",
    "SELECT count(id) AS crews FROM crews",
    "--format",
    "json",
];

#[test]
fn a_repair_sets_aside_what_is_bad_and_answers_go_on_to_say_what_is_missing() {
    let data = stored();
    let file = damage(data.path(), "default/crews");
    let repair = ["check", "--repair", "--data", path(data.path())];
    let server = Server::start_with(data.path(), &["--public"]);
    let refused = run(&repair);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("stop it first"),
        "{}",
        stderr(&refused)
    );
    assert_eq!(server.stop(), Some(0));
    assert!(file.exists());

    let repaired = run(&repair);
    assert_eq!(repaired.status.code(), Some(1), "rows are lost");
    let said = stdout(&repaired);
    assert!(said.contains("removed from its table"), "{said}");
    assert!(
        said.contains("given up by a repair"),
        "what is still missing: {said}"
    );
    assert!(!file.exists());
    let again = run(&repair);
    assert!(
        stdout(&again).contains("there is nothing to repair"),
        "{}",
        stdout(&again)
    );

    let server = Server::start_with(data.path(), &["--public"]);
    for _ in 0..2 {
        let report = get(&format!("{}/api/v1/reports/crews", server.url));
        assert_eq!(report.status, 200, "{}", report.body);
        let says = "rows of the table crews are missing from this answer";
        assert!(report.notes.contains(says), "{}", report.notes);
        for target in [&server.options()[..], &["--data", path(data.path())]] {
            let asked = run(&[&QUERY[..], target].concat());
            assert_eq!(asked.status.code(), Some(1), "a part is missing");
            assert!(stderr(&asked).contains(says), "{}", stderr(&asked));
        }
    }
    let ready = get(&format!("{}/readyz", server.url));
    assert!(!ready.body.contains("cannot be read"), "{}", ready.body);
    assert_eq!(server.stop(), Some(0));
    // Who has seen it, and can live with it, says so.
    fs::remove_file(data.path().join("lost-rows")).unwrap();
    let check = run(&["check", "--data", path(data.path())]);
    assert_eq!(check.status.code(), Some(0), "{}", stdout(&check));
    json(&[&QUERY[..], &["--data", path(data.path())]].concat());
}

#[test]
fn a_repair_from_a_backup_loses_nothing() {
    let (data, backup) = (stored(), tempfile::tempdir().unwrap());
    let before = json(&[&QUERY[..], &["--data", path(data.path())]].concat());
    let backed_up = run(&["backup", path(backup.path()), "--data", path(data.path())]);
    assert_eq!(backed_up.status.code(), Some(0), "{}", stderr(&backed_up));
    let file = damage(data.path(), "default/crews");
    let damaged = fs::read(&file).unwrap();
    let repair = ["check", "--repair", "--data", path(data.path())];
    let from = [&repair[..], &["--from", path(backup.path())]].concat();
    let repaired = run(&from);
    assert_eq!(repaired.status.code(), Some(0), "{}", stderr(&repaired));
    assert!(stdout(&repaired).contains("restored from the backup"));
    assert_ne!(fs::read(&file).unwrap(), damaged);
    let after = json(&[&QUERY[..], &["--data", path(data.path())]].concat());
    assert_eq!(after, before);
    let other = stored();
    let from = ["check", "--repair", "--data", path(other.path()), "--from"];
    let refused = run(&[&from[..], &[path(backup.path())]].concat());
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("another data folder"),
        "{}",
        stderr(&refused)
    );
    let alone = run(&["check", "--from", path(backup.path())]);
    assert_eq!(alone.status.code(), Some(2));
}
