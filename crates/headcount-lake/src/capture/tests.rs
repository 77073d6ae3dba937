//! Captures of stores that change while they are captured.

#![allow(clippy::disallowed_methods)]
use std::fs;
use std::io::Read as _;
use std::time::Duration;

use headcount_catalog::TableId;

use super::*;
use crate::tests::support::{assert_whole, batch, by_hand, schema, stored};
use crate::{Audit, Lake, LakeOptions, audit_folder};

/// A folder with the files of the capture.
fn copied(capture: &Capture) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in &capture.files {
        let path = dir.path().join(&file.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut bytes = Vec::new();
        file.open().unwrap().read_to_end(&mut bytes).unwrap();
        fs::write(path, bytes).unwrap();
    }
    dir
}

async fn assert_holds(capture: &Capture, fingerprints: u64) {
    let copied = copied(capture);
    let audit = audit_folder(copied.path(), &schema(), None).unwrap();
    assert_whole(&audit, "the copy");
    let lake = Lake::open(copied.path(), schema(), by_hand())
        .await
        .unwrap();
    assert_eq!((lake.missing_groups(), lake.unreadable_files()), (0, 0));
    assert!(lake.tables_with_lost_commits().is_empty());
    let snapshot = lake.snapshot().await.unwrap();
    let all: Vec<u64> = (0..fingerprints).collect();
    assert_eq!(stored(&snapshot).await, all);
    for (index, table) in capture.tables.iter().enumerate() {
        assert_eq!(
            snapshot.row_count(TableId(index as u8)),
            table.rows,
            "{table:?}"
        );
    }
    // Nothing is counted twice when it is sent again, and what came later is new.
    let again = lake.append(batch(0..fingerprints + 3)).await.unwrap();
    assert_eq!(again.duplicates, fingerprints);
    lake.close().await.unwrap();
    assert_whole(
        &audit_folder(copied.path(), &schema(), None).unwrap(),
        "the copy after it ran",
    );
}

/// The rows that the account says were taken into the first table, and those that it began with.
fn taken(audit: &Audit) -> (u64, u64) {
    let days = || audit.tables[0].days.iter();
    (
        days().map(|day| day.taken).sum(),
        days().map(|day| day.opening).sum(),
    )
}

/// Captures of a store whose old commits go at once, with checkpoints and so ledgers that are written between the moment and the copying.
#[tokio::test]
async fn the_account_of_a_capture_is_that_of_its_moment() {
    let dir = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::default());
    let root = disk.canonical(dir.path()).unwrap();
    for log_retention in [Duration::from_secs(3600), Duration::ZERO] {
        let options = LakeOptions {
            checkpoint_every: 2,
            log_retention,
            ..by_hand()
        };
        let lake = Lake::open(dir.path(), schema(), options).await.unwrap();
        let before = taken(&lake.audit().await.unwrap()).0;
        for round in 0..6 {
            let begin = before + round * 6;
            lake.append(batch(begin..begin + 3)).await.unwrap();
            lake.flush().await.unwrap();
            let small = small_files(&*disk, &root).unwrap();
            let groups = Groups::read(&*disk, &root).unwrap();
            // Behind the moment: a commit with a checkpoint behind it, and the ledger with both.
            lake.append(batch(begin + 3..begin + 6)).await.unwrap();
            lake.flush().await.unwrap();
            lake.compact().await.unwrap();
            let now = begin + 6;
            match assemble(&disk, &root, &schema(), small, groups) {
                Ok(capture) => {
                    let copied = copied(&capture);
                    let audit = audit_folder(copied.path(), &schema(), None).unwrap();
                    assert_eq!(taken(&audit), (begin + 3, 0), "round {round}");
                    assert_holds(&capture, begin + 3).await;
                }
                // The commits that lead to the moment are gone.
                Err(LakeError::Changing { .. }) if log_retention.is_zero() => {}
                Err(error) => panic!("{error}"),
            }
            let capture = capture_folder(dir.path(), &schema()).unwrap();
            let copied = copied(&capture);
            let audit = audit_folder(copied.path(), &schema(), None).unwrap();
            assert_eq!(taken(&audit), (now, 0), "round {round}");
            assert_holds(&capture, now).await;
        }
        lake.close().await.unwrap();
    }
}

/// As a folder that a version without ledgers' take-over at repairs left: the ledger is older than the newest checkpoint, and the commits
/// between them are there, but go into no copy.
#[tokio::test]
async fn a_ledger_that_is_older_than_the_checkpoint_is_followed_into_the_copy() {
    let dir = tempfile::tempdir().unwrap();
    let options = LakeOptions {
        checkpoint_every: 2,
        ..by_hand()
    };
    let lake = Lake::open(dir.path(), schema(), options).await.unwrap();
    let ledger = dir.path().join("ledger/crews");
    let mut old = None;
    for begin in [0, 5, 10, 15, 20] {
        lake.append(batch(begin..begin + 5)).await.unwrap();
        lake.flush().await.unwrap();
        lake.compact().await.unwrap();
        if old.is_none() && ledger.exists() {
            old = Some(fs::read(&ledger).unwrap());
        }
    }
    let new = fs::read(&ledger).unwrap();
    fs::write(&ledger, old.unwrap()).unwrap();
    assert_holds(&capture_folder(dir.path(), &schema()).unwrap(), 25).await;
    // One that is damaged is in the copy for whoever looks, and is named.
    fs::write(&ledger, &new[..new.len() / 2]).unwrap();
    let capture = capture_folder(dir.path(), &schema()).unwrap();
    let named: Vec<_> = capture.findings.iter().map(|found| &found.path).collect();
    assert_eq!(named, [std::path::Path::new("ledger/crews")]);
    let copy = fs::read(copied(&capture).path().join("ledger/crews")).unwrap();
    assert_eq!(copy, new[..new.len() / 2]);
    lake.close().await.unwrap();
}

#[tokio::test]
async fn a_capture_ends_with_the_same_group_in_every_table() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::default());
    let root = disk.canonical(dir.path()).unwrap();
    let mut begin = 0;
    for is_flushed in [false, true, true, false] {
        lake.append(batch(begin..begin + 5)).await.unwrap();
        if is_flushed {
            lake.flush().await.unwrap();
        }
        lake.append(batch(begin + 5..begin + 7)).await.unwrap();
        let small = small_files(&*disk, &root).unwrap();
        let groups = Groups::read(&*disk, &root).unwrap();
        // All of this comes after the moment.
        lake.append(batch(begin + 7..begin + 20)).await.unwrap();
        lake.flush().await.unwrap();
        lake.append(batch(begin + 20..begin + 23)).await.unwrap();
        lake.flush().await.unwrap();
        lake.compact().await.unwrap();
        lake.append(batch(begin + 23..begin + 24)).await.unwrap();
        let capture = assemble(&disk, &root, &schema(), small, groups).unwrap();
        assert_eq!(capture.findings, []);
        assert_holds(&capture, begin + 7).await;
        assert_holds(&capture_folder(dir.path(), &schema()).unwrap(), begin + 24).await;
        begin += 24;
    }
    lake.close().await.unwrap();
    assert_holds(&capture_folder(dir.path(), &schema()).unwrap(), begin).await;
}

#[tokio::test]
async fn a_moment_that_the_tables_no_longer_tell_of_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let options = LakeOptions {
        checkpoint_every: 2,
        log_retention: Duration::ZERO,
        ..by_hand()
    };
    let lake = Lake::open(dir.path(), schema(), options).await.unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::default());
    let root = disk.canonical(dir.path()).unwrap();
    lake.append(batch(0..6)).await.unwrap();
    lake.flush().await.unwrap();
    let groups = Groups::read(&*disk, &root).unwrap();
    for begin in [6, 12, 18] {
        lake.append(batch(begin..begin + 6)).await.unwrap();
        lake.flush().await.unwrap();
        lake.compact().await.unwrap();
    }
    let captured = assemble(&disk, &root, &schema(), Vec::new(), groups);
    assert!(matches!(captured, Err(LakeError::Changing { .. })));
    let capture = capture_folder(dir.path(), &schema()).unwrap();
    let has = |name: &str| capture.files.iter().any(|file| file.path.ends_with(name));
    assert!(has(".checkpoint.parquet") && has("_last_checkpoint"));
    assert_holds(&capture, 24).await;
}

#[tokio::test]
async fn a_file_that_left_its_table_and_was_removed_tells_so() {
    let dir = tempfile::tempdir().unwrap();
    let options = LakeOptions {
        vacuum_grace: Duration::ZERO,
        ..by_hand()
    };
    let lake = Lake::open(dir.path(), schema(), options).await.unwrap();
    for begin in [0, 6] {
        lake.append(batch(begin..begin + 6)).await.unwrap();
        lake.flush().await.unwrap();
    }
    let capture = capture_folder(dir.path(), &schema()).unwrap();
    lake.compact().await.unwrap();
    lake.compact().await.unwrap();
    let of_tables = || {
        capture
            .files
            .iter()
            .filter(|file| file.identity().is_some())
    };
    assert!(of_tables().count() > 2);
    for file in of_tables() {
        let error = file.open().err().unwrap();
        let judged = file.judge(error).unwrap();
        assert!(matches!(judged, Unreadable::Replaced), "{judged:?}");
    }
    let capture = capture_folder(dir.path(), &schema()).unwrap();
    let file = capture.files.iter().find(|file| file.identity().is_some());
    let file = file.unwrap();
    fs::remove_file(dir.path().join(&file.path)).unwrap();
    let judged = file.judge(file.open().err().unwrap()).unwrap();
    assert!(matches!(judged, Unreadable::Damaged(_)), "{judged:?}");
    // A bad sector costs its file; an operating system that refuses, the backup.
    let judged = file.judge(std::io::Error::from_raw_os_error(5)).unwrap();
    assert!(matches!(judged, Unreadable::Damaged(_)), "{judged:?}");
    let refused = file.judge(std::io::ErrorKind::PermissionDenied.into());
    assert!(refused.is_err());
}
