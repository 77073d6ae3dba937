//! What the medium, or somebody, changed is never served as truth.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::prelude::SessionContext;
use headcount_catalog::TableId;
use headcount_log::disk::{Disk, RealDisk};
use headcount_log::wal::segment::SegmentFile;

use super::support::{append_in_files, batch, by_hand, schema, sql, stored};
use crate::delta::log::{TableLog, table_folder};
use crate::{Lake, LakeOptions, LakeSnapshot, check_folder};

const CREWS: TableId = TableId(0);

/// Every value of `crews`, or the error.
async fn everything(snapshot: &LakeSnapshot) -> Result<String, String> {
    let context = SessionContext::new();
    context
        .register_table("crews", snapshot.provider(CREWS))
        .unwrap();
    let rows = context
        .sql("SELECT * FROM crews ORDER BY tasks")
        .await
        .unwrap();
    let batches = rows.collect().await.map_err(|error| error.to_string())?;
    Ok(arrow::util::pretty::pretty_format_batches(&batches)
        .unwrap()
        .to_string())
}

fn files_under(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_under(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn crews(root: &Path) -> PathBuf {
    root.join("tables/default/crews")
}

fn flip(path: &Path, at: usize, bit: u8) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1 << bit;
    fs::write(path, bytes).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

#[tokio::test]
async fn a_flipped_bit_in_a_file_is_an_error_and_then_rows_that_are_known_to_be_missing() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    append_in_files(&lake, 0..12).await;
    lake.close().await.unwrap();
    let read = || LakeSnapshot::read(dir.path(), schema());
    let truth = everything(&read().await.unwrap()).await.unwrap();
    let file = files_under(&crews(dir.path()), ".parquet").remove(0);
    let length = fs::read(&file).unwrap().len();
    // Every part of a file: pages, their headers, the footer, the magic.
    for (number, at) in (0..length).step_by(23).enumerate() {
        flip(&file, at, (number % 8) as u8);
        let snapshot = read().await.unwrap();
        let revision = snapshot.damage_revision();
        let error = everything(&snapshot).await.expect_err("the bit is noticed");
        assert!(error.contains("checksum"), "byte {at}: {error}");
        assert_ne!(snapshot.damage_revision(), revision);
        let missing = snapshot.missing_rows(CREWS).unwrap();
        assert_eq!((missing.files, missing.rows), (1, Some(4)), "byte {at}");
        assert!(missing.time.is_some());
        let left = everything(&snapshot).await.unwrap();
        assert!(left.lines().all(|line| truth.contains(line)), "{left}");
        assert_eq!(stored(&snapshot).await.len(), 8);
        assert_eq!(snapshot.missing_rows(TableId(1)), None);
        flip(&file, at, (number % 8) as u8);
    }
    fs::write(&file, &fs::read(&file).unwrap()[..length - 9]).unwrap();
    let cut_off = everything(&read().await.unwrap()).await.unwrap_err();
    assert!(cut_off.contains("bytes long"), "{cut_off}");
}

#[tokio::test]
async fn a_file_that_was_restored_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    append_in_files(&lake, 0..12).await;
    let file = files_under(&crews(dir.path()), ".parquet").remove(0);
    let whole = fs::read(&file).unwrap();
    flip(&file, 40, 3);
    let _ = everything(&lake.snapshot().await.unwrap())
        .await
        .unwrap_err();
    assert_eq!(lake.unreadable_files(), 1);
    let damaged = lake.revision();
    assert_eq!(stored(&lake.snapshot().await.unwrap()).await.len(), 8);
    fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    fs::write(&file, whole).unwrap();
    let restored = lake.snapshot().await.unwrap();
    assert_eq!(stored(&restored).await.len(), 12);
    assert_eq!(restored.missing_rows(CREWS), None);
    assert_eq!(lake.unreadable_files(), 0);
    assert_ne!(lake.revision(), damaged);
}

#[tokio::test]
async fn a_file_that_is_gone_is_found_and_its_rows_are_known_to_be_missing() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    append_in_files(&lake, 0..12).await;
    fs::remove_file(files_under(&crews(dir.path()), ".parquet").remove(0)).unwrap();
    let snapshot = lake.snapshot().await.unwrap();
    let _ = everything(&snapshot).await.unwrap_err();
    assert!(snapshot.find_damage(&[CREWS]));
    assert_eq!(stored(&snapshot).await.len(), 8);
    assert_eq!(snapshot.missing_rows(CREWS).unwrap().rows, Some(4));
}

/// Merged, it would get a checksum that says that it is right.
#[tokio::test]
async fn a_flipped_bit_is_not_copied_into_a_merged_file() {
    let dir = tempfile::tempdir().unwrap();
    let options = LakeOptions {
        vacuum_grace: std::time::Duration::ZERO,
        ..by_hand()
    };
    let lake = Lake::open(dir.path(), schema(), options).await.unwrap();
    append_in_files(&lake, 0..36).await;
    let file = files_under(&crews(dir.path()), ".parquet").remove(0);
    flip(&file, 40, 0);
    lake.compact().await.unwrap();
    assert!(file.exists());
    assert_eq!(lake.unreadable_files(), 1);
    let left = stored(&lake.snapshot().await.unwrap()).await;
    assert_eq!(left.len(), 32, "{left:?}");
}

#[tokio::test]
async fn a_flipped_bit_in_a_commit_or_checkpoint_is_never_believed() {
    let dir = tempfile::tempdir().unwrap();
    let options = LakeOptions {
        checkpoint_every: 3,
        log_retention: std::time::Duration::ZERO,
        ..by_hand()
    };
    let lake = Lake::open(dir.path(), schema(), options).await.unwrap();
    for begin in [0, 12, 24, 36, 48] {
        lake.append(batch(begin..begin + 12)).await.unwrap();
        lake.flush().await.unwrap();
        if begin == 36 {
            lake.compact().await.unwrap();
        }
    }
    lake.close().await.unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::default());
    let (schema, table) = (schema(), &schema().tables[0]);
    let folder = table_folder(dir.path(), table);
    let collector = fs::read_to_string(dir.path().join("collector")).unwrap();
    let state = || {
        let log = TableLog::open(&disk, &folder, &schema.tables[0], collector.trim())?;
        Ok::<_, crate::LakeError>((log.files(), log.applied(), log.version))
    };
    let truth = state().unwrap();
    let log = folder.join("_delta_log");
    let mut parts = files_under(&log, ".checkpoint.parquet");
    parts.push(files_under(&log, ".json").pop().unwrap());
    assert_eq!(parts.len(), 2, "a checkpoint and a commit behind it");
    let whole = fs::read(&parts[1]).unwrap();
    for cut in [0, 1, whole.len() / 2, whole.len() - 2] {
        fs::write(&parts[1], &whole[..cut]).unwrap();
        assert!(state().is_err(), "a commit that was cut off at {cut}");
    }
    fs::write(&parts[1], whole).unwrap();
    for part in parts {
        let length = fs::read(&part).unwrap().len();
        for at in (0..length).step_by(1 + length / 700) {
            flip(&part, at, (at % 7) as u8);
            if let Ok(read) = state() {
                assert_eq!(read, truth, "byte {at} of {}", part.display());
            }
            flip(&part, at, (at % 7) as u8);
        }
    }
    // The hint alone can be damaged without harm.
    let hint = log.join("_last_checkpoint");
    for at in 0..fs::read(&hint).unwrap().len() {
        flip(&hint, at, (at % 7) as u8);
        assert_eq!(state().unwrap(), truth, "byte {at} of the hint");
        flip(&hint, at, (at % 7) as u8);
    }
}

#[tokio::test]
async fn a_damaged_log_of_one_table_keeps_no_other_table_from_opening() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    append_in_files(&lake, 0..12).await;
    lake.close().await.unwrap();
    let commit = files_under(&crews(dir.path()), ".json").remove(0);
    let whole = fs::read(&commit).unwrap();
    fs::write(&commit, b"{}}").unwrap();
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    assert_eq!(lake.refused_tables(), ["crews"]);
    lake.append(batch(12..15)).await.unwrap();
    let _ = lake.flush().await.unwrap_err();
    let snapshot = lake.snapshot().await.unwrap();
    assert_eq!(snapshot.row_count(CREWS), None);
    let _ = everything(&snapshot).await.unwrap_err();
    let others = sql(&snapshot, "SELECT count(*) AS n FROM shared_agents").await;
    assert!(others.contains("| 5 |"), "{others}");
    drop(lake);
    assert_eq!(fs::read(&commit).unwrap(), b"{}}", "nothing was written");
    // With the log as it was, every row is there, once.
    fs::write(&commit, whole).unwrap();
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    lake.append(batch(15..18)).await.unwrap();
    lake.flush().await.unwrap();
    let all = stored(&lake.snapshot().await.unwrap()).await;
    assert_eq!(all, (0..18).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_table_that_lost_commits_is_named_until_it_has_as_many_again() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    for group in [0..12, 12..24] {
        lake.append(batch(group)).await.unwrap();
        lake.flush().await.unwrap();
    }
    drop(lake);
    fs::remove_file(files_under(&crews(dir.path()), ".json").pop().unwrap()).unwrap();
    fs::remove_dir_all(dir.path().join("tables/shared/shared_agents")).unwrap();
    let beside = LakeSnapshot::read(dir.path(), schema()).await.unwrap();
    assert_eq!(beside.missing_rows(CREWS).unwrap().commits, 1);
    for lost in [&["crews", "shared_agents"][..], &["shared_agents"], &[]] {
        let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
        assert_eq!(lake.tables_with_lost_commits(), lost);
        let snapshot = lake.snapshot().await.unwrap();
        let missing = snapshot
            .missing_rows(TableId(1))
            .map(|missing| missing.commits);
        assert_eq!(missing.is_some(), !lost.is_empty());
        let begin = 100 + snapshot.row_count(CREWS).unwrap();
        lake.append(batch(begin..begin + 3)).await.unwrap();
        lake.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_copy_of_a_running_folder_opens_whichever_part_was_copied_first() {
    for is_log_first in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let copied = tempfile::tempdir().unwrap();
        let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
        lake.append(batch(0..3)).await.unwrap();
        let parts = match is_log_first {
            true => ["wal", "tables"],
            false => ["tables", "wal"],
        };
        for (index, part) in parts.into_iter().enumerate() {
            copy(&dir.path().join(part), &copied.path().join(part));
            if index == 0 {
                for group in [3..6, 6..9] {
                    lake.append(batch(group)).await.unwrap();
                    lake.flush().await.unwrap();
                }
                lake.append(batch(9..12)).await.unwrap();
            }
        }
        fs::copy(
            dir.path().join("collector"),
            copied.path().join("collector"),
        )
        .unwrap();
        let copy = Lake::open(copied.path(), schema(), by_hand())
            .await
            .unwrap();
        assert!(copy.missing_groups() > 0, "log first: {is_log_first}");
        copy.append(batch(20..23)).await.unwrap();
        copy.flush().await.unwrap();
        drop(copy);
        let copy = Lake::open(copied.path(), schema(), by_hand())
            .await
            .unwrap();
        copy.append(batch(23..26)).await.unwrap();
        copy.flush().await.unwrap();
        let rows = stored(&copy.snapshot().await.unwrap()).await;
        let mut once = rows.clone();
        once.dedup();
        assert_eq!(rows, once);
        assert!(rows.ends_with(&[20, 21, 22, 23, 24, 25]), "{rows:?}");
    }
}

#[tokio::test]
async fn a_segment_whose_header_is_damaged_is_quarantined() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    lake.append(batch(0..3)).await.unwrap();
    drop(lake);
    flip(&SegmentFile::new(&dir.path().join("wal"), 1).path, 30, 2);
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    assert_eq!(lake.damaged_files(), 1);
    assert!(stored(&lake.snapshot().await.unwrap()).await.is_empty());
    lake.append(batch(3..6)).await.unwrap();
    lake.close().await.unwrap();
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    assert_eq!(stored(&lake.snapshot().await.unwrap()).await, [3, 4, 5]);
    assert_eq!(lake.damaged_files(), 1);
}

#[tokio::test]
async fn a_check_names_every_damaged_file_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    for group in [0..12, 12..24] {
        lake.append(batch(group)).await.unwrap();
        lake.flush().await.unwrap();
    }
    lake.append(batch(24..27)).await.unwrap();
    lake.append(batch(27..30)).await.unwrap();
    let check = || check_folder(dir.path(), &schema()).unwrap();
    let sound = check();
    assert_eq!(sound.findings, []);
    assert!(sound.files > 6 && sound.bytes > 4096, "{sound:?}");
    assert_eq!(sound.without_checksums, 0);
    drop(lake);
    let crews = files_under(&crews(dir.path()), ".parquet");
    let damaged = [
        crews[0].clone(),
        files_under(&dir.path().join("wal"), ".wal").remove(0),
        files_under(&dir.path().join("seen"), ".fingerprints").remove(0),
        files_under(&dir.path().join("tables/shared"), ".json").remove(0),
        dir.path().join("watermark"),
    ];
    for path in &damaged {
        flip(path, 60, 1);
    }
    fs::remove_file(&crews[1]).unwrap();
    let found = check().findings;
    let paths: Vec<PathBuf> = found.iter().map(|finding| finding.path.clone()).collect();
    for path in damaged.iter().chain([&crews[1]]) {
        let path = path.strip_prefix(dir.path()).unwrap();
        let finding = found.iter().find(|finding| finding.path == *path);
        assert!(finding.is_some(), "{} is not in {paths:?}", path.display());
    }
    assert_eq!(found.len(), 6, "{found:?}");
    let rows: Vec<Option<u64>> = found.iter().map(|finding| finding.rows).collect();
    assert_eq!(rows.iter().flatten().sum::<u64>(), 24, "{found:?}");
}
