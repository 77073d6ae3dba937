//! The audit log: whole lines, in time, and no longer than they are wanted.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use chrono::{Days, Utc};
use headcount_access::{Action, AuditEvent, AuditLog, AuditReader, Principal, Role, TokenStore};
use serde_json::json;

fn file_of_today(data: &Path) -> PathBuf {
    let day = Utc::now().date_naive();
    data.join(format!("audit/{day}.jsonl"))
}

fn read(endpoint: &str) -> AuditEvent {
    AuditEvent::read_shared(&Principal::local(), endpoint.to_owned(), 200)
}

#[tokio::test]
async fn an_event_names_the_token_and_holds_no_secret() {
    let data = tempfile::tempdir().unwrap();
    let (secret, record) = TokenStore::of(data.path())
        .create(Role::Analyst, "ana", None)
        .unwrap();
    let created =
        AuditEvent::token_changed(&Principal::command_line(), Action::TokenCreated, &record);
    AuditLog::append(data.path(), &created).unwrap();
    let log = AuditLog::start(data.path(), 400).unwrap();
    log.record(&read("GET /shared"));
    let order = AuditEvent::erase_ordered(&Principal::receipt_holder(), 3, "POST /v1/erase", 202);
    log.record_durably(&order).await.unwrap();
    // What was recorded before is on disk, too.
    let answer = AuditReader::of(data.path()).read(None, 10).unwrap();
    let rows = answer.to_json_rows();
    assert_eq!(rows[0]["action"], "token_created");
    assert_eq!(rows[0]["subject"], format!("{} ana analyst", record.id));
    assert_eq!(
        (&rows[1]["action"], &rows[1]["endpoint"]),
        (&json!("read_shared"), &json!("GET /shared"))
    );
    assert_eq!(
        (&rows[2]["action"], &rows[2]["items"]),
        (&json!("erase_ordered"), &json!(3))
    );
    assert_eq!(rows.as_array().map(Vec::len), Some(3));
    let text = fs::read_to_string(file_of_today(data.path())).unwrap();
    assert!(!text.contains(&secret.reveal()[12..]));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file_of_today(data.path())), 0o600);
    assert_eq!(mode(&data.path().join("audit")), 0o700);
}

#[test]
fn what_waits_is_written_at_the_end_and_lines_of_many_writers_are_whole() {
    let data = tempfile::tempdir().unwrap();
    let log = AuditLog::start(data.path(), 400).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    log.record(&read("POST /sql"));
                    AuditLog::append(data.path(), &read("GET /shared")).unwrap();
                }
            });
        }
    });
    drop(log);
    let answer = AuditReader::of(data.path()).read(None, 10_000).unwrap();
    assert_eq!(answer.rows.len(), 400);
    assert!(answer.notes.is_empty(), "{:?}", answer.notes);
    let latest = AuditReader::of(data.path()).read(None, 7).unwrap();
    assert_eq!(latest.rows[..], answer.rows[393..]);
    assert!(latest.notes[0].contains("latest 7"), "{:?}", latest.notes);
}

#[test]
fn a_line_that_a_crash_cut_costs_itself_alone() {
    let data = tempfile::tempdir().unwrap();
    AuditLog::append(data.path(), &read("GET /shared")).unwrap();
    let mut options = OpenOptions::new();
    let mut file = options
        .append(true)
        .open(file_of_today(data.path()))
        .unwrap();
    file.write_all(b"{\"time\":\"2026-").unwrap();
    AuditLog::append(data.path(), &read("POST /sql")).unwrap();
    file.write_all(b"\xff\xfe\n{\"time\":1}\n\n").unwrap();
    drop(AuditLog::start(data.path(), 400).unwrap());
    let answer = AuditReader::of(data.path()).read(None, 10).unwrap();
    let rows = answer.to_json_rows();
    assert_eq!(rows.as_array().map(Vec::len), Some(2));
    assert_eq!(rows[1]["endpoint"], "POST /sql");
    assert!(answer.notes[0].starts_with("3 lines"), "{:?}", answer.notes);
}

#[test]
fn lines_are_kept_for_as_many_days_as_the_operator_says() {
    let data = tempfile::tempdir().unwrap();
    fs::create_dir(data.path().join("audit")).unwrap();
    let day = |ago| Utc::now().date_naive() - Days::new(ago);
    let file = |ago| data.path().join(format!("audit/{}.jsonl", day(ago)));
    let line = |ago| {
        format!(
            "{{\"time\":\"{}T12:00:00Z\",\"action\":\"read_shared\"}}\n",
            day(ago)
        )
    };
    for ago in [30, 7, 6, 1] {
        fs::write(file(ago), line(ago)).unwrap();
    }
    let other = data.path().join("audit/notes.txt");
    fs::write(&other, "mine").unwrap();
    let log = AuditLog::start(data.path(), 7).unwrap();
    let kept: Vec<bool> = [30, 7, 6, 1].map(|ago| file(ago).exists()).into();
    assert_eq!(kept, [false, true, true, true]);
    assert!(other.exists(), "nothing else is removed");
    log.record(&read("GET /shared"));
    drop(log);
    let reader = AuditReader::of(data.path());
    assert_eq!(reader.read(None, 10).unwrap().rows.len(), 4);
    assert_eq!(reader.read(Some(day(1)), 10).unwrap().rows.len(), 2);
}

#[tokio::test]
async fn a_log_that_cannot_be_written_says_so_to_whoever_must_know_and_counts_the_others() {
    let data = tempfile::tempdir().unwrap();
    fs::write(
        data.path().join("audit"),
        "a file where the folder should be",
    )
    .unwrap();
    let refused = AuditLog::start(data.path(), 7).unwrap_err().to_string();
    assert!(refused.contains("audit"), "{refused}");
    assert!(AuditLog::append(data.path(), &read("POST /sql")).is_err());
}

/// Only an administrator can give a file away: as another user there is nothing to see.
#[test]
fn what_an_administrator_makes_belongs_to_the_owner_of_the_data_folder() {
    const SOMEBODY: u32 = 65_534;
    let data = tempfile::tempdir().unwrap();
    if chown(data.path(), Some(SOMEBODY), Some(SOMEBODY)).is_err() {
        eprintln!("not checked: this user cannot give a folder away");
        return;
    }
    let (_, record) = TokenStore::of(data.path())
        .create(Role::Viewer, "", None)
        .unwrap();
    let created =
        AuditEvent::token_changed(&Principal::command_line(), Action::TokenCreated, &record);
    AuditLog::append(data.path(), &created).unwrap();
    let names = ["tokens.json", "tokens.lock", "audit"].map(|name| data.path().join(name));
    for path in names.iter().chain([&file_of_today(data.path())]) {
        let owner = fs::metadata(path).unwrap();
        assert_eq!(
            (owner.uid(), owner.gid()),
            (SOMEBODY, SOMEBODY),
            "{}",
            path.display()
        );
    }
}
