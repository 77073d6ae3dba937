//! Rows leave when their time is over.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use headcount_catalog::{AdmittedBatch, BatchWriter, Fingerprint, Retention, TableId};

use super::support::{by_hand, schema, stored};
use crate::{Lake, LakeOptions};

/// A row of `crews` for each age, in hours; the number of tasks is the age.
fn aged(hours: impl IntoIterator<Item = i64>) -> AdmittedBatch {
    let mut writer = BatchWriter::for_tests(1024);
    for age in hours {
        let time = (Utc::now() - TimeDelta::hours(age)).timestamp_micros();
        writer.begin_entry(Fingerprint(age as u64));
        writer.row(TableId(0), |row| {
            row.timestamp(0, time);
            row.integer(4, age);
        });
        writer.row(TableId(1), |row| row.timestamp(0, time));
        writer.end_entry();
    }
    writer.finish()
}

#[tokio::test]
async fn rows_are_kept_for_as_long_as_their_tier_allows_and_leave_the_disk_after_that() {
    let dir = tempfile::tempdir().unwrap();
    let options = |vacuum_grace| LakeOptions {
        retention: Some(Retention {
            default_days: 10,
            shared_days: 2,
        }),
        vacuum_grace,
        ..by_hand()
    };
    let lake = Lake::open(dir.path(), schema(), options(Duration::ZERO))
        .await
        .unwrap();
    // Whole days that are too old, a day that is so in part, and a month in one partition.
    lake.append(aged([1, 30, 60, 230, 236, 238, 242, 245, 300, 9000]))
        .await
        .unwrap();
    lake.flush().await.unwrap();
    lake.append(aged((241..1100).step_by(24))).await.unwrap();
    lake.flush().await.unwrap();
    lake.compact().await.unwrap();
    let snapshot = lake.snapshot().await.unwrap();
    assert_eq!(stored(&snapshot).await, [1, 30, 60, 230, 236, 238]);
    assert_eq!(snapshot.row_count(TableId(1)), Some(2));
    lake.compact().await.unwrap();
    let mut left = 0;
    for entry in walk(dir.path()) {
        left += usize::from(entry.extension().is_some_and(|ending| ending == "parquet"));
    }
    let active = snapshot.file_count(TableId(0)) + snapshot.file_count(TableId(1));
    let active = active + snapshot.file_count(TableId(2));
    assert_eq!(left, active, "no file of an expired row is left");
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(walk(&path)),
            false => found.push(path),
        }
    }
    found
}
