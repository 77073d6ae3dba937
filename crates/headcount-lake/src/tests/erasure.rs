//! Erased rows are gone, and no others.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::AsArray;
use headcount_catalog::{KeyedReceipt, TableId};
use headcount_log::testing::SimulatedDisk;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::interoperability::read_beside;
use super::support::{batch, batch_under, by_hand, schema, sql, stored};
use crate::{Lake, LakeOptions, LakeSnapshot};

fn receipt(number: u64) -> KeyedReceipt {
    KeyedReceipt::new(u128::from(number).to_le_bytes())
}

/// Options under which nothing happens by itself, and nobody is waited for.
fn at_once() -> LakeOptions {
    LakeOptions {
        erasure_grace: Duration::ZERO,
        ..by_hand()
    }
}

async fn append(lake: &Lake, under: u64, spans: std::ops::Range<u64>) {
    let batch = batch_under(Some(receipt(under)), spans);
    lake.append(batch).await.unwrap();
}

async fn erase(lake: &Lake, receipts: &[u64]) {
    let receipts = receipts.iter().copied().map(receipt);
    lake.order_erasure(receipts.collect()).await.unwrap();
    lake.erase().await.unwrap();
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(self::files(&path)),
            false => files.push(path),
        }
    }
    files
}

/// The spans of which any file in the folder holds a byte, whether or not a table knows the file.
fn spans_on_disk(folder: &Path) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    for path in files(folder) {
        if path.extension().is_some_and(|ending| ending == "parquet") {
            // Counts of refusals are nobody's.
            let name = path.to_string_lossy();
            if !name.contains("/_delta_log/") && !name.contains("/refusals/") {
                found.extend(spans_in(&path));
            }
            continue;
        }
        // Ids stand in the log as they are. What a running store removed after it was listed holds nothing.
        let Ok(bytes) = std::fs::read(&path) else {
            assert!(!path.exists(), "{}", path.display());
            continue;
        };
        for window in bytes.windows(16) {
            let text = std::str::from_utf8(window).ok();
            let text = text.filter(|text| text.starts_with("000000000000"));
            found.extend(text.and_then(|text| u64::from_str_radix(text, 16).ok()));
        }
    }
    found
}

/// Stands for a file that cannot be read.
const TORN: u64 = u64::MAX;

fn spans_in(path: &Path) -> Vec<u64> {
    let mut spans = Vec::new();
    let Ok(file) = std::fs::File::open(path) else {
        // A running store removed it after it was listed.
        assert!(!path.exists(), "{}", path.display());
        return spans;
    };
    let Ok(reader) = ParquetRecordBatchReaderBuilder::try_new(file) else {
        // Cut short by a crash.
        return vec![TORN];
    };
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        if let Some(ids) = batch.column_by_name("id") {
            let ids = ids.as_string::<i32>().iter().flatten();
            spans.extend(ids.map(|id| u64::from_str_radix(id, 16).unwrap()));
        }
    }
    spans
}

#[tokio::test]
async fn erased_rows_are_gone_from_memory_log_and_tables_and_the_rest_stays() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path(), schema(), at_once()).await.unwrap();
    // In merged files, in files as they were flushed, and in the log: three installations, one of which sends no receipt.
    for part in 0..3_u64 {
        let from = 1 + part * 100;
        append(&lake, 1, from..from + 10).await;
        append(&lake, 2 + part, from + 10..from + 20).await;
        lake.append(batch(from + 20..from + 30)).await.unwrap();
        if part < 2 {
            lake.flush().await.unwrap();
            append(&lake, 1, from + 30..from + 31).await;
            lake.flush().await.unwrap();
        }
        if part == 0 {
            lake.compact().await.unwrap();
        }
    }
    let before = stored(&lake.snapshot().await.unwrap()).await;
    assert_eq!(before.len(), 92);
    let is_erased = |span: &u64| matches!(span % 100, 1..=10 | 31);
    let rest: Vec<u64> = before
        .iter()
        .copied()
        .filter(|span| !is_erased(span))
        .collect();
    assert_eq!(rest.len(), 60);

    erase(&lake, &[1, 77]).await;
    let snapshot = lake.snapshot().await.unwrap();
    assert_eq!(stored(&snapshot).await, rest);
    let shared = rest.iter().filter(|span| *span % 3 == 0).count();
    assert_eq!(snapshot.row_count(TableId(1)), Some(shared as u64));
    assert_eq!(spans_on_disk(dir.path()), rest.iter().copied().collect());
    // What was refused is nobody's, and is still counted.
    let refusals = sql(&snapshot, "SELECT sum(count) AS n FROM refusals").await;
    assert!(refusals.contains("| 92 |"), "{refusals}");
    // Others see the same.
    let beside = LakeSnapshot::read(dir.path(), schema()).await.unwrap();
    assert_eq!(stored(&beside).await, rest);
    let count = read_beside(dir.path(), "SELECT count(*) AS n FROM crews").await;
    assert!(count.contains("| 60 |"), "{count}");
    drop(snapshot);
    lake.close().await.unwrap();
    let lake = Lake::open(dir.path(), schema(), at_once()).await.unwrap();
    lake.compact().await.unwrap();
    assert_eq!(stored(&lake.snapshot().await.unwrap()).await, rest);
}

#[tokio::test]
async fn a_batch_that_comes_later_under_an_erased_receipt_is_answered_and_not_stored() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path(), schema(), at_once()).await.unwrap();
    append(&lake, 1, 1..5).await;
    erase(&lake, &[1]).await;
    append(&lake, 1, 5..9).await;
    append(&lake, 2, 20..22).await;
    drop(lake);
    let lake = Lake::open(dir.path(), schema(), at_once()).await.unwrap();
    append(&lake, 1, 9..12).await;
    assert_eq!(stored(&lake.snapshot().await.unwrap()).await, [20, 21]);
    assert_eq!(spans_on_disk(dir.path()), [20, 21].into());
}

#[tokio::test]
async fn a_span_that_is_sent_again_under_another_receipt_keeps_its_first() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path(), schema(), at_once()).await.unwrap();
    append(&lake, 1, 1..5).await;
    let again = lake.append(batch_under(Some(receipt(2)), 1..7)).await;
    let again = again.unwrap();
    assert_eq!((again.stored, again.duplicates), (2, 4));
    erase(&lake, &[2]).await;
    assert_eq!(stored(&lake.snapshot().await.unwrap()).await, [1, 2, 3, 4]);
    erase(&lake, &[1]).await;
    assert_eq!(stored(&lake.snapshot().await.unwrap()).await, [0; 0]);
    assert_eq!(spans_on_disk(dir.path()), [].into());
}

#[tokio::test]
async fn a_receipt_that_nothing_came_under_erases_nothing_and_rewrites_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path(), schema(), at_once()).await.unwrap();
    append(&lake, 1, 1..50).await;
    lake.flush().await.unwrap();
    let tables = || {
        let mut all = files(&dir.path().join("tables"));
        all.sort();
        all
    };
    let before = tables();
    erase(&lake, &(2..200).collect::<Vec<_>>()).await;
    assert_eq!(tables(), before);
    assert_eq!(stored(&lake.snapshot().await.unwrap()).await.len(), 49);
}

#[tokio::test]
async fn files_that_a_crash_left_go_too_and_those_of_other_programs_stay() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path(), schema(), at_once()).await.unwrap();
    append(&lake, 1, 1..5).await;
    append(&lake, 2, 5..9).await;
    lake.flush().await.unwrap();
    let all = files(&dir.path().join("tables/default/crews"));
    let file = all
        .iter()
        .find(|path| path.extension().is_some_and(|ending| ending == "parquet"));
    let file = file.unwrap();
    let bytes = std::fs::read(file).unwrap();
    let whole = file.with_file_name("00000000-0000-4000-8000-000000000001.parquet");
    let torn = file.with_file_name("00000000-0000-4000-8000-000000000002.parquet");
    let foreign = file.with_file_name("part-00000-00000000-0000-4000-8000-000000000003.parquet");
    std::fs::write(&whole, &bytes).unwrap();
    std::fs::write(&torn, &bytes[..bytes.len() / 2]).unwrap();
    std::fs::write(&foreign, &bytes).unwrap();
    erase(&lake, &[1]).await;
    assert!(!whole.exists() && !torn.exists());
    assert!(foreign.exists(), "it may be about to be committed");
    assert_eq!(stored(&lake.snapshot().await.unwrap()).await, [5, 6, 7, 8]);
}

#[tokio::test]
async fn a_query_that_began_before_reads_its_files_to_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let options = LakeOptions {
        erasure_grace: Duration::from_millis(400),
        background: true,
        ..LakeOptions::default()
    };
    let lake = Lake::open(dir.path(), schema(), options).await.unwrap();
    append(&lake, 1, 1..50).await;
    lake.flush().await.unwrap();
    let began = lake.snapshot().await.unwrap();
    lake.order_erasure(vec![receipt(1)]).await.unwrap();
    // The background carries it out.
    while !stored(&lake.snapshot().await.unwrap()).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(stored(&began).await.len(), 49);
    while !spans_on_disk(dir.path()).is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_erased_while_others_are_appended_flushed_and_merged() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Arc::new(Lake::open(dir.path(), schema(), at_once()).await.unwrap());
    let writing = Arc::clone(&lake);
    let writer = tokio::spawn(async move {
        for round in 0..120_u64 {
            append(&writing, round % 8, round * 5..round * 5 + 5).await;
            if round % 3 == 0 {
                writing.flush().await.unwrap();
            }
            if round % 10 == 0 {
                writing.compact().await.unwrap();
            }
        }
    });
    let mut ordered = BTreeSet::new();
    for under in [3, 5, 6] {
        tokio::time::sleep(Duration::from_millis(40)).await;
        erase(&lake, &[under]).await;
        ordered.insert(under);
        let found = stored(&lake.snapshot().await.unwrap()).await;
        let once: BTreeSet<u64> = found.iter().copied().collect();
        assert_eq!(once.len(), found.len(), "a span is there twice");
        assert!(once.iter().all(|span| !ordered.contains(&(span / 5 % 8))));
    }
    writer.await.unwrap();
    let expected: BTreeSet<u64> = (0..600)
        .filter(|span| !ordered.contains(&(span / 5 % 8)))
        .collect();
    let found = stored(&lake.snapshot().await.unwrap()).await;
    assert_eq!(found, expected.iter().copied().collect::<Vec<_>>());
    lake.erase().await.unwrap();
    assert_eq!(spans_on_disk(dir.path()), expected);
}

/// What the senders of a life know.
#[derive(Default)]
struct Known {
    acknowledged: BTreeSet<u64>,
    /// Receipts whose order was taken.
    ordered: BTreeSet<u64>,
    /// Receipts whose order may have been taken.
    doubtful: BTreeSet<u64>,
    next: u64,
}

/// Spans of one request have one receipt.
const UNDER_ONE: u64 = 8;

async fn live_one_step(lake: &Lake, disk: &SimulatedDisk, known: &mut Known) {
    match disk.random(12) {
        0 | 1 => {
            // Flush, merge and erasure may fail; nothing is lost by that.
            let _ = lake.flush().await;
        }
        2 => {
            let _ = lake.compact().await;
        }
        3 => disk.set_full(disk.random(3) == 0),
        4 => {
            let under = disk.random(known.next / UNDER_ONE + 1);
            let receipts = match lake.order_erasure(vec![receipt(under)]).await {
                Ok(()) => &mut known.ordered,
                Err(_) => &mut known.doubtful,
            };
            receipts.insert(under);
        }
        5 | 6 => {
            let _ = lake.erase().await;
        }
        _ => {
            // Some were sent before, perhaps under a receipt that was erased meanwhile.
            let from = known.next.saturating_sub(disk.random(12)).max(1);
            let under = from / UNDER_ONE;
            let until = ((under + 1) * UNDER_ONE).min(known.next + 1 + disk.random(5));
            known.next = known.next.max(until);
            let sent = batch_under(Some(receipt(under)), from..until);
            if lake.append(sent).await.is_ok() {
                known.acknowledged.extend(from..until);
            }
        }
    }
}

async fn check(lake: &Lake, known: &Known, seed: u64) {
    let snapshot = lake.snapshot().await.unwrap();
    let found = stored(&snapshot).await;
    let once: BTreeSet<u64> = found.iter().copied().collect();
    assert_eq!(
        once.len(),
        found.len(),
        "seed {seed}: a span twice: {found:?}"
    );
    let is_ordered = |span: &u64| known.ordered.contains(&(span / UNDER_ONE));
    let kept = known
        .acknowledged
        .iter()
        .filter(|span| !is_ordered(span) && !known.doubtful.contains(&(*span / UNDER_ONE)));
    let lost: Vec<_> = kept.filter(|span| !once.contains(span)).collect();
    assert!(lost.is_empty(), "seed {seed}: lost {lost:?}");
    let left: Vec<_> = once.iter().filter(|span| is_ordered(span)).collect();
    assert!(left.is_empty(), "seed {seed}: still there {left:?}");
    let thirds = once.iter().filter(|span| span.is_multiple_of(3)).count();
    assert_eq!(
        snapshot.row_count(TableId(1)),
        Some(thirds as u64),
        "seed {seed}: shared"
    );
}

/// Random appends, retries, flushes, merges, orders and erasures; at a random operation of the disk the power goes, an fsync
/// fails or the space ends. Afterwards nothing is left of what was ordered to be erased, and all else is there once.
async fn live_through(seed: u64) {
    let dir = tempfile::tempdir().unwrap();
    // The store creates its data folder, so that a crash may lose it.
    let data = dir.path().join("data");
    let disk = SimulatedDisk::new(seed + 1);
    // A few commits make a checkpoint, and the log before it goes at once.
    let options = || LakeOptions {
        checkpoint_every: 3,
        log_retention: Duration::ZERO,
        ..at_once()
    };
    let mut known = Known {
        next: 1,
        ..Known::default()
    };
    for _life in 0..4 {
        disk.lose_power_after(Some(20 + disk.random(600)));
        disk.fail_sync_after((disk.random(2) == 0).then(|| disk.random(60)));
        let lake = Lake::open_on(Arc::new(disk.clone()), &data, schema(), options());
        if let Ok(lake) = lake.await {
            for _step in 0..12 + disk.random(30) {
                live_one_step(&lake, &disk, &mut known).await;
            }
        }
        disk.crash();
    }
    let lake = Lake::open_on(Arc::new(disk.clone()), &data, schema(), options()).await;
    let lake = lake.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    // An order makes the erasure look at what crashes left, also where nothing waits any more.
    let looks = seed.is_multiple_of(2);
    if looks {
        let nobody = vec![receipt(u64::MAX)];
        lake.order_erasure(nobody).await.unwrap();
    }
    lake.erase().await.unwrap();
    check(&lake, &known, seed).await;
    lake.compact().await.unwrap();
    check(&lake, &known, seed).await;
    drop(lake);
    disk.crash();
    let back: Vec<_> = spans_on_disk(&data)
        .into_iter()
        .filter(|span| known.ordered.contains(&(span / UNDER_ONE)) || looks && *span == TORN)
        .collect();
    assert!(back.is_empty(), "seed {seed}: on the disk {back:?}");
}

/// `HEADCOUNT_SEEDS=from..to` runs other lives than the usual ones.
#[tokio::test]
async fn an_erasure_survives_a_power_cut_at_any_point() {
    let seeds = std::env::var("HEADCOUNT_SEEDS").unwrap_or_else(|_| "0..150".to_owned());
    let (from, to) = seeds.split_once("..").expect("HEADCOUNT_SEEDS is from..to");
    for seed in from.parse().unwrap()..to.parse().unwrap() {
        live_through(seed).await;
    }
}
