//! The store's promises, each a test with the promise's name.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use headcount_catalog::{BatchWriter, Column, ColumnType, Fingerprint, Schema, TableId};
use headcount_log::disk::RealDisk;
use headcount_log::folder::holds_data;
use headcount_log::testing::SimulatedDisk;

use super::support::{T0, assert_whole, batch, by_hand, schema, sql, stored};
use crate::{AppendError, Lake, LakeError, LakeOptions, LakeSnapshot, LogError, is_data_folder};

#[tokio::test]
async fn an_appended_span_is_visible_at_once_and_stays() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    let appended = lake.append(batch(0..10)).await.unwrap();
    assert_eq!((appended.stored, appended.duplicates), (10, 0));
    let everything: Vec<u64> = (0..10).collect();
    assert_eq!(stored(&lake.snapshot().await.unwrap()).await, everything);
    let beside = LakeSnapshot::read(dir.path(), schema()).await.unwrap();
    assert_eq!(stored(&beside).await, everything);
    lake.flush().await.unwrap();
    assert_eq!(stored(&lake.snapshot().await.unwrap()).await, everything);
    let beside = LakeSnapshot::read(dir.path(), schema()).await.unwrap();
    assert_eq!(stored(&beside).await, everything);
    let again = lake.append(batch(5..15)).await.unwrap();
    assert_eq!((again.stored, again.duplicates), (5, 5));
    lake.close().await.unwrap();
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    let again = lake.append(batch(0..15)).await.unwrap();
    assert_eq!((again.stored, again.duplicates), (0, 15));
    assert_eq!(
        stored(&lake.snapshot().await.unwrap()).await,
        (0..15).collect::<Vec<_>>()
    );
}

/// Options under which a few commits make a checkpoint, and the log before it goes at once.
fn with_checkpoints(seed: u64) -> LakeOptions {
    let mut options = by_hand();
    options.checkpoint_every = 3;
    options.log_retention = Duration::ZERO;
    if seed.is_multiple_of(2) {
        options.vacuum_grace = Duration::ZERO;
    }
    options
}

/// Random appends, retries, flushes and compactions; at a random operation of the disk the power goes, an fsync fails or the
/// space ends. Afterwards every acknowledged span is there once, and nothing that nobody sent.
async fn live_through(seed: u64) {
    let dir = tempfile::tempdir().unwrap();
    // The store creates its data folder, so that a crash may lose it.
    let data = dir.path().join("data");
    let disk = SimulatedDisk::new(seed + 1);
    let mut acknowledged = BTreeSet::new();
    let mut next = 1;
    for _life in 0..4 {
        disk.lose_power_after(Some(20 + disk.random(600)));
        disk.fail_sync_after((disk.random(2) == 0).then(|| disk.random(60)));
        let options = with_checkpoints(seed);
        if let Ok(lake) = Lake::open_on(Arc::new(disk.clone()), &data, schema(), options).await {
            for _step in 0..12 + disk.random(30) {
                live_one_step(&lake, &disk, &mut acknowledged, &mut next).await;
            }
            // Without power, nothing can be read.
            if let Ok(audit) = lake.audit().await {
                assert_whole(&audit, &format!("seed {seed}"));
            }
        }
        disk.crash();
    }
    let lake = Lake::open_on(Arc::new(disk), &data, schema(), with_checkpoints(seed)).await;
    let lake = lake.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    check(&lake, &acknowledged, next, seed).await;
    lake.flush().await.unwrap();
    lake.compact().await.unwrap();
    check(&lake, &acknowledged, next, seed).await;
    drop(lake);
}

async fn live_one_step(
    lake: &Lake,
    disk: &SimulatedDisk,
    acknowledged: &mut BTreeSet<u64>,
    next: &mut u64,
) {
    match disk.random(10) {
        0 | 1 => {
            // Either may fail; nothing is lost by that.
            let _ = lake.flush().await;
        }
        2 => {
            let _ = lake.compact().await;
        }
        3 => disk.set_full(disk.random(2) == 0),
        _ => {
            // Some spans are new, some were sent before (and perhaps acknowledged).
            let again = next.saturating_sub(disk.random(12)).max(1);
            let until = *next + disk.random(6);
            *next = until;
            let sent: Vec<u64> = (again..until).collect();
            if lake.append(batch(sent.clone())).await.is_ok() {
                acknowledged.extend(sent);
            }
        }
    }
}

async fn check(lake: &Lake, acknowledged: &BTreeSet<u64>, next: u64, seed: u64) {
    let snapshot = lake.snapshot().await.unwrap();
    let found = stored(&snapshot).await;
    let once: BTreeSet<u64> = found.iter().copied().collect();
    assert_eq!(
        once.len(),
        found.len(),
        "seed {seed}: a span is counted twice: {found:?}"
    );
    let lost: Vec<_> = acknowledged.difference(&once).collect();
    assert!(lost.is_empty(), "seed {seed}: lost {lost:?}");
    assert!(
        once.iter().all(|span| (1..next).contains(span)),
        "seed {seed}: never sent"
    );
    let audit = lake.audit().await.unwrap();
    assert_whole(&audit, &format!("seed {seed}"));
    let taken = audit.tables[0]
        .days
        .iter()
        .map(|day| day.taken - day.duplicate);
    assert_eq!(taken.sum::<u64>(), once.len() as u64, "seed {seed}: taken");
    let refusals = sql(
        &snapshot,
        "SELECT coalesce(sum(count), 0) AS n FROM refusals",
    )
    .await;
    let expected = format!("| {} ", once.len());
    assert!(
        refusals.contains(&expected),
        "seed {seed}: {refusals} for {}",
        once.len()
    );
    let thirds = once.iter().filter(|span| *span % 3 == 0).count();
    assert_eq!(
        snapshot.row_count(TableId(1)),
        Some(thirds as u64),
        "seed {seed}: shared"
    );
}

/// `HEADCOUNT_SEEDS=from..to` runs other lives than the usual ones.
#[tokio::test]
async fn an_acknowledged_span_is_never_lost_and_never_counted_twice() {
    let seeds = std::env::var("HEADCOUNT_SEEDS").unwrap_or_else(|_| "0..150".to_owned());
    let (from, to) = seeds.split_once("..").expect("HEADCOUNT_SEEDS is from..to");
    for seed in from.parse().unwrap()..to.parse().unwrap() {
        live_through(seed).await;
    }
}

#[tokio::test]
async fn a_full_disk_refuses_appends_and_answers_queries_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let disk = SimulatedDisk::new(1);
    let lake = Lake::open_on(Arc::new(disk.clone()), dir.path(), schema(), by_hand())
        .await
        .unwrap();
    lake.append(batch(1..10)).await.unwrap();
    disk.set_full(true);
    assert!(matches!(
        lake.append(batch(10..20)).await,
        Err(AppendError::DiskFull)
    ));
    assert!(lake.flush().await.is_err());
    assert_eq!(
        stored(&lake.snapshot().await.unwrap()).await,
        (1..10).collect::<Vec<_>>()
    );
    disk.set_full(false);
    let again = lake.append(batch(10..20)).await.unwrap();
    assert_eq!((again.stored, again.duplicates), (10, 0));
    lake.flush().await.unwrap();
    assert_eq!(
        stored(&lake.snapshot().await.unwrap()).await,
        (1..20).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn the_tiers_never_share_a_table() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    lake.append(batch(0..9)).await.unwrap();
    lake.close().await.unwrap();
    let shared = dir.path().join("tables/shared");
    assert!(shared.join("shared_agents/_delta_log").exists());
    assert!(!shared.join("crews").exists());
    assert!(!dir.path().join("tables/default/shared_agents").exists());
    for folder in [shared, dir.path().join("wal")] {
        let mode = folder.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} is open to others", folder.display());
    }
}

#[tokio::test]
async fn a_folder_has_one_writer() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    let second = Lake::open(dir.path(), schema(), by_hand()).await;
    assert!(matches!(
        second,
        Err(LakeError::Log(LogError::Locked { .. }))
    ));
    // The lock is not in the file: removing it lets nobody in.
    std::fs::remove_file(dir.path().join("LOCK")).unwrap();
    let third = Lake::open(dir.path(), schema(), by_hand()).await;
    assert!(matches!(
        third,
        Err(LakeError::Log(LogError::Locked { .. }))
    ));
    lake.close().await.unwrap();
    Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
}

#[tokio::test]
async fn values_survive() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    let mut writer = BatchWriter::for_tests(64);
    writer.begin_entry(Fingerprint(1));
    writer.row(TableId(0), |row| {
        row.timestamp(0, T0);
        row.text(2, "");
        row.boolean(3, false);
        row.integer(4, 0);
        row.double(5, 0.0);
        row.text_list(6, [].into_iter());
    });
    writer.end_entry();
    writer.begin_entry(Fingerprint(2));
    writer.row(TableId(0), |row| row.timestamp(0, T0 + 1));
    writer.end_entry();
    lake.append(writer.finish()).await.unwrap();
    let question = "SELECT id, memory, tasks, score, tool_names, time FROM crews ORDER BY time";
    let in_memory = sql(&lake.snapshot().await.unwrap(), question).await;
    assert!(
        in_memory.contains("|    | false  | 0     | 0.0   | []         | 2026-11-23T"),
        "{in_memory}"
    );
    assert!(
        in_memory.contains("|    |        |       |       |            | 2026-11-23T"),
        "{in_memory}"
    );
    lake.flush().await.unwrap();
    assert_eq!(
        sql(&lake.snapshot().await.unwrap(), question).await,
        in_memory
    );
    let nulls =
        "SELECT count(*) - count(id) AS ids, count(*) - count(tool_names) AS lists FROM crews";
    let nulls = sql(&lake.snapshot().await.unwrap(), nulls).await;
    assert!(nulls.contains("| 1   | 1     |"), "{nulls}");
}

#[tokio::test]
async fn a_catalog_that_grew_reads_what_an_older_one_logged_and_stored() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    lake.append(batch(1..4)).await.unwrap();
    lake.flush().await.unwrap();
    lake.append(batch(4..7)).await.unwrap();
    drop(lake);
    let mut grown = Schema::clone(&schema());
    let column_type = ColumnType::Text;
    let extra = Column {
        name: "process".to_owned(),
        column_type,
    };
    grown.tables[0].columns.insert(1, extra);
    grown.tables.rotate_left(1);
    let grown = Arc::new(grown);
    let lake = Lake::open(dir.path(), Arc::clone(&grown), by_hand())
        .await
        .unwrap();
    let question = "SELECT tasks, id, process FROM crews ORDER BY 1";
    let before = sql(&lake.snapshot().await.unwrap(), question).await;
    assert!(
        before.contains("| 6     | 0000000000000006 |         |"),
        "{before}"
    );
    lake.flush().await.unwrap();
    lake.compact().await.unwrap();
    assert_eq!(sql(&lake.snapshot().await.unwrap(), question).await, before);
    lake.close().await.unwrap();
    let mut changed = Schema::clone(&grown);
    changed.tables[2].columns[1].column_type = ColumnType::Integer;
    let lake = Lake::open(dir.path(), Arc::new(changed), by_hand()).await;
    let refused = matches!(lake, Err(LakeError::ColumnType { .. }));
    assert!(refused, "a column changed its type");
}

#[tokio::test]
async fn a_folder_that_was_only_opened_holds_no_data() {
    let dir = tempfile::tempdir().unwrap();
    let disk = RealDisk::default();
    assert!(!is_data_folder(dir.path()));
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    assert!(is_data_folder(dir.path()));
    assert!(!holds_data(&disk, dir.path()).unwrap());
    lake.append(batch([1])).await.unwrap();
    assert!(holds_data(&disk, dir.path()).unwrap());
    lake.close().await.unwrap();
    assert!(holds_data(&disk, dir.path()).unwrap());
}
