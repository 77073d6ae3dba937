//! A disk with little room.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use headcount_catalog::TableId;
use headcount_log::testing::SimulatedDisk;

use super::support::{batch, by_hand, schema, stored};
use crate::{Lake, LakeOptions};

async fn lake_with_files(disk: &SimulatedDisk, dir: &Path) -> Lake {
    let options = LakeOptions {
        vacuum_grace: Duration::ZERO,
        ..by_hand()
    };
    let lake = Lake::open_on(Arc::new(disk.clone()), dir, schema(), options)
        .await
        .unwrap();
    for round in 0..4_u64 {
        lake.append(batch(round * 9..round * 9 + 9)).await.unwrap();
        lake.flush().await.unwrap();
    }
    lake
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(files_below(&path)),
            false => files.push(path),
        }
    }
    files.sort();
    files
}

#[tokio::test]
async fn files_are_merged_only_where_the_log_keeps_its_reserve() {
    let dir = tempfile::tempdir().unwrap();
    let disk = SimulatedDisk::new(1);
    let lake = lake_with_files(&disk, dir.path()).await;
    let files = lake.snapshot().await.unwrap().file_count(TableId(0));
    disk.set_free_bytes(Some(LakeOptions::default().disk_reserve));
    lake.compact().await.unwrap();
    let snapshot = lake.snapshot().await.unwrap();
    assert_eq!(snapshot.file_count(TableId(0)), files, "nothing is merged");
    disk.set_free_bytes(Some(LakeOptions::default().disk_reserve + (1 << 20)));
    lake.compact().await.unwrap();
    let snapshot = lake.snapshot().await.unwrap();
    assert!(snapshot.file_count(TableId(0)) < files, "there is room");
    assert_eq!(stored(&snapshot).await, (0..36).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_merge_that_fills_the_disk_gives_everything_back() {
    let dir = tempfile::tempdir().unwrap();
    let disk = SimulatedDisk::new(1);
    let lake = lake_with_files(&disk, dir.path()).await;
    let before = files_below(dir.path());
    disk.fill_after(Some(3000));
    assert!(lake.compact().await.is_err());
    assert_eq!(files_below(dir.path()), before);
    disk.fill_after(None);
    lake.compact().await.unwrap();
    assert_eq!(
        stored(&lake.snapshot().await.unwrap()).await,
        (0..36).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn what_a_crash_left_in_a_log_folder_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let lake = lake_with_files(&SimulatedDisk::new(1), dir.path()).await;
    let log = dir.path().join("tables/default/crews/_delta_log");
    let unfinished = [
        log.join("_commit_5b2f5bd0-8c6f-4a0f-a0a1-6b7f0f4e7d53.json.tmp"),
        log.join("00000000000000000003.checkpoint.parquet.tmp"),
    ];
    for path in &unfinished {
        std::fs::write(path, "{").unwrap();
    }
    // Written through the real disk, and known to the simulated one by their names alone.
    lake.compact().await.unwrap();
    for path in &unfinished {
        assert!(!path.exists(), "{}", path.display());
    }
    assert_eq!(stored(&lake.snapshot().await.unwrap()).await.len(), 36);
}
