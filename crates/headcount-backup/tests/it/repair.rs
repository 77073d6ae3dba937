//! Repairs of a damaged folder, with a backup and without.

use std::fs;
use std::path::{Path, PathBuf};

use headcount_backup::BackedUpFiles;
use headcount_catalog::{KeyedReceipt, TableId};
use headcount_lake::{
    IntactFiles, Lake, LakeOptions, Outcome, Repaired, check_folder, repair_folder,
};

use crate::support::{backed_up, batch, by_hand, files_below, open, rows, schema};

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 16;
    fs::write(path, bytes).unwrap();
}

fn files(data: &Path, folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut files = files_below(&data.join(folder));
    files.retain(|path| path.to_string_lossy().ends_with(ending));
    files
}

fn repaired(data: &Path, backup: Option<&Path>) -> Vec<Repaired> {
    let backup = backup.map(|backup| BackedUpFiles::open(backup, data).unwrap());
    let copies = backup.as_ref().map(|backup| backup as &dyn IntactFiles);
    repair_folder(data, &schema(), copies).unwrap()
}

fn outcomes(repaired: &[Repaired]) -> Vec<Outcome> {
    repaired.iter().map(|repaired| repaired.outcome).collect()
}

fn findings(data: &Path) -> usize {
    check_folder(data, &schema()).unwrap().findings.len()
}

/// Four flushes of ten spans.
async fn some_data(data: &Path, options: LakeOptions) {
    let lake = Lake::open(data, schema(), options).await.unwrap();
    for number in 0..4 {
        lake.append(batch(None, number * 10..number * 10 + 10))
            .await
            .unwrap();
        lake.flush().await.unwrap();
        if number == 2 {
            lake.compact().await.unwrap();
        }
    }
}

#[tokio::test]
async fn everything_that_a_backup_has_is_restored_byte_by_byte() {
    let (data, backup) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    some_data(data.path(), by_hand()).await;
    backed_up(data.path(), backup.path());
    let parquet = files(data.path(), "tables/default/crews", ".parquet");
    let commits = files(data.path(), "tables/shared/goals", ".json");
    let seen = files(data.path(), "seen", ".fingerprints");
    let damaged = [&parquet[0], &commits[1], &seen[0]];
    let gone = [&parquet[1], commits.last().unwrap()];
    let state = || -> Vec<Vec<u8>> {
        let all = damaged.iter().chain(&gone);
        all.map(|path| fs::read(path).unwrap()).collect()
    };
    let before = state();
    for path in damaged {
        flip(path, fs::read(path).unwrap().len() - 9);
    }
    for path in gone {
        fs::remove_file(path).unwrap();
    }
    assert!(findings(data.path()) >= 4);
    let done = repaired(data.path(), Some(backup.path()));
    assert_eq!(outcomes(&done), [Outcome::Restored; 5], "{done:?}");
    assert_eq!(state(), before);
    assert_eq!(findings(data.path()), 0);
    assert!(repaired(data.path(), Some(backup.path())).is_empty());
    assert_eq!(rows(&open(data.path()).await).await, [40, 40]);
}

#[tokio::test]
async fn without_a_backup_a_damaged_file_leaves_its_table_and_its_rows_are_known_to_be_missing() {
    let data = tempfile::tempdir().unwrap();
    some_data(data.path(), by_hand()).await;
    let parquet = files(data.path(), "tables/default/crews", ".parquet");
    flip(&parquet[0], 40);
    let done = repaired(data.path(), None);
    assert_eq!(outcomes(&done), [Outcome::SetAside], "{done:?}");
    let lost = done[0].rows.unwrap();
    assert!(!parquet[0].exists());
    assert_eq!(files(data.path(), "damaged", ".parquet").len(), 1);
    assert!(repaired(data.path(), None).is_empty());
    assert_eq!(findings(data.path()), 1, "the loss is named");
    for _ in 0..2 {
        let lake = open(data.path()).await;
        let snapshot = lake.snapshot().await.unwrap();
        assert_eq!(snapshot.row_count(TableId(0)), Some(40 - lost));
        let missing = snapshot.missing_rows(TableId(0)).unwrap();
        assert_eq!((missing.files, missing.rows), (1, Some(lost)));
        assert!(missing.time.is_some());
        assert_eq!(snapshot.missing_rows(TableId(1)), None);
        // It is merged like any other table again.
        lake.compact().await.unwrap();
        assert_eq!(lake.unreadable_files(), 0);
        lake.close().await.unwrap();
    }
    assert_eq!(files(data.path(), "damaged", ".parquet").len(), 1);
}

#[tokio::test]
async fn a_crash_in_a_repair_counts_no_row_as_missing_twice() {
    let data = tempfile::tempdir().unwrap();
    some_data(data.path(), by_hand()).await;
    let file = files(data.path(), "tables/default/crews", ".parquet").remove(0);
    flip(&file, 40);
    let before = files(data.path(), "tables/default/crews", ".json");
    let damaged = fs::read(&file).unwrap();
    let lost = repaired(data.path(), None)[0].rows;
    // As if it had ended before the commit, and again before the file was set aside.
    let commit = files(data.path(), "tables/default/crews", ".json")
        .pop()
        .unwrap();
    assert!(!before.contains(&commit));
    fs::remove_file(commit).unwrap();
    fs::write(&file, damaged).unwrap();
    let snapshot = open(data.path()).await.snapshot().await.unwrap();
    assert_eq!(
        snapshot.missing_rows(TableId(0)),
        None,
        "no query has met the damage yet"
    );
    let again = repaired(data.path(), None);
    assert_eq!((again.len(), again[0].rows), (1, lost), "{again:?}");
    let snapshot = open(data.path()).await.snapshot().await.unwrap();
    assert_eq!(snapshot.missing_rows(TableId(0)).unwrap().rows, lost);
}

#[tokio::test]
async fn a_damaged_checkpoint_is_replaced_where_the_commits_suffice() {
    let data = tempfile::tempdir().unwrap();
    let options = LakeOptions {
        checkpoint_every: 2,
        ..by_hand()
    };
    some_data(data.path(), options).await;
    let checkpoint = files(data.path(), "tables/default/crews", ".checkpoint.parquet").remove(0);
    flip(&checkpoint, 300);
    let done = repaired(data.path(), None);
    assert_eq!(outcomes(&done), [Outcome::SetAside], "{done:?}");
    let log = data.path().join("tables/default/crews/_delta_log");
    let hint = fs::read_to_string(log.join("_last_checkpoint")).unwrap();
    let hint: serde_json::Value = serde_json::from_str(&hint).unwrap();
    let version = hint["version"].as_u64().unwrap();
    assert!(
        log.join(format!("{version:020}.checkpoint.parquet"))
            .exists()
    );
    assert_eq!(findings(data.path()), 0);
    assert!(repaired(data.path(), None).is_empty());
    assert_eq!(rows(&open(data.path()).await).await, [40, 40]);
}

#[tokio::test]
async fn a_damaged_commit_without_a_copy_is_left_for_somebody_to_decide() {
    let data = tempfile::tempdir().unwrap();
    some_data(data.path(), by_hand()).await;
    let commit = files(data.path(), "tables/default/crews", ".json").remove(1);
    flip(&commit, fs::read(&commit).unwrap().len() - 9);
    let before = fs::read(&commit).unwrap();
    let done = repaired(data.path(), None);
    assert_eq!(outcomes(&done), [Outcome::Left], "{done:?}");
    assert!(done[0].text.contains("--from"), "{done:?}");
    assert_eq!(fs::read(&commit).unwrap(), before);
    let lake = open(data.path()).await;
    assert_eq!(lake.refused_tables(), ["crews"]);
    let snapshot = lake.snapshot().await.unwrap();
    assert_eq!(snapshot.row_count(TableId(1)), Some(40));
}

#[tokio::test]
async fn an_erasure_removes_what_was_set_aside_and_may_hold_its_rows() {
    let data = tempfile::tempdir().unwrap();
    let receipt = KeyedReceipt::new([3; 16]);
    let lake = open(data.path()).await;
    for number in 0..2 {
        let fingerprints = number * 10..number * 10 + 10;
        lake.append(batch(Some(receipt), fingerprints))
            .await
            .unwrap();
        lake.flush().await.unwrap();
    }
    drop(lake);
    let file = files(data.path(), "tables/default/crews", ".parquet").remove(0);
    flip(&file, 40);
    assert_eq!(outcomes(&repaired(data.path(), None)), [Outcome::SetAside]);
    assert_eq!(files(data.path(), "damaged", ".parquet").len(), 1);
    let lake = open(data.path()).await;
    lake.order_erasure(vec![receipt]).await.unwrap();
    lake.erase().await.unwrap();
    assert_eq!(files(data.path(), "damaged", ".parquet").len(), 0);
    assert_eq!(rows(&lake).await, [0, 0]);
}

#[tokio::test]
async fn a_folder_in_use_is_not_repaired() {
    let data = tempfile::tempdir().unwrap();
    let lake = open(data.path()).await;
    assert!(repair_folder(data.path(), &schema(), None).is_err());
    drop(lake);
}
