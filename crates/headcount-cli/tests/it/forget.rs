//! `headcount forget`: the collector erases everything that an installation sent, and nothing else.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Server, headcount, json, path};
use headcount::{Crew, Telemetry, Tool};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

/// One machine's client: it sends a crew that shares its content, and tools with names of its own.
struct Machine {
    home: tempfile::TempDir,
    /// A text in the name of a tool and in the content.
    mark: &'static str,
}

impl Machine {
    fn new(mark: &'static str) -> Self {
        let home = tempfile::tempdir().unwrap();
        Self { home, mark }
    }

    fn send(&self, url: &str) {
        let telemetry = Telemetry::builder("my-framework", "2.5.0")
            .endpoint(url)
            .home(self.home.path())
            .told_user(true)
            .start();
        let crew = Crew::new()
            .name(self.mark)
            .inputs(format!("about {}", self.mark))
            .share_crew(true);
        let run = telemetry.crew_started(&crew);
        telemetry.tool_used(&Tool::new(self.mark), 1, Some("gpt-4o"));
        telemetry.feature_used("memory:save");
        run.complete_with(format!("all about {}", self.mark));
        assert!(telemetry.flush(Duration::from_secs(20)), "{telemetry:?}");
    }

    /// Records an event that is not sent.
    fn record(&self) {
        let telemetry = Telemetry::builder("my-framework", "2.5.0")
            .home(self.home.path())
            .told_user(true)
            .start();
        telemetry.tool_used(&Tool::new("unsent"), 1, None);
    }

    /// Runs `headcount forget`; returns its exit code and output.
    fn forget(&self, further: &[&str]) -> (Option<i32>, String) {
        let output = headcount()
            .args(["forget", "my-framework"])
            .args(further)
            .env("HEADCOUNT_HOME", self.home.path())
            // It works even if telemetry is off.
            .env("OTEL_SDK_DISABLED", "true")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text)
    }

    fn folder(&self) -> PathBuf {
        self.home.path().join("state/my-framework")
    }
}

/// `(table, rows)` of the tables that have any, and all their rows as text.
fn contents(data: &Path) -> (Vec<(String, u64)>, String) {
    let tables = json(&["tables", "--data", path(data), "--format", "json"]);
    let mut counts = Vec::new();
    let mut all = String::new();
    for table in tables.as_array().unwrap() {
        let name = table["table_name"].as_str().unwrap();
        let query = format!("SELECT * FROM {name}");
        let rows = json(&["sql", &query, "--data", path(data), "--format", "json"]);
        let rows = rows.as_array().unwrap();
        if name != "refusals" && !rows.is_empty() {
            counts.push((name.to_owned(), rows.len() as u64));
        }
        all.push_str(&Value::from(rows.clone()).to_string());
    }
    (counts, all)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        // A running server removes files meanwhile.
        let Ok(entry) = entry else { continue };
        let path = entry.path();
        match path.is_dir() {
            true => files.extend(self::files(&path)),
            false => files.push(path),
        }
    }
    files
}

/// The files in the data folder, whether or not a table knows them, that hold a byte of `marks`. Parquet files are compressed:
/// each is read whole.
fn files_with(data: &Path, marks: &[String]) -> Vec<PathBuf> {
    let holds = |path: &PathBuf| {
        let bytes = std::fs::read(path).unwrap_or_default();
        let rows = parquet_text(path);
        marks.iter().any(|mark| {
            let mut parts = bytes.windows(mark.len());
            parts.any(|part| part == mark.as_bytes()) || rows.contains(mark)
        })
    };
    files(data).into_iter().filter(holds).collect()
}

fn parquet_text(path: &Path) -> String {
    let file = std::fs::File::open(path).ok();
    let reader = file.and_then(|file| ParquetRecordBatchReaderBuilder::try_new(file).ok());
    let Some(reader) = reader else {
        return String::new();
    };
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    arrow::util::pretty::pretty_format_batches(&batches)
        .unwrap()
        .to_string()
}

/// Texts that only `machine` sent: its mark, and the random ids of its crews.
fn marks(data: &Path, machine: &Machine) -> Vec<String> {
    let query = format!(
        "SELECT DISTINCT crew_id FROM shared_io WHERE content LIKE '%{}%'",
        machine.mark
    );
    let rows = json(&["sql", &query, "--data", path(data), "--format", "json"]);
    let ids = rows.as_array().unwrap().iter();
    let ids = ids.map(|row| row["crew_id"].as_str().unwrap().to_owned());
    let marks: Vec<String> = ids.chain([machine.mark.to_owned()]).collect();
    assert!(marks.len() > 1, "{marks:?}");
    marks
}

/// Waits until `condition` is true; fails with its last complaint after two minutes.
fn wait_until(condition: impl Fn() -> Result<(), String>) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while let Err(complaint) = condition() {
        assert!(Instant::now() < deadline, "{complaint}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn wait_until_gone(data: &Path, marks: &[String]) {
    wait_until(|| match files_with(data, marks) {
        left if left.is_empty() => Ok(()),
        left => Err(format!("still in {left:?}")),
    });
}

/// An address that is free now, for a server that is started more than once.
fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A collector at `address` that both machines sent the same events to.
fn server_that_both_sent_to(data: &Path, address: &str, anna: &Machine, bert: &Machine) -> Server {
    let server = Server::start_at(data, address);
    anna.send(&server.url);
    bert.send(&server.url);
    server
}

/// Half of the rows that two machines with the same events sent.
fn half(counts: &[(String, u64)]) -> Vec<(String, u64)> {
    let halves = counts.iter().map(|(name, rows)| (name.clone(), rows / 2));
    halves.collect()
}

#[test]
fn forget_erases_every_byte_that_this_installation_sent_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let (anna, bert) = (Machine::new("annastopic"), Machine::new("bertstopic"));
    let address = free_address();
    let server = server_that_both_sent_to(data, &address, &anna, &bert);
    let url = server.url.clone();
    // Some of it is in the tables by then, and some in the log.
    assert_eq!(server.stop(), Some(0));
    let server = server_that_both_sent_to(data, &address, &anna, &bert);
    let (before, all) = contents(data);
    let (annas, berts) = (marks(data, &anna), marks(data, &bert));
    assert_eq!((annas.len(), berts.len()), (3, 3));
    assert!(annas.iter().chain(&berts).all(|mark| all.contains(mark)));
    assert!(before.len() > 6, "{before:?}");

    anna.record();
    let (code, said) = anna.forget(&[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("will erase the events that were sent to it"),
        "{said}"
    );
    assert!(!anna.folder().join("secret").exists());
    wait_until_gone(data, &annas);
    let (after, all) = contents(data);
    assert_eq!(after, half(&before));
    assert!(berts.iter().all(|mark| all.contains(mark)));
    // Later events have a new identity.
    anna.send(&url);
    assert_eq!(server.stop(), Some(0));
    assert_eq!(contents(data).0.len(), before.len());
    assert_eq!(marks(data, &anna).len(), 2);
    assert!(files_with(data, &annas[..2]).is_empty(), "it came back");
}

#[test]
fn an_erasure_that_was_accepted_is_carried_out_by_a_collector_that_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let (anna, bert) = (Machine::new("annastopic"), Machine::new("bertstopic"));
    let address = free_address();
    let server = server_that_both_sent_to(data, &address, &anna, &bert);
    // In several files, so that a part of the erasure can be done.
    assert_eq!(server.stop(), Some(0));
    let server = server_that_both_sent_to(data, &address, &anna, &bert);
    let before = contents(data).0;
    let annas = marks(data, &anna);
    let (code, said) = anna.forget(&[]);
    server.kill();
    assert_eq!(code, Some(0), "{said}");
    let at_first = files_with(data, &annas).len();
    assert!(at_first > 1, "killed too late: {at_first} files left");
    // Killed again, as soon as a part of it is done.
    let server = Server::start_at(data, &address);
    wait_until(|| match files_with(data, &annas).len() {
        left if left < at_first => Ok(()),
        left => Err(format!("{left} files, as at first")),
    });
    server.kill();
    let server = Server::start_at(data, &address);
    wait_until_gone(data, &annas);
    assert_eq!(contents(data).0, half(&before));
    assert_eq!(server.stop(), Some(0));
    assert_eq!(contents(data).0, half(&before));
}

#[test]
fn a_collector_that_cannot_be_reached_is_named_and_can_be_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let (anna, bert) = (Machine::new("annastopic"), Machine::new("bertstopic"));
    let address = free_address();
    let server = server_that_both_sent_to(data, &address, &anna, &bert);
    let before = contents(data).0;
    server.kill();

    let (code, said) = anna.forget(&[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("could not be reached"), "{said}");
    assert!(said.contains("kept its secret"), "{said}");
    assert!(anna.folder().join("secret").exists());
    assert!(!anna.folder().join("ledger.tsv").exists());
    // Without asking, only this machine forgets.
    let (code, said) = bert.forget(&["--local-only"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(!bert.folder().join("secret").exists());

    let server = Server::start_at(data, &address);
    let (code, said) = anna.forget(&[]);
    assert_eq!(code, Some(0), "{said}");
    wait_until(|| match contents(data).0 {
        counts if counts == half(&before) => Ok(()),
        counts => Err(format!("{counts:?}")),
    });
    assert_eq!(anna.forget(&[]).0, Some(3), "nothing is left to forget");
    assert_eq!(server.stop(), Some(0));
}
