//! The account: taken = stored + refused + duplicate + expired + erased, and whatever breaks it is named.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use headcount_catalog::{
    AdmittedBatch, BatchWriter, Fingerprint, KeyedReceipt, Retention, TableId,
};
use serde_json::{Value, json};

use super::support::{append_in_files, assert_whole, batch, batch_under, by_hand, schema};
use crate::{Audit, DayAudit, Lake, LakeOptions, audit_folder};

const HOUR: i64 = 3600;

async fn open(dir: &Path) -> Lake {
    Lake::open(dir, schema(), by_hand()).await.unwrap()
}

fn read(dir: &Path) -> Audit {
    audit_folder(dir, &schema(), None).unwrap()
}

/// The sums of all days of a table.
fn total(audit: &Audit, table: &str) -> DayAudit {
    let mut sum = DayAudit::default();
    let table = audit.tables.iter().find(|audited| audited.table == table);
    for day in &table.unwrap().days {
        sum.opening += day.opening;
        sum.taken += day.taken;
        sum.stored += day.stored;
        sum.refused += day.refused;
        sum.duplicate += day.duplicate;
        sum.expired += day.expired;
        sum.erased += day.erased;
        sum.unreadable += day.unreadable;
        sum.others += day.others;
        sum.is_unknown |= day.is_unknown;
    }
    sum
}

/// The days of a table whose difference is not 0, with it.
fn differences(audit: &Audit) -> Vec<(String, String, Option<i128>)> {
    let mut found = Vec::new();
    for table in &audit.tables {
        let wrong = table.days.iter().filter(|day| day.difference() != Some(0));
        found.extend(wrong.map(|day| (table.table.clone(), day.day.clone(), day.difference())));
    }
    found
}

#[tokio::test]
async fn every_row_is_accounted_for_through_its_life() {
    let dir = tempfile::tempdir().unwrap();
    let receipt = KeyedReceipt::new(7_u128.to_le_bytes());
    let options = LakeOptions {
        erasure_grace: Duration::ZERO,
        ..by_hand()
    };
    let lake = Lake::open(dir.path(), schema(), options.clone())
        .await
        .unwrap();
    assert_whole(&lake.audit().await.unwrap(), "nothing came yet");
    lake.append(batch(0..9)).await.unwrap();
    lake.append(batch(6..12)).await.unwrap();
    let crews = |taken, stored, duplicate, erased| DayAudit {
        taken,
        stored,
        duplicate,
        erased,
        ..DayAudit::default()
    };
    let in_log = read(dir.path());
    assert_whole(&in_log, "in the log");
    assert_eq!(total(&in_log, "crews"), crews(15, 12, 3, 0));
    assert_eq!(total(&in_log, "refusals").refused, 12);
    let day = &in_log.tables[0].days[0];
    assert_eq!((day.day.as_str(), day.taken), ("2026-11-23", 5));
    lake.flush().await.unwrap();
    // Only rows that came before: their counts wait for a flush, and get a commit of their own.
    lake.append(batch(0..3)).await.unwrap();
    lake.flush().await.unwrap();
    lake.append(batch_under(Some(receipt), 20..26))
        .await
        .unwrap();
    lake.flush().await.unwrap();
    lake.compact().await.unwrap();
    let merged = read(dir.path());
    assert_whole(&merged, "merged");
    assert_eq!(total(&merged, "crews"), crews(24, 18, 6, 0));
    assert_eq!(total(&merged, "refusals").refused, 18);
    lake.order_erasure(vec![receipt]).await.unwrap();
    lake.erase().await.unwrap();
    // Under a receipt whose rows are to be erased nothing is stored any more.
    lake.append(batch_under(Some(receipt), 30..33))
        .await
        .unwrap();
    lake.close().await.unwrap();
    let lake = Lake::open(dir.path(), schema(), options).await.unwrap();
    let erased = lake.audit().await.unwrap();
    assert_whole(&erased, "erased");
    assert_eq!(total(&erased, "crews"), crews(27, 12, 6, 9));
    assert_eq!(total(&erased, "shared_agents").erased, 2 + 1);
}

/// A row of two tables for each age in hours, and a refusal that counts five.
fn aged(hours: &[i64]) -> AdmittedBatch {
    let mut writer = BatchWriter::for_tests(1024);
    for age in hours {
        let time = (Utc::now() - TimeDelta::seconds(age * HOUR)).timestamp_micros();
        writer.begin_entry(Fingerprint(*age as u64));
        writer.row(TableId(0), |row| row.timestamp(0, time));
        writer.row(TableId(2), |row| {
            row.timestamp(0, time);
            row.integer(3, 5);
        });
        writer.end_entry();
    }
    writer.finish()
}

#[tokio::test]
async fn expired_rows_are_counted_and_rows_that_are_kept_too_long_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let ages = [1, 30, 60, 230, 236, 238, 242, 245, 300, 9000, 20_000];
    let retention = Some(Retention {
        default_days: 10,
        shared_days: 2,
    });
    let lake = open(dir.path()).await;
    lake.append(aged(&ages)).await.unwrap();
    // More days than partitions of their own, some of them by the month.
    let many: Vec<i64> = (0..40).map(|day| 25_000 + day * 24).collect();
    lake.append(aged(&many)).await.unwrap();
    assert_whole(&read(dir.path()), "in the log");
    lake.close().await.unwrap();
    assert_whole(&read(dir.path()), "flushed");
    let audit = || audit_folder(dir.path(), &schema(), retention).unwrap();
    assert_eq!(
        audit().tables[0].retention.kept_too_long,
        0,
        "they have just come"
    );
    for path in files(dir.path(), "parquet") {
        let file = std::fs::File::options().append(true).open(path).unwrap();
        let before = std::time::SystemTime::now() - Duration::from_secs(4 * 3600);
        file.set_modified(before).unwrap();
    }
    let late = audit();
    assert!(!late.is_whole());
    assert_eq!(late.tables[0].retention.kept_too_long, 44);
    let oldest = late.tables[0].retention.oldest.unwrap();
    assert!(oldest < (Utc::now() - TimeDelta::days(1000)).timestamp_micros());
    let options = LakeOptions {
        retention,
        ..by_hand()
    };
    let lake = Lake::open(dir.path(), schema(), options).await.unwrap();
    lake.compact().await.unwrap();
    let expired = lake.audit().await.unwrap();
    assert_whole(&expired, "expired");
    assert!(expired.is_whole());
    let crews = total(&expired, "crews");
    assert_eq!((crews.expired, crews.stored), (45, 6));
    let refusals = total(&expired, "refusals");
    assert_eq!((refusals.expired, refusals.refused), (225, 30));
}

#[tokio::test]
async fn rows_that_expire_from_the_middle_of_a_file_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    // A row each day, at least half a day from every limit: of so many days, the older ones lie in files of a month.
    let ages: Vec<i64> = (60..140).map(|day| day * 24 + 12).collect();
    let lake = open(dir.path()).await;
    lake.append(aged(&ages)).await.unwrap();
    lake.close().await.unwrap();
    // The first or the second is not the first day of a month.
    for (days, kept) in [(100, 40), (99, 39)] {
        let retention = Retention {
            default_days: days,
            shared_days: 2,
        };
        let options = LakeOptions {
            retention: Some(retention),
            ..by_hand()
        };
        let lake = Lake::open(dir.path(), schema(), options).await.unwrap();
        lake.compact().await.unwrap();
        let audit = lake.audit().await.unwrap();
        assert_whole(&audit, "expired");
        let (crews, refusals) = (total(&audit, "crews"), total(&audit, "refusals"));
        assert_eq!((crews.expired, crews.stored), (80 - kept, kept));
        assert_eq!(
            (refusals.expired, refusals.refused),
            (400 - kept * 5, kept * 5)
        );
        lake.close().await.unwrap();
    }
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path
            .extension()
            .is_some_and(|extension| extension == ending)
        {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn log_of(dir: &Path, table: &str) -> PathBuf {
    dir.join("tables/default").join(table).join("_delta_log")
}

/// Commits `actions`; with an empty account if it is to pass for one of ours.
fn commit_beside(log: &Path, actions: &[Value], is_ours: bool) {
    let version = files(log, "json").len();
    let mut info = json!({"operation": "TEST", "timestamp": 5});
    if is_ours {
        crate::account::Account::default().write_into(&mut info);
    }
    let mut text = format!("{}\n", json!({"commitInfo": info}));
    for action in actions {
        text += &format!("{action}\n");
    }
    std::fs::write(log.join(format!("{version:020}.json")), text).unwrap();
}

/// The `add` actions of all commits.
fn added(log: &Path) -> Vec<Value> {
    let texts = files(log, "json").into_iter().map(std::fs::read_to_string);
    let mut added = Vec::new();
    for text in texts.map(Result::unwrap) {
        let actions = text.lines().map(serde_json::from_str::<Value>);
        added.extend(actions.filter_map(|action| action.unwrap().get("add").cloned()));
    }
    added
}

#[tokio::test]
async fn a_file_that_is_lost_or_doubled_is_named_with_its_table_and_day() {
    for table in ["crews", "refusals"] {
        let dir = tempfile::tempdir().unwrap();
        let lake = open(dir.path()).await;
        lake.append(batch(0..9)).await.unwrap();
        lake.close().await.unwrap();
        let log = log_of(dir.path(), table);
        let add = added(&log).remove(0);
        let path = add["path"].as_str().unwrap();
        let days: &[(&str, i128)] = match table {
            "crews" => &[("2026-11-23", 3), ("2026-11-24", 3), ("2026-11-25", 3)],
            _ => &[("2026-11-23", 9)],
        };
        let folder = log.parent().unwrap();
        std::fs::copy(folder.join(path), folder.join(format!("{path}.copy"))).unwrap();
        let mut doubled = add.clone();
        doubled["path"] = json!(format!("{path}.copy"));
        commit_beside(&log, &[json!({"add": doubled})], true);
        let expected = |sign: i128| -> Vec<_> {
            let days = days.iter();
            days.map(|(day, units)| (table.to_owned(), day.to_string(), Some(sign * units)))
                .collect()
        };
        assert_eq!(differences(&read(dir.path())), expected(-1));
        let remove = |add: &Value| json!({"remove": {"path": add["path"], "dataChange": true}});
        commit_beside(&log, &[remove(&doubled), remove(&add)], true);
        assert_eq!(differences(&read(dir.path())), expected(1));
    }
}

#[tokio::test]
async fn what_other_programs_add_or_remove_is_a_column_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path()).await;
    append_in_files(&lake, 0..9).await;
    lake.close().await.unwrap();
    let log = log_of(dir.path(), "crews");
    let adds = added(&log);
    let remove = json!({"remove": {"path": adds[0]["path"], "dataChange": true}});
    commit_beside(&log, &[remove], false);
    let audit = read(dir.path());
    assert_whole(&audit, "removed by another program");
    let crews = total(&audit, "crews");
    assert_eq!((crews.taken, crews.stored, crews.others), (9, 5, 4));
    // The same file again, as a program writes it that computes statistics anew: nothing came or went.
    commit_beside(&log, &[json!({"add": adds[1]})], false);
    assert_eq!(total(&read(dir.path()), "crews").others, 4);
    commit_beside(&log, &[json!({"add": adds[0]})], false);
    assert_eq!(total(&read(dir.path()), "crews").others, 0);
    assert_whole(&read(dir.path()), "added again");
    // Counts of a file that we wrote are known when it is gone.
    let log = log_of(dir.path(), "refusals");
    let add = added(&log).remove(0);
    commit_beside(&log, &[json!({"remove": {"path": add["path"]}})], false);
    std::fs::remove_file(log.parent().unwrap().join(add["path"].as_str().unwrap())).unwrap();
    let audit = read(dir.path());
    assert_whole(&audit, "counts removed by another program");
    assert_eq!(total(&audit, "refusals").others, 4);
}

#[tokio::test]
async fn the_ledger_outlives_the_commits() {
    let dir = tempfile::tempdir().unwrap();
    let options = || LakeOptions {
        checkpoint_every: 3,
        log_retention: Duration::ZERO,
        ..by_hand()
    };
    let mut lake = Lake::open(dir.path(), schema(), options()).await.unwrap();
    for round in 0..12_u64 {
        lake.append(batch(round * 4..round * 4 + 6)).await.unwrap();
        lake.flush().await.unwrap();
        if round % 3 == 2 {
            lake.compact().await.unwrap();
        }
        if round % 4 == 3 {
            lake.close().await.unwrap();
            lake = Lake::open(dir.path(), schema(), options()).await.unwrap();
        }
        assert_whole(&lake.audit().await.unwrap(), &format!("round {round}"));
    }
    lake.compact().await.unwrap();
    lake.close().await.unwrap();
    assert!(
        !log_of(dir.path(), "crews")
            .join(format!("{:020}.json", 0))
            .exists()
    );
    let audit = read(dir.path());
    assert_whole(&audit, "after all");
    let crews = total(&audit, "crews");
    assert_eq!((crews.taken, crews.duplicate, crews.opening), (72, 22, 0));
    // A ledger that is damaged is told, kept, and begins anew.
    let path = dir.path().join("ledger/crews");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"taken\":", "\"taken\":1")).unwrap();
    assert!(read(dir.path()).problems[0].contains("crews is damaged"));
    let lake = Lake::open(dir.path(), schema(), options()).await.unwrap();
    lake.append(batch(100..103)).await.unwrap();
    lake.close().await.unwrap();
    let audit = read(dir.path());
    assert!(
        audit.problems[0].contains("crews.damaged"),
        "{:?}",
        audit.problems
    );
    assert_eq!(differences(&audit), []);
    let crews = total(&audit, "crews");
    assert_eq!((crews.opening, crews.taken, crews.stored), (50, 3, 53));
}

#[tokio::test]
async fn the_account_of_an_older_folder_begins_with_what_it_holds() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path()).await;
    lake.append(batch(0..9)).await.unwrap();
    lake.flush().await.unwrap();
    lake.append(batch(9..12)).await.unwrap();
    drop(lake);
    // As an older version wrote it, but for the tally in the log: without accounts, and without the sums of counts.
    for path in files(&dir.path().join("tables"), "json") {
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("headcount.", "somebody.")).unwrap();
    }
    let before = read(dir.path());
    assert_whole(&before, "before the first start");
    let crews = total(&before, "crews");
    assert_eq!((crews.opening, crews.taken, crews.stored), (9, 3, 12));
    let lake = open(dir.path()).await;
    lake.append(batch(6..20)).await.unwrap();
    lake.close().await.unwrap();
    let audit = read(dir.path());
    assert_whole(&audit, "after it");
    let crews = total(&audit, "crews");
    assert_eq!((crews.opening, crews.taken, crews.stored), (9, 17, 20));
    let refusals = total(&audit, "refusals");
    assert_eq!((refusals.opening, refusals.refused), (9, 20));
}

#[tokio::test]
async fn a_damaged_file_is_counted_as_unreadable() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path()).await;
    append_in_files(&lake, 0..9).await;
    lake.close().await.unwrap();
    for table in ["crews", "refusals"] {
        let log = log_of(dir.path(), table);
        let path = added(&log).remove(0)["path"].as_str().unwrap().to_owned();
        std::fs::write(log.parent().unwrap().join(path), b"PAR1 but no more").unwrap();
    }
    let audit = read(dir.path());
    assert_whole(&audit, "damaged");
    let crews = total(&audit, "crews");
    assert_eq!((crews.stored, crews.unreadable), (5, 4));
    assert_eq!(total(&audit, "refusals").unreadable, 4);
}
