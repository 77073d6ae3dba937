//! Where rows lie: files without partitions, few of them whatever senders say about time, and folders of the older layout.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use headcount_catalog::{
    AdmittedBatch, BatchWriter, Fingerprint, KeyedReceipt, Retention, TableId,
};
use headcount_log::testing::SimulatedDisk;
use serde_json::{Value, json};

use super::support::{assert_whole, by_hand, parquet_files, schema, sql, stored};
use crate::account::Account;
use crate::day::{DAY, day_name, day_of};
use crate::upkeep::expire;
use crate::{Audit, Lake, LakeOptions, audit_folder};

/// A row of each table for each of these ages in days, with their numbers from `first` on; under `receipt`.
fn aged(first: u64, ages: &[i64], receipt: Option<KeyedReceipt>) -> AdmittedBatch {
    let mut writer = BatchWriter::for_tests(1024).under(receipt);
    for (number, age) in (first..).zip(ages) {
        let time = (Utc::now() - TimeDelta::days(*age)).timestamp_micros();
        writer.begin_entry(Fingerprint(number + 1));
        writer.row(TableId(0), |row| {
            row.timestamp(0, time);
            let id = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            row.text(2, &format!("{id:016x}"));
            row.integer(4, number as i64);
            if let Some(receipt) = receipt {
                row.text(7, receipt.imprint("crews").as_str());
            }
        });
        writer.row(TableId(1), |row| row.timestamp(0, time));
        writer.row(TableId(2), |row| {
            row.timestamp(0, time);
            row.integer(3, 5);
        });
        writer.end_entry();
    }
    writer.finish()
}

fn tables(dir: &Path) -> [PathBuf; 3] {
    ["default/crews", "shared/shared_agents", "default/refusals"]
        .map(|table| dir.join("tables").join(table))
}

/// The actions of each commit of a table.
fn commits(table: &Path) -> Vec<(PathBuf, Vec<Value>)> {
    let mut commits = Vec::new();
    for version in 0.. {
        let path = table.join(format!("_delta_log/{version:020}.json"));
        let Ok(text) = std::fs::read_to_string(&path) else {
            break;
        };
        let actions = text.lines().map(|line| serde_json::from_str(line).unwrap());
        commits.push((path, actions.collect()));
    }
    commits
}

/// Gives the folder the form in which older versions left it: each file in the partition of its first row's day, or of the first day of its
/// month where it has rows of several, and its rows counted under that. The oldest row of all was dated back further than partitions went.
fn make_partitioned(dir: &Path) {
    for table in tables(dir) {
        let mut moved: BTreeMap<String, (String, String)> = BTreeMap::new();
        for (path, mut actions) in commits(&table) {
            let mut partitions: BTreeMap<String, String> = BTreeMap::new();
            for action in &mut actions {
                if let Some(metadata) = action.get_mut("metaData") {
                    partition_by_day(metadata);
                } else if let Some(add) = action.get_mut("add") {
                    let (path, partition, days) = place(add);
                    std::fs::create_dir_all(table.join(format!("day={partition}"))).unwrap();
                    let new = format!("day={partition}/{path}");
                    std::fs::rename(table.join(&path), table.join(&new)).unwrap();
                    partitions.extend(days.into_iter().map(|day| (day, partition.clone())));
                    add["path"] = json!(new);
                    add["partitionValues"] = json!({"day": partition});
                    add["tags"]
                        .as_object_mut()
                        .unwrap()
                        .remove("headcount.days");
                    moved.insert(path, (new, partition));
                } else if let Some(remove) = action.get_mut("remove") {
                    let (path, partition) = &moved[remove["path"].as_str().unwrap()];
                    remove["path"] = json!(path);
                    remove["partitionValues"] = json!({"day": partition});
                }
            }
            let info = &mut actions[0]["commitInfo"];
            let mut account = Account::default();
            for (day, of_day) in info["headcount.account"].as_object().unwrap() {
                let taken = of_day["taken"].as_u64().unwrap_or_default();
                account.day(&partitions[day]).taken += taken;
            }
            info.as_object_mut().unwrap().remove("headcount.crc32");
            account.write_into(info);
            let lines: Vec<String> = actions.iter().map(Value::to_string).collect();
            std::fs::write(path, lines.join("\n")).unwrap();
        }
    }
}

fn partition_by_day(metadata: &mut Value) {
    metadata["partitionColumns"] = json!(["day"]);
    let mut schema: Value =
        serde_json::from_str(metadata["schemaString"].as_str().unwrap()).unwrap();
    let day = json!({"name": "day", "type": "date", "nullable": true, "metadata": {}});
    schema["fields"].as_array_mut().unwrap().push(day);
    metadata["schemaString"] = json!(schema.to_string());
}

/// The path of an added file, the partition that an older version gave it, and the days of its rows.
fn place(add: &Value) -> (String, String, Vec<String>) {
    let path = add["path"].as_str().unwrap().to_owned();
    let stats: Value = serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
    let least = stats["minValues"]["time"].as_str().unwrap();
    let least: chrono::DateTime<Utc> = least.parse().unwrap();
    let day = day_name(day_of(least.timestamp_micros()));
    match add["tags"]["headcount.days"].as_str() {
        None => (path, day.clone(), vec![day]),
        Some(days) => {
            let days: BTreeMap<String, u64> = serde_json::from_str(days).unwrap();
            let oldest = day_name(day_of(
                (Utc::now() - TimeDelta::days(400)).timestamp_micros(),
            ));
            let month = format!("{}-01", &day[..7]);
            (path, month.max(oldest), days.into_keys().collect())
        }
    }
}

/// Ages in days of the rows of each flush of [`older_folder`].
const FLUSHES: [&[i64]; 5] = [&[1], &[1], &[9, 9, 9], &[40, 41, 60, 75], &[900, 30, 20]];

/// A folder as an older version left it.
async fn older_folder(dir: &Path) {
    let lake = Lake::open(dir, schema(), by_hand()).await.unwrap();
    let mut first = 0;
    for ages in FLUSHES {
        lake.append(aged(first, ages, None)).await.unwrap();
        lake.flush().await.unwrap();
        first += ages.len() as u64;
    }
    lake.close().await.unwrap();
    make_partitioned(dir);
}

fn is_partitioned(table: &Path) -> bool {
    let commits = commits(table);
    let actions = commits.iter().flat_map(|(_, actions)| actions);
    let mut metadata = actions.filter_map(|action| action.get("metaData"));
    let metadata = metadata.next_back().unwrap();
    let has_day = metadata["schemaString"]
        .as_str()
        .unwrap()
        .contains("\"day\"");
    assert_eq!(metadata["partitionColumns"] == json!(["day"]), has_day);
    has_day
}

/// How much an audit says is stored of `table`, by day.
fn days_of(audit: &Audit, table: &str) -> BTreeMap<String, u64> {
    let table = audit.tables.iter().find(|audited| audited.table == table);
    let days = table.unwrap().days.iter();
    let days = days.map(|day| (day.day.clone(), day.stored + day.refused));
    days.filter(|(_, stored)| *stored > 0).collect()
}

/// The same by the ages of the rows, each of which counts for `units`.
fn days_of_ages(ages: impl Iterator<Item = i64>, units: u64) -> BTreeMap<String, u64> {
    let mut days = BTreeMap::new();
    for age in ages {
        let day = day_of(Utc::now().timestamp_micros() - age * DAY);
        *days.entry(day_name(day)).or_default() += units;
    }
    days
}

async fn assert_all_there(lake: &Lake, context: &str) {
    let snapshot = lake.snapshot().await.unwrap();
    let rows = FLUSHES.iter().map(|ages| ages.len() as u64).sum();
    let all: Vec<u64> = (0..rows).collect();
    assert_eq!(stored(&snapshot).await, all, "{context}");
    assert_eq!(snapshot.row_count(TableId(1)), Some(rows), "{context}");
    let sum = sql(&snapshot, "SELECT sum(count) AS n FROM refusals").await;
    assert!(
        sum.contains(&format!("| {} ", rows * 5)),
        "{context}: {sum}"
    );
    assert_whole(&lake.audit().await.unwrap(), context);
}

#[tokio::test]
async fn a_folder_of_the_older_layout_loses_its_partitions_and_no_row() {
    let dir = tempfile::tempdir().unwrap();
    older_folder(dir.path()).await;
    let read = || audit_folder(dir.path(), &schema(), None).unwrap();
    assert_whole(&read(), "as an older version left it");
    let options = LakeOptions {
        vacuum_grace: Duration::ZERO,
        ..by_hand()
    };
    let lake = Lake::open(dir.path(), schema(), options).await.unwrap();
    assert_all_there(&lake, "opened").await;
    assert!(tables(dir.path()).iter().all(|table| is_partitioned(table)));
    lake.compact().await.unwrap();
    assert_all_there(&lake, "merged").await;
    assert!(!tables(dir.path()).iter().any(|table| is_partitioned(table)));
    let audit = read();
    let ages = || FLUSHES.into_iter().flatten().copied();
    assert_eq!(days_of(&audit, "crews"), days_of_ages(ages(), 1));
    assert_eq!(days_of(&audit, "refusals"), days_of_ages(ages(), 5));
    // Merged, and the files of the older layout removed.
    let files = parquet_files(&dir.path().join("tables"));
    assert_eq!(files.len(), 3, "{files:?}");
    lake.close().await.unwrap();
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    assert_all_there(&lake, "opened again").await;
}

#[tokio::test]
async fn a_table_that_is_still_partitioned_is_flushed_to_and_erased_from_and_expires() {
    let dir = tempfile::tempdir().unwrap();
    older_folder(dir.path()).await;
    let receipt = KeyedReceipt::new([7; 16]);
    let options = LakeOptions {
        erasure_grace: Duration::ZERO,
        retention: Some(Retention {
            default_days: 50,
            shared_days: 5,
        }),
        ..by_hand()
    };
    let lake = Lake::open(dir.path(), schema(), options).await.unwrap();
    let before: Vec<u64> = (0..12).collect();
    lake.append(aged(100, &[0, 45, 46, 70], Some(receipt)))
        .await
        .unwrap();
    lake.flush().await.unwrap();
    assert_whole(&lake.audit().await.unwrap(), "flushed");
    lake.order_erasure(vec![receipt]).await.unwrap();
    lake.erase().await.unwrap();
    let crews = &tables(dir.path())[0];
    assert!(is_partitioned(crews));
    assert_eq!(stored(&lake.snapshot().await.unwrap()).await, before);
    assert_whole(&lake.audit().await.unwrap(), "erased");
    lake.compact().await.unwrap();
    assert!(!is_partitioned(crews));
    let ages = FLUSHES.into_iter().flatten().zip(0..);
    let kept = ages.filter_map(|(age, number)| (*age < 50).then_some(number));
    let left = stored(&lake.snapshot().await.unwrap()).await;
    assert_eq!(left, kept.collect::<Vec<u64>>());
    assert_whole(&lake.audit().await.unwrap(), "expired");
}

/// Power is lost after each number of the disk's operations, from none to more than an upgrade needs.
#[tokio::test]
async fn an_upgrade_of_the_layout_survives_a_power_cut_at_any_point() {
    let older = tempfile::tempdir().unwrap();
    older_folder(older.path()).await;
    let mut was_partitioned = [false; 2];
    for operations in 0..90 {
        let dir = tempfile::tempdir().unwrap();
        copy(older.path(), dir.path());
        let disk = SimulatedDisk::new(operations + 1);
        disk.lose_power_after(Some(operations));
        let open = || Lake::open_on(Arc::new(disk.clone()), dir.path(), schema(), by_hand());
        if let Ok(lake) = open().await {
            // It may fail; nothing is lost by that.
            let _ = lake.compact().await;
        }
        disk.crash();
        let context = format!("after {operations} operations");
        was_partitioned[usize::from(is_partitioned(&tables(dir.path())[0]))] = true;
        let lake = open().await.unwrap();
        assert_all_there(&lake, &context).await;
        lake.compact().await.unwrap();
        assert_all_there(&lake, &context).await;
        assert!(!tables(dir.path()).iter().any(|table| is_partitioned(table)));
    }
    assert_eq!(was_partitioned, [true; 2], "cuts before and behind it");
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

#[tokio::test]
async fn a_sender_whose_times_are_spread_over_years_makes_few_files() {
    let dir = tempfile::tempdir().unwrap();
    let options = LakeOptions {
        vacuum_grace: Duration::ZERO,
        ..by_hand()
    };
    let lake = Lake::open(dir.path(), schema(), options).await.unwrap();
    let ages: Vec<i64> = (-40_000..40_000).step_by(97).collect();
    let mut before = 0;
    for round in 0..20_u64 {
        let spread: Vec<i64> = ages.iter().map(|age| age + round as i64).collect();
        lake.append(aged(round * 10_000, &spread, None))
            .await
            .unwrap();
        lake.flush().await.unwrap();
        let files = parquet_files(&dir.path().join("tables")).len();
        assert!(files <= before + 2 * 3, "{files} after {before}");
        before = files;
    }
    assert_whole(&lake.audit().await.unwrap(), "flushed");
    lake.compact().await.unwrap();
    assert_eq!(parquet_files(&dir.path().join("tables")).len(), 3);
    assert_whole(&lake.audit().await.unwrap(), "merged");
    assert_eq!(
        stored(&lake.snapshot().await.unwrap()).await.len(),
        ages.len() * 20
    );
}

/// Rows that will soon be too old lie apart from the others of a large file, so that these are written once in two days, and not each hour.
#[tokio::test]
async fn a_file_that_expires_in_part_is_cut_and_not_written_again_each_hour() {
    let dir = tempfile::tempdir().unwrap();
    let options = |days| LakeOptions {
        retention: Some(Retention {
            default_days: days,
            shared_days: days,
        }),
        ..by_hand()
    };
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    let ages: Vec<i64> = (0..40_000).map(|number| number % 60 + 3).collect();
    lake.append(aged(0, &ages, None)).await.unwrap();
    lake.close().await.unwrap();
    let expire_after = async |days| {
        let lake = Lake::open(dir.path(), schema(), options(days))
            .await
            .unwrap();
        expire(lake.state(), TableId(0)).unwrap();
        assert_whole(&lake.audit().await.unwrap(), "expired");
        let snapshot = lake.snapshot().await.unwrap();
        let left = stored(&snapshot).await.len();
        assert_eq!(
            left,
            ages.iter().filter(|age| **age < i64::from(days)).count()
        );
        let locations = snapshot.file_locations();
        lake.close().await.unwrap();
        locations
            .into_iter()
            .filter(|location| location.contains("/crews/"))
            .collect::<Vec<_>>()
    };
    let first = expire_after(50).await;
    assert_eq!(first.len(), 2, "{first:?}");
    let second = expire_after(48).await;
    let kept = second.iter().filter(|file| first.contains(file));
    assert_eq!((kept.count(), second.len()), (1, 1));
}
