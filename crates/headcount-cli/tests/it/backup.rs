//! Backups of a folder on which a server runs, and what is restored of them.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use ureq::Agent;

use crate::damage::{damage, stored, walk};
use crate::durability::{CREWS, crew_id, post, request};
use crate::support::{Server, headcount, json, path, run, stderr, stdout};

/// How often each crew is in the folder.
fn crews(data: &Path) -> HashMap<String, u64> {
    let query = "SELECT id, count(*) AS times FROM crews GROUP BY id";
    let rows = json(&["sql", query, "--data", path(data), "--format", "json"]);
    let pair = |row: &Value| {
        let id = row["id"].as_str().unwrap().to_owned();
        (id, row["times"].as_u64().unwrap())
    };
    rows.as_array().unwrap().iter().map(pair).collect()
}

fn back_up(data: &Path, repository: &Path) -> String {
    let output = run(&["backup", path(repository), "--data", path(data)]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    stdout(&output)
}

fn restore(repository: &Path, options: &[&str]) -> (tempfile::TempDir, std::process::Output) {
    let to = tempfile::tempdir().unwrap();
    let command = ["restore", path(repository), path(to.path())];
    let output = run(&[&command[..], options].concat());
    (to, output)
}

fn tables(data: &Path) -> Value {
    json(&["tables", "--data", path(data), "--format", "json"])
}

#[test]
fn a_backup_beside_a_loaded_server_has_every_request_that_was_acknowledged_before() {
    let (data, repository) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let server = Server::start(data.path());
    let (next, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let acknowledged: Mutex<HashSet<u64>> = Mutex::default();
    let mut points = Vec::new();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let agent = Agent::new_with_defaults();
                while !is_over.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    assert!(post(&agent, &server.url, &request(number, now)));
                    acknowledged.lock().unwrap().insert(number);
                }
            });
        }
        for _ in 0..4 {
            thread::sleep(Duration::from_millis(200));
            let before = acknowledged.lock().unwrap().clone();
            let said = back_up(data.path(), repository.path());
            let id = said.split_whitespace().nth(1).unwrap();
            points.push((id.trim_end_matches(':').to_owned(), before));
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(points.iter().all(|(_, before)| !before.is_empty()));
    for (id, before) in points {
        let (restored, output) = restore(repository.path(), &["--point", &id]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let crews = crews(restored.path());
        for crew in before
            .iter()
            .flat_map(|number| number * CREWS..(number + 1) * CREWS)
        {
            assert_eq!(crews.get(&crew_id(crew)), Some(&1), "{id}: crew {crew}");
        }
        assert!(
            crews.values().all(|times| *times == 1),
            "nothing is there twice"
        );
        assert_eq!(crews.len() as u64 % CREWS, 0, "no request is there in part");
    }
    // A server goes on with what was restored.
    let (restored, _) = restore(repository.path(), &[]);
    let server = Server::start(restored.path());
    let agent = Agent::new_with_defaults();
    let before = crews(restored.path()).len() as u64;
    for number in [0, 1_000_000] {
        assert!(post(&agent, &server.url, &request(number, now)));
    }
    assert_eq!(server.stop(), Some(0));
    assert_eq!(crews(restored.path()).len() as u64, before + CREWS);
}

#[test]
fn what_is_restored_is_what_was_backed_up_file_by_file() {
    let data = stored();
    let repository = tempfile::tempdir().unwrap();
    back_up(data.path(), repository.path());
    let again = back_up(data.path(), repository.path());
    assert!(
        again.contains("; 0 files, 0 bytes of it are new"),
        "{again}"
    );
    let (to, output) = restore(repository.path(), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let content = |root: &Path| {
        let files = walk(root).into_iter().map(|file| {
            let bytes = fs::read(&file).unwrap();
            (file.strip_prefix(root).unwrap().to_path_buf(), bytes)
        });
        let is_kept = |(path, _): &(PathBuf, Vec<u8>)| !path.ends_with("LOCK");
        files.filter(is_kept).collect::<Vec<_>>()
    };
    assert_eq!(content(to.path()), content(data.path()));
    assert_eq!(tables(to.path()), tables(data.path()));
    let check = run(&["check", "--data", path(to.path())]);
    assert_eq!(check.status.code(), Some(0), "{}", stdout(&check));
    let verified = run(&["backup", "verify", path(repository.path())]);
    assert_eq!(verified.status.code(), Some(0), "{}", stderr(&verified));
    let list = json(&[
        "backup",
        "list",
        path(repository.path()),
        "--format",
        "json",
    ]);
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!(list[0]["damaged"], 0);
    let kept = run(&[
        &[
            "backup",
            path(repository.path()),
            "--data",
            path(data.path()),
        ][..],
        &["--keep", "2"],
    ]
    .concat());
    assert!(
        stdout(&kept).contains("points that are left: 2"),
        "{}",
        stdout(&kept)
    );
    let full = run(&["restore", path(repository.path()), path(to.path())]);
    assert_eq!(full.status.code(), Some(1));
    assert!(stderr(&full).contains("is not empty"), "{}", stderr(&full));
}

#[test]
fn a_damaged_file_is_named_and_left_out_unless_an_earlier_backup_has_it() {
    let data = stored();
    let (early, late) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    back_up(data.path(), early.path());
    let file = damage(data.path(), "default/crews");
    let name = file.file_name().unwrap().to_str().unwrap();
    let output = run(&["backup", path(late.path()), "--data", path(data.path())]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(name), "{}", stderr(&output));
    let list = json(&["backup", "list", path(late.path()), "--format", "json"]);
    assert_eq!(list[0]["damaged"], 1);
    let (to, output) = restore(late.path(), &[]);
    assert_eq!(output.status.code(), Some(1), "a part is missing");
    assert!(stderr(&output).contains(name), "{}", stderr(&output));
    let asked = run(&[
        "sql",
        "SELECT count(id) FROM crews",
        "--data",
        path(to.path()),
    ]);
    assert_eq!(asked.status.code(), Some(1));
    let errors = stderr(&asked);
    assert!(errors.contains("are missing from this answer"), "{errors}");
    let others = run(&[
        "sql",
        "SELECT count(id) FROM agents",
        "--data",
        path(to.path()),
    ]);
    assert_eq!(others.status.code(), Some(0), "{}", stderr(&others));

    back_up(data.path(), early.path());
    let (to, output) = restore(early.path(), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let asked = run(&[
        "sql",
        "SELECT count(id) FROM crews",
        "--data",
        path(to.path()),
    ]);
    assert_eq!(asked.status.code(), Some(0), "{}", stderr(&asked));
}

#[test]
fn a_killed_backup_costs_itself_alone() {
    let data = stored();
    let repository = tempfile::tempdir().unwrap();
    back_up(data.path(), repository.path());
    let points = |repository: &Path| {
        let list = json(&["backup", "list", path(repository), "--format", "json"]);
        list.as_array().unwrap().len()
    };
    let mut killed = 0;
    for delay in (0..20).map(|step| Duration::from_millis(step * 10)) {
        // Everything is copied anew, so that there is something to be killed in.
        fs::remove_dir_all(repository.path().join("content")).unwrap();
        let mut command = headcount();
        command.args([
            "backup",
            path(repository.path()),
            "--data",
            path(data.path()),
        ]);
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while begun.elapsed() < delay {
            thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        killed += u32::from(!child.wait().unwrap().success());
        assert!(points(repository.path()) >= 1);
        let output = run(&[
            "backup",
            path(repository.path()),
            "--data",
            path(data.path()),
            "--keep",
            "1",
        ]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let verified = run(&["backup", "verify", path(repository.path())]);
        assert_eq!(verified.status.code(), Some(0), "{}", stderr(&verified));
        let left = walk(repository.path()).into_iter();
        let is_unfinished = |file: &PathBuf| file.to_string_lossy().ends_with(".tmp");
        assert_eq!(left.filter(is_unfinished).count(), 0);
    }
    assert!(killed > 2, "{killed}");
    let (to, output) = restore(repository.path(), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(tables(to.path()), tables(data.path()));
}

#[test]
fn a_bucket_is_named_by_its_address_and_errors_say_what_to_do() {
    let data = stored();
    for (address, advice) in [
        ("s3://", "write s3://BUCKET/PREFIX"),
        ("http://127.0.0.1:9/backups", "write s3://BUCKET/PREFIX"),
        (
            "s3://key:secret@backups/x",
            "credentials come from the environment",
        ),
    ] {
        for command in [
            ["backup", address, "--data", path(data.path())],
            ["backup", "--to", address, "--data"],
            ["restore", address, path(data.path()), "--partial"],
            ["check", "--repair", "--from", address],
        ] {
            let command = match command {
                [.., "--data"] => [&command[..], &[path(data.path())]].concat(),
                _ => command.to_vec(),
            };
            let output = run(&command);
            assert_eq!(output.status.code(), Some(2), "{command:?}");
            assert!(stderr(&output).contains(advice), "{}", stderr(&output));
        }
    }
    // Where there are no credentials the command says so, and does not wait for a service that only Amazon's machines have.
    let mut command = headcount();
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command.env("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9");
    command.args(["backup", "s3://backups/x", "--data", path(data.path())]);
    let begun = Instant::now();
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("s3://backups/x"), "{said}");
    assert!(said.contains("set AWS_ACCESS_KEY_ID"), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(30));
    assert!(!Path::new("s3:").exists(), "no folder of that name");
}
