//! The log's promise: an acknowledged span is never lost and never counted twice, whenever the power goes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use headcount_catalog::{
    AdmittedBatch, BatchWriter, Catalog, Entries, Entry, Fingerprint, TableId, TallyLayout,
};
use parking_lot::Mutex;

use crate::dedup::{DedupFiles, DedupIndex};
use crate::disk::Disk;
use crate::erasure::Orders;
use crate::error::LogError;
use crate::folder::{WriterLock, prepare};
use crate::testing::SimulatedDisk;
use crate::wal::format::header;
use crate::wal::segment::Frame;
use crate::wal::{
    RowSink, SealedSegments, Trimmer, WalConfig, WalHandle, newest_segment, quarantine, replay,
};

/// Enough that none is forgotten.
const REMEMBERED: usize = 1 << 20;

/// A memtable without tables.
#[derive(Debug, Default)]
struct Memory {
    active: Mutex<Vec<Frame>>,
    frozen: Mutex<Option<(u64, Vec<Frame>)>>,
}

impl RowSink for Memory {
    fn wait_for_room(&self, _timeout: Duration) -> bool {
        true
    }

    fn push(&self, frame: Frame) {
        self.active.lock().push(frame);
    }

    fn freeze(&self, last: u64) {
        let mut frozen = self.frozen.lock();
        let mut active = self.active.lock();
        if frozen.is_none() && !active.is_empty() {
            *frozen = Some((last, std::mem::take(&mut *active)));
        }
    }
}

/// The smallest store on top of the log: its table is one file, the last sequence number in it and then fingerprints.
struct Store {
    disk: Arc<dyn Disk>,
    table: PathBuf,
    rows: Vec<u64>,
    memory: Arc<Memory>,
    log: WalHandle,
    thread: JoinHandle<()>,
    trimmer: Trimmer,
    missing_groups: u64,
    _lock: WriterLock,
}

impl Store {
    fn open(disk: Arc<dyn Disk>, dir: &Path) -> Result<Self, LogError> {
        let (root, lock) = prepare(&*disk, dir)?;
        let (wal, table) = (root.join("wal"), root.join("tables/default/table"));
        let (applied, rows) = match disk.read(&table) {
            Ok(bytes) => {
                let mut numbers = numbers(&bytes);
                (numbers.remove(0), numbers)
            }
            Err(_) => (0, Vec::new()),
        };
        let mut index = DedupIndex::new(REMEMBERED);
        let seen = root.join("seen");
        let dedup_files = DedupFiles::load(Arc::clone(&disk), seen, REMEMBERED, &mut index)?;
        let orders = Orders::load(
            Arc::clone(&disk),
            root.join("erasures"),
            Catalog::embedded().schema(),
        )?;
        let segments = replay::read_all(&*disk, &wal)?;
        let missing_groups =
            replay::missing_groups(newest_segment(&*disk, &root), &segments, applied);
        quarantine::keep(&*disk, &wal, &segments)?;
        let sealed = replay::index_fingerprints(&segments, &mut index)?;
        let sealed = SealedSegments::new(Mutex::new(sealed));
        let memory = Arc::new(Memory::default());
        for frame in segments.iter().flat_map(|segment| &segment.frames) {
            if frame.sequence > applied {
                memory.push(frame.clone());
            }
        }
        let (log, thread) = WalHandle::start(WalConfig {
            disk: Arc::clone(&disk),
            folder: wal.clone(),
            header: header(Catalog::embedded().schema()),
            tally: TallyLayout::new(Catalog::embedded().schema()),
            next_sequence: replay::next_sequence(&segments, applied),
            dedup: index,
            sink: Arc::clone(&memory) as Arc<dyn RowSink>,
            sealed: Arc::clone(&sealed),
            append_timeout: Duration::ZERO,
            erased: orders.erased(),
        })?;
        Ok(Self {
            trimmer: Trimmer::new(Arc::clone(&disk), wal, sealed, dedup_files),
            disk,
            table,
            rows,
            memory,
            log,
            thread,
            missing_groups,
            _lock: lock,
        })
    }

    async fn flush(&mut self) -> Result<(), LogError> {
        self.log.rotate().await?;
        let Some((last, frames)) = self.memory.frozen.lock().clone() else {
            return Ok(());
        };
        let rows: Vec<u64> = self
            .rows
            .iter()
            .copied()
            .chain(fingerprints(&frames))
            .collect();
        let numbers = [&[last][..], &rows].concat();
        let bytes: Vec<u8> = numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        self.disk
            .replace(&self.table, &bytes)
            .map_err(LogError::io("write", &self.table))?;
        self.rows = rows;
        *self.memory.frozen.lock() = None;
        self.trimmer.trim(last)
    }

    /// Everything that a query would see.
    fn visible(&self) -> Vec<u64> {
        let mut visible = self.rows.clone();
        if let Some((_, frames)) = &*self.memory.frozen.lock() {
            visible.extend(fingerprints(frames));
        }
        visible.extend(fingerprints(&self.memory.active.lock()));
        visible.sort_unstable();
        visible
    }

    fn stop(self) {
        drop(self.log);
        self.thread.join().unwrap();
    }
}

fn numbers(bytes: &[u8]) -> Vec<u64> {
    let eights = bytes.chunks_exact(8);
    eights
        .map(|eight| u64::from_le_bytes(eight.try_into().unwrap()))
        .collect()
}

fn fingerprints(frames: &[Frame]) -> Vec<u64> {
    let entries = frames.iter().flat_map(|frame| Entries::new(&frame.payload));
    let spans = entries
        .map(Result::unwrap)
        .filter(|entry| !entry.is_tally());
    spans.map(|entry: Entry<'_>| entry.fingerprint.0).collect()
}

fn batch(spans: std::ops::Range<u64>) -> AdmittedBatch {
    let mut writer = BatchWriter::for_tests(256);
    for span in spans {
        writer.begin_entry(Fingerprint(span));
        writer.row(TableId(0), |row| row.text(1, "crewai"));
        writer.end_entry();
    }
    writer.finish()
}

fn check(store: &Store, acknowledged: &BTreeSet<u64>, next: u64, seed: u64) {
    let visible = store.visible();
    let once: BTreeSet<u64> = visible.iter().copied().collect();
    assert_eq!(once.len(), visible.len(), "seed {seed}: twice: {visible:?}");
    assert_eq!(store.missing_groups, 0, "seed {seed}: a false alarm");
    let lost: Vec<_> = acknowledged.difference(&once).collect();
    assert!(lost.is_empty(), "seed {seed}: lost {lost:?}");
    assert!(
        once.iter().all(|span| (1..next).contains(span)),
        "seed {seed}: never sent"
    );
}

/// Random appends, retries and flushes; at a random operation of the disk the power goes, an fsync fails or the space ends.
async fn live_through(seed: u64) {
    let dir = tempfile::tempdir().unwrap();
    // The data folder is created by the store, so that its own name may be lost.
    let data = dir.path().join("parent/data");
    let disk = SimulatedDisk::new(seed + 1);
    let mut acknowledged = BTreeSet::new();
    let mut next = 1_u64;
    for _life in 0..6 {
        disk.lose_power_after(Some(disk.random(300)));
        disk.fail_sync_after((disk.random(2) == 0).then(|| disk.random(60)));
        if let Ok(mut store) = Store::open(Arc::new(disk.clone()), &data) {
            for _step in 0..12 + disk.random(30) {
                match disk.random(10) {
                    // Either may fail; nothing is lost by that.
                    0 | 1 => drop(store.flush().await),
                    2 => disk.set_full(disk.random(2) == 0),
                    _ => {
                        let from = next.saturating_sub(disk.random(12)).max(1);
                        next += disk.random(6);
                        if from < next && store.log.append(batch(from..next), ()).await.is_ok() {
                            acknowledged.extend(from..next);
                        }
                    }
                }
            }
            check(&store, &acknowledged, next, seed);
            store.stop();
        }
        disk.crash();
    }
    let store = Store::open(Arc::new(disk), &data);
    let mut store = store.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    check(&store, &acknowledged, next, seed);
    store.flush().await.unwrap();
    check(&store, &acknowledged, next, seed);
    // Whatever was ever acknowledged may be sent again.
    for span in &acknowledged {
        store.log.append(batch(*span..span + 1), ()).await.unwrap();
    }
    check(&store, &acknowledged, next, seed);
    store.stop();
}

#[test]
fn segments_that_were_deleted_are_missed_until_the_next_one_begins() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(delete_the_log());
}

async fn delete_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Store::open(Arc::new(SimulatedDisk::new(1)), dir.path()).unwrap();
    let mut store = open();
    store.log.append(batch(1..3), ()).await.unwrap();
    store.flush().await.unwrap();
    store.stop();
    // Nothing of the log is left, and nothing is lost.
    let store = open();
    assert_eq!(store.missing_groups, 0);
    store.log.append(batch(3..5), ()).await.unwrap();
    store.log.append(batch(5..7), ()).await.unwrap();
    store.stop();
    for segment in std::fs::read_dir(dir.path().join("wal")).unwrap() {
        std::fs::remove_file(segment.unwrap().path()).unwrap();
    }
    let store = open();
    assert_eq!((store.missing_groups, store.visible()), (1, vec![1, 2]));
    store.log.append(batch(9..10), ()).await.unwrap();
    store.stop();
    let store = open();
    assert_eq!((store.missing_groups, store.visible()), (0, vec![1, 2, 9]));
    store.stop();
}

#[test]
fn a_log_whose_disk_hangs_gives_no_sign_of_life_until_the_disk_goes_on() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(hang());
}

async fn hang() {
    let dir = tempfile::tempdir().unwrap();
    let disk = SimulatedDisk::new(1);
    let store = Store::open(Arc::new(disk.clone()), dir.path()).unwrap();
    store.log.ping().await.unwrap();
    let stalled = disk.stall();
    let log = store.log.clone();
    let asked = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(async {
            let appending = log.append(batch(1..3), ());
            let pinging = async {
                // After the append.
                tokio::task::yield_now().await;
                log.ping().await
            };
            tokio::join!(appending, pinging)
        })
    });
    std::thread::sleep(Duration::from_millis(100));
    assert!(!asked.is_finished(), "the log waits for the disk");
    drop(stalled);
    let (appended, pinged) = asked.join().unwrap();
    assert_eq!(appended.unwrap().stored, 2);
    pinged.unwrap();
    assert!(!store.log.has_stopped());
    assert_eq!(store.log.activity().groups.get(), 1);
    assert_eq!(store.log.activity().syncs.count(), 1);
    store.stop();
}

/// `HEADCOUNT_SEEDS=from..to` runs other lives than the usual ones.
#[test]
fn an_acknowledged_span_survives_a_power_cut_at_any_operation() {
    let seeds = std::env::var("HEADCOUNT_SEEDS").unwrap_or_else(|_| "0..120".to_owned());
    let (from, to) = seeds.split_once("..").expect("HEADCOUNT_SEEDS is from..to");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.unwrap();
    for seed in from.parse().unwrap()..to.parse().unwrap() {
        runtime.block_on(live_through(seed));
    }
}
