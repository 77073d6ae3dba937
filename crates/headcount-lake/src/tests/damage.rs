//! A store whose log was damaged.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use headcount_catalog::KeyedReceipt;
use headcount_log::wal::format::header;
use headcount_log::wal::segment::SegmentFile;

use super::support::{batch, by_hand, schema, stored};
use crate::{Lake, LakeOptions, LakeSnapshot};

/// Four acknowledged groups, of which the second is damaged while nobody looks.
async fn with_a_damaged_log(dir: &Path) -> PathBuf {
    let lake = Lake::open(dir, schema(), by_hand()).await.unwrap();
    for group in 0..4 {
        lake.append(batch([group])).await.unwrap();
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
    let segment = with_a_damaged_log(dir.path()).await;
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

#[tokio::test]
async fn an_erasure_leaves_nothing_that_nobody_can_read() {
    let dir = tempfile::tempdir().unwrap();
    with_a_damaged_log(dir.path()).await;
    let options = LakeOptions {
        erasure_grace: Duration::ZERO,
        ..by_hand()
    };
    let lake = Lake::open(dir.path(), schema(), options).await.unwrap();
    assert_eq!(lake.damaged_files(), 1);
    let receipt = KeyedReceipt::new([7; 16]);
    lake.order_erasure(vec![receipt]).await.unwrap();
    lake.erase().await.unwrap();
    assert_eq!(lake.damaged_files(), 0);
}
