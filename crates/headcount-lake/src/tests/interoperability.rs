//! Interoperability: readers in the same folder, other programs on the same tables, and upkeep meanwhile.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use headcount_catalog::{BatchWriter, Fingerprint, TableId};
use headcount_log::disk::RealDisk;
use headcount_log::testing::SimulatedDisk;

use super::support::{batch, by_hand, parquet_files, schema, sql, stored};
use crate::{Lake, LakeOptions, LakeSnapshot};

/// The answer of a reader that knows nothing but the files.
pub(crate) async fn read_beside(root: &Path, question: &str) -> String {
    sql(&LakeSnapshot::read(root, schema()).await.unwrap(), question).await
}

fn log_objects(root: &Path) -> usize {
    std::fs::read_dir(root.join("tables/default/crews/_delta_log"))
        .unwrap()
        .count()
}

#[tokio::test]
async fn a_log_that_was_cut_after_a_checkpoint_says_everything() {
    let dir = tempfile::tempdir().unwrap();
    let options = LakeOptions {
        checkpoint_every: 4,
        log_retention: Duration::ZERO,
        ..by_hand()
    };
    let lake = Lake::open(dir.path(), schema(), options.clone())
        .await
        .unwrap();
    let question = "SELECT count(*) AS n, sum(tasks) AS s, count(DISTINCT id) AS ids, min(time) AS a, max(time) AS b, sum(cardinality(tool_names)) AS tools FROM crews";
    for round in 0..6_u64 {
        lake.append(batch(round * 50..round * 50 + 50))
            .await
            .unwrap();
        lake.flush().await.unwrap();
        if round % 2 == 1 {
            lake.compact().await.unwrap();
        }
        let ours = sql(&lake.snapshot().await.unwrap(), question).await;
        assert_eq!(read_beside(dir.path(), question).await, ours);
    }
    // Checkpoints were written, and the log was cut after them: what is left still says everything.
    assert!(
        log_objects(dir.path()) < 12,
        "{} objects",
        log_objects(dir.path())
    );
    lake.close().await.unwrap();
    let lake = Lake::open(dir.path(), schema(), options).await.unwrap();
    let snapshot = lake.snapshot().await.unwrap();
    assert_eq!(stored(&snapshot).await, (0..300).collect::<Vec<_>>());
    let again = lake.append(batch(0..300)).await.unwrap();
    assert_eq!((again.stored, again.duplicates), (0, 300));
    lake.append(batch(300..310)).await.unwrap();
    lake.flush().await.unwrap();
    let beside = LakeSnapshot::read(dir.path(), schema()).await.unwrap();
    assert_eq!(stored(&beside).await, (0..310).collect::<Vec<_>>());
}

#[tokio::test]
async fn compaction_leaves_one_file_of_a_small_table_and_vacuum_only_files_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let options = LakeOptions {
        vacuum_grace: Duration::ZERO,
        ..by_hand()
    };
    let lake = Lake::open(dir.path(), schema(), options).await.unwrap();
    for round in 0..5_u64 {
        lake.append(batch(round * 9..round * 9 + 9)).await.unwrap();
        lake.flush().await.unwrap();
    }
    let before = lake.snapshot().await.unwrap();
    assert!(before.file_count(TableId(0)) >= 5);
    lake.compact().await.unwrap();
    let after = lake.snapshot().await.unwrap();
    assert_eq!(after.file_count(TableId(0)), 1);
    assert_eq!(after.file_count(TableId(2)), 1);
    assert_eq!(
        after.row_count(TableId(2)),
        Some(1),
        "equal refusals are one row"
    );
    assert_eq!(stored(&after).await, (0..45).collect::<Vec<_>>());
    let crews = parquet_files(&dir.path().join("tables/default/crews"));
    assert_eq!(crews.len(), after.file_count(TableId(0)));
}

#[tokio::test]
async fn a_count_reads_no_file_and_a_time_range_reads_only_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    for spans in [0..4, 4..9] {
        lake.append(batch(spans)).await.unwrap();
        lake.flush().await.unwrap();
    }
    lake.append(batch(9..12)).await.unwrap();
    let snapshot = lake.snapshot().await.unwrap();
    let plan = sql(&snapshot, "EXPLAIN SELECT count(*) FROM crews").await;
    assert!(!plan.contains("DataSourceExec"), "{plan}");
    let count = sql(&snapshot, "SELECT count(*) AS n FROM crews").await;
    assert!(count.contains("| 12 |"), "{count}");
    let files = snapshot.file_count(TableId(0));
    assert!(files > 1);
    let all = sql(&snapshot, "EXPLAIN SELECT id FROM crews WHERE tasks > 1").await;
    assert_eq!(all.matches(".parquet").count(), files, "{all}");
    let none = "EXPLAIN SELECT id FROM crews WHERE time < TIMESTAMP '2020-01-01T00:00:00Z'";
    let none = sql(&snapshot, none).await;
    assert_eq!(none.matches(".parquet").count(), 0, "{none}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_beside_the_writer_sees_each_span_once_at_any_moment() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Arc::new(Lake::open(dir.path(), schema(), by_hand()).await.unwrap());
    lake.append(batch(0..1)).await.unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let acknowledged = Arc::new(AtomicUsize::new(1));
    let (writing, finished) = (Arc::clone(&lake), Arc::clone(&done));
    let counting = Arc::clone(&acknowledged);
    let writer = tokio::spawn(async move {
        for round in 0..60_u64 {
            writing
                .append(batch(round * 5 + 1..round * 5 + 6))
                .await
                .unwrap();
            counting.fetch_add(5, Ordering::AcqRel);
            if round % 3 == 0 {
                writing.flush().await.unwrap();
            }
            if round % 13 == 0 {
                writing.compact().await.unwrap();
            }
        }
        finished.store(true, Ordering::Release);
    });
    while !done.load(Ordering::Acquire) {
        // Beside the writer one may see a little more: a frame whose fsync has not returned yet.
        let least = acknowledged.load(Ordering::Acquire);
        let beside = LakeSnapshot::read(dir.path(), schema()).await.unwrap();
        let within = lake.snapshot().await.unwrap();
        for snapshot in [beside, within] {
            let spans = stored(&snapshot).await;
            assert_eq!(spans, (0..spans.len() as u64).collect::<Vec<_>>());
            assert!(spans.len() >= least, "a span vanished");
        }
    }
    writer.await.unwrap();
    assert_eq!(stored(&lake.snapshot().await.unwrap()).await.len(), 301);
}

#[tokio::test]
async fn a_memtable_is_flushed_by_its_age_and_by_its_size() {
    let dir = tempfile::tempdir().unwrap();
    let options = LakeOptions {
        flush_interval: Duration::from_millis(100),
        ..LakeOptions::default()
    };
    let lake = Lake::open(dir.path(), schema(), options.clone())
        .await
        .unwrap();
    lake.append(batch(0..10)).await.unwrap();
    wait_for_files(&lake).await;
    lake.close().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let options = LakeOptions {
        flush_bytes: 1000,
        ..LakeOptions::default()
    };
    let lake = Lake::open(dir.path(), schema(), options).await.unwrap();
    lake.append(batch(0..100)).await.unwrap();
    wait_for_files(&lake).await;
}

async fn wait_for_files(lake: &Lake) {
    for _ in 0..200 {
        if lake.snapshot().await.unwrap().file_count(TableId(0)) > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("nothing was flushed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_that_wait_together_share_an_fsync() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Arc::new(Lake::open(dir.path(), schema(), by_hand()).await.unwrap());
    let appends = (0..200_u64).map(|round| {
        let lake = Arc::clone(&lake);
        tokio::spawn(async move { lake.append(batch(round * 3..round * 3 + 3)).await.unwrap() })
    });
    let mut stored_now = 0;
    for append in appends.collect::<Vec<_>>() {
        stored_now += append.await.unwrap().stored;
    }
    assert_eq!(stored_now, 600);
    let segments = headcount_log::wal::replay::read_beside_writer(
        &RealDisk::default(),
        &dir.path().join("wal"),
    )
    .unwrap();
    let frames: usize = segments.iter().map(|segment| segment.frames.len()).sum();
    assert!(frames < 200, "{frames} fsyncs for 200 appends");
}

/// Tries for a while until `is_so`.
async fn eventually(is_so: impl Fn() -> bool) -> bool {
    for _ in 0..400 {
        if is_so() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

#[tokio::test]
async fn a_batch_keeps_its_room_while_the_log_has_it_though_its_sender_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let disk = SimulatedDisk::new(1);
    let opened = Lake::open_on(Arc::new(disk.clone()), dir.path(), schema(), by_hand()).await;
    let lake = opened.unwrap();
    let whole_room = lake.room_left();
    let memory = Arc::new(());
    let stalled = disk.stall();
    let append = lake.append_holding(batch(0..3), Arc::clone(&memory));
    let waited = tokio::time::timeout(Duration::from_millis(50), append).await;
    assert!(waited.is_err(), "it waits for the disk");
    assert_eq!(Arc::strong_count(&memory), 2, "the log still has the batch");
    assert!(lake.room_left() < whole_room);
    drop(stalled);
    assert!(eventually(|| Arc::strong_count(&memory) == 1).await);
    assert!(eventually(|| lake.room_left() == whole_room).await);
    assert_eq!(stored(&lake.snapshot().await.unwrap()).await, [0, 1, 2]);
}

#[tokio::test]
async fn a_batch_that_is_refused_gives_its_room_back() {
    let dir = tempfile::tempdir().unwrap();
    let disk = SimulatedDisk::new(1);
    let opened = Lake::open_on(Arc::new(disk.clone()), dir.path(), schema(), by_hand()).await;
    let lake = opened.unwrap();
    let whole_room = lake.room_left();
    let memory = Arc::new(());
    disk.set_full(true);
    for _ in 0..3 {
        let append = lake.append_holding(batch(0..3), Arc::clone(&memory));
        assert!(append.await.is_err());
    }
    assert!(eventually(|| Arc::strong_count(&memory) == 1).await);
    assert!(eventually(|| lake.room_left() == whole_room).await);
}

#[tokio::test]
async fn counts_of_what_was_refused_are_stored_once_and_are_no_spans() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    let counts = || {
        let mut writer = BatchWriter::for_tests(64);
        writer.begin_counts(Fingerprint(1));
        writer.row(TableId(2), |row| {
            row.integer(3, 1);
        });
        writer.end_entry();
        writer.finish()
    };
    let first = lake.append(counts()).await.unwrap();
    assert_eq!(
        (first.stored, first.duplicates, first.written),
        (0, 0, true)
    );
    let again = lake.append(counts()).await.unwrap();
    assert_eq!(
        (again.stored, again.duplicates, again.written),
        (0, 0, false)
    );
    let sum = "SELECT sum(count) AS n FROM refusals";
    let sum = sql(&lake.snapshot().await.unwrap(), sum).await;
    assert!(sum.contains("| 1 "), "{sum}");
}
