//! A store whose log was damaged.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use headcount_catalog::KeyedReceipt;
use headcount_log::wal::format::header;
use headcount_log::wal::segment::SegmentFile;

use super::support::{batch, batch_under, by_hand, schema, sql, stored};
use crate::{Lake, LakeOptions, LakeSnapshot};

/// Four acknowledged groups, of which the second is damaged while nobody looks.
async fn with_a_damaged_log(dir: &Path, under: Option<KeyedReceipt>) -> PathBuf {
    let lake = Lake::open(dir, schema(), by_hand()).await.unwrap();
    for group in 0..4 {
        lake.append(batch_under(under, [group])).await.unwrap();
    }
    drop(lake);
    let path = SegmentFile::new(&dir.join("wal"), 1).path;
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes
        .windows(16)
        .position(|text| text == b"0000000000000001");
    bytes[at.unwrap()..][..4].copy_from_slice(b"\xde\xad\xbe\xef");
    fs::write(&path, bytes).unwrap();
    path
}

#[tokio::test]
async fn damage_in_the_log_loses_the_damaged_group_alone_and_is_quarantined() {
    let dir = tempfile::tempdir().unwrap();
    let segment = with_a_damaged_log(dir.path(), None).await;
    let beside = LakeSnapshot::read(dir.path(), schema()).await.unwrap();
    assert_eq!(stored(&beside).await, [0, 2, 3]);
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    assert_eq!(stored(&lake.snapshot().await.unwrap()).await, [0, 2, 3]);
    assert_eq!(lake.damaged_files(), 1);
    let kept = dir.path().join("wal/00000000000000000002.damaged");
    let bytes = fs::read(&kept).unwrap();
    assert!(bytes.starts_with(&header(&schema())));
    assert!(bytes.windows(4).any(|found| found == b"\xde\xad\xbe\xef"));
    // Sent again, it is stored: a lost group is not remembered.
    let again = lake.append(batch([0, 1, 2, 3])).await.unwrap();
    assert_eq!((again.stored, again.duplicates), (1, 3));
    drop(lake);
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    lake.flush().await.unwrap();
    assert_eq!(stored(&lake.snapshot().await.unwrap()).await, [0, 1, 2, 3]);
    assert!(!segment.exists());
    assert_eq!(
        fs::read(&kept).unwrap(),
        bytes,
        "kept until somebody removes it"
    );
    assert_eq!(lake.damaged_files(), 1);
}

/// They are evidence: whoever may send an order must not be able to remove them.
#[tokio::test]
async fn an_erasure_removes_unreadable_parts_of_the_log_that_hold_its_rows_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let [stranger, sender] = [6, 7].map(|byte| KeyedReceipt::new([byte; 16]));
    with_a_damaged_log(dir.path(), Some(sender)).await;
    let options = LakeOptions {
        erasure_grace: Duration::ZERO,
        ..by_hand()
    };
    let lake = Lake::open(dir.path(), schema(), options).await.unwrap();
    for (receipt, left) in [(stranger, 1), (sender, 0)] {
        lake.order_erasure(vec![receipt]).await.unwrap();
        lake.erase().await.unwrap();
        assert_eq!(lake.damaged_files(), left);
    }
}

/// The table's files, in the order of their paths.
fn parquet_files(dir: &Path, table: &str) -> Vec<PathBuf> {
    super::support::parquet_files(&dir.join("tables").join(table))
}

/// Two flushes, of which one file of `crews` is damaged afterwards.
async fn with_a_damaged_file(lake: &Lake, dir: &Path) -> (PathBuf, Vec<u8>) {
    for spans in [1..10, 10..19] {
        let sent = batch_under(Some(KeyedReceipt::new([7; 16])), spans.clone());
        lake.append(sent).await.unwrap();
        lake.append(batch(spans.start + 100..spans.end + 100))
            .await
            .unwrap();
        lake.flush().await.unwrap();
    }
    let damaged = parquet_files(dir, "default/crews").remove(0);
    let whole = fs::read(&damaged).unwrap();
    fs::write(&damaged, vec![0xdb; whole.len()]).unwrap();
    (damaged, whole)
}

#[tokio::test]
async fn a_damaged_file_stops_no_other_file_from_being_erased_from() {
    let dir = tempfile::tempdir().unwrap();
    let options = LakeOptions {
        erasure_grace: Duration::ZERO,
        ..by_hand()
    };
    let lake = Lake::open(dir.path(), schema(), options).await.unwrap();
    let (damaged, whole) = with_a_damaged_file(&lake, dir.path()).await;
    let replaced = parquet_files(dir.path(), "default/crews");
    let order = vec![KeyedReceipt::new([7; 16])];
    lake.order_erasure(order).await.unwrap();
    for _ in 0..2 {
        let error = lake.erase().await.unwrap_err();
        assert!(
            error.to_string().contains(&*damaged.to_string_lossy()),
            "{error}"
        );
    }
    assert_eq!(lake.unreadable_files(), 1);
    for file in replaced.iter().filter(|file| **file != damaged) {
        assert!(!file.exists(), "{} held such rows", file.display());
    }
    let shared = "SELECT count(*) AS n FROM shared_agents";
    let shared = sql(&lake.snapshot().await.unwrap(), shared).await;
    assert!(shared.contains("| 6 |"), "{shared}");
    // The order is still there, and is carried out once the file can be read.
    fs::write(&damaged, whole).unwrap();
    lake.erase().await.unwrap();
    assert!(!damaged.exists());
    let left = stored(&lake.snapshot().await.unwrap()).await;
    assert_eq!(left, (101..119).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_damaged_file_stops_no_other_file_from_being_merged() {
    let dir = tempfile::tempdir().unwrap();
    let options = LakeOptions {
        vacuum_grace: Duration::ZERO,
        checkpoint_every: 2,
        ..by_hand()
    };
    let lake = Lake::open(dir.path(), schema(), options).await.unwrap();
    let (damaged, _) = with_a_damaged_file(&lake, dir.path()).await;
    lake.append(batch(200..210)).await.unwrap();
    lake.flush().await.unwrap();
    lake.compact().await.unwrap();
    assert_eq!(lake.unreadable_files(), 1);
    assert!(damaged.exists(), "it may be restored in part");
    let files = parquet_files(dir.path(), "default/crews").len();
    assert_eq!(files, 2, "one beside the damaged one");
    assert_eq!(parquet_files(dir.path(), "default/refusals").len(), 1);
    let checkpoint = dir
        .path()
        .join("tables/default/crews/_delta_log/_last_checkpoint");
    assert!(checkpoint.exists());
}
