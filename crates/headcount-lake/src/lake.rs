//! The one writer of a data folder.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use headcount_catalog::{AdmittedBatch, Entries, KeyedReceipt, Schema};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::spawn_blocking;

use crate::background;
use crate::delta::log::{TableLog, table_folder};
use crate::disk::{Disk, RealDisk};
use crate::erasure::{self, Orders};
use crate::error::{AppendError, LakeError, OrderError};
use crate::flush::{Flushing, flush_frozen};
use crate::folder::{load_or_create_collector, prepare};
use crate::memtable::Layout;
use crate::options::LakeOptions;
use crate::provider::FooterCache;
use crate::quiet;
use crate::seen::{Seen, SeenFiles};
use crate::snapshot::{LakeSnapshot, View, chunks};
use crate::upkeep::{self, Scope, Upkeep};
use crate::wal::writer::{Command, SealedSegment, Waiting, Writer};
use crate::wal::{aside, format, replay};

/// Requests that wait for the log, and the KiB that they may hold.
const WAITING_REQUESTS: usize = 4096;
const WAITING_KIB: usize = 32 << 10;

/// What became of an appended batch's spans. Both kinds are durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Appended {
    /// Spans that were stored now.
    pub stored: u64,
    /// Spans that had been stored before.
    pub duplicates: u64,
    /// Whether anything of the batch was written: a span, or the counts of what was refused.
    pub written: bool,
}

/// A data folder opened for writing. One at a time, in one process at a time.
#[derive(Debug)]
pub struct Lake {
    inner: Arc<Inner>,
    commands: Option<mpsc::Sender<Command>>,
    room: Arc<Semaphore>,
    wal: Option<JoinHandle<()>>,
    background: Option<tokio::task::JoinHandle<()>>,
}

/// What the lake's threads and tasks share.
pub(crate) struct Inner {
    pub(crate) root: PathBuf,
    pub(crate) schema: Arc<Schema>,
    pub(crate) layout: Arc<Layout>,
    pub(crate) options: LakeOptions,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) view: Arc<View>,
    /// One a table, in the schema's order. Locked during its commits.
    pub(crate) logs: Vec<Mutex<TableLog>>,
    pub(crate) sealed: Arc<Mutex<Vec<SealedSegment>>>,
    pub(crate) footers: Arc<FooterCache>,
    pub(crate) orders: Orders,
    pub(crate) flushing: Arc<tokio::sync::Mutex<Flushing>>,
    pub(crate) compacting: tokio::sync::Mutex<Upkeep>,
    /// Keeps other writers out for as long as anything of this one runs.
    _lock: File,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Inner")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

impl Lake {
    /// Opens the folder, which is created if it does not exist, and replays its log.
    ///
    /// # Errors
    ///
    /// Another process writes the folder; a file cannot be read or written, or is damaged; a column changed its type.
    pub async fn open(
        dir: &Path,
        schema: Arc<Schema>,
        options: LakeOptions,
    ) -> Result<Lake, LakeError> {
        Self::open_on(Arc::new(RealDisk), dir, schema, options).await
    }

    pub(crate) async fn open_on(
        disk: Arc<dyn Disk>,
        dir: &Path,
        schema: Arc<Schema>,
        options: LakeOptions,
    ) -> Result<Lake, LakeError> {
        let (root, lock) = prepare(&*disk, dir)?;
        let collector = load_or_create_collector(&*disk, &root)?;
        let mut logs = Vec::with_capacity(schema.tables.len());
        for table in &schema.tables {
            let log = TableLog::open(&table_folder(&root, table), table, &collector)?;
            log.accepts(table)?;
            logs.push(log);
        }
        let applied: Vec<u64> = logs.iter().map(TableLog::applied).collect();
        let files = logs.iter().map(TableLog::files).collect();
        let highest = applied.iter().copied().max().unwrap_or_default();
        let layout = Layout::new(Arc::clone(&schema), applied);
        let view = Arc::new(View::new(Arc::clone(&layout), files, &options));

        let mut seen = Seen::new(options.remembered_spans);
        let seen_files = SeenFiles::load(&root.join("seen"), options.remembered_spans, &mut seen)?;
        let orders = Orders::load(Arc::clone(&disk), root.join("erasures"))?;
        let segments = replay::read_all(&root.join("wal"))?;
        // Before anything is removed.
        aside::keep_aside(&*disk, &root.join("wal"), &segments)?;
        let sealed = Arc::new(Mutex::new(remember(&segments, &mut seen)?));
        for chunk in chunks(&segments, &schema) {
            view.push(chunk);
        }
        let next_sequence = next_sequence(&segments, highest)?;
        drop(segments);

        let writer = Writer {
            disk: Arc::clone(&disk),
            folder: root.join("wal"),
            header: format::header(&schema),
            next_sequence,
            seen,
            view: Arc::clone(&view),
            sealed: Arc::clone(&sealed),
            patience: options.append_patience,
            erased: orders.erased(),
            segment: Default::default(),
        };
        let (sender, receiver) = mpsc::channel(WAITING_REQUESTS);
        let wal = std::thread::Builder::new()
            .name("headcount-wal".to_owned())
            .spawn(move || writer.run(receiver))
            .map_err(LakeError::io("start the thread of", root.join("wal")))?;
        let flushing = Flushing { seen_files };
        let inner = Arc::new(Inner {
            root,
            schema,
            layout,
            options,
            disk,
            view,
            logs: logs.into_iter().map(Mutex::new).collect(),
            sealed,
            footers: Arc::default(),
            orders,
            flushing: Arc::new(tokio::sync::Mutex::new(flushing)),
            compacting: tokio::sync::Mutex::default(),
            _lock: lock,
        });
        let background = inner
            .options
            .background
            .then(|| tokio::spawn(background::run(Arc::clone(&inner), sender.clone())));
        Ok(Lake {
            inner,
            commands: Some(sender),
            room: Arc::new(Semaphore::new(WAITING_KIB)),
            wal: Some(wal),
            background,
        })
    }

    /// Stores a batch. When this resolves with `Ok`, every entry of the batch is on the disk and visible to
    /// [`Lake::snapshot`]; requests that wait at the same time share one fsync.
    ///
    /// # Errors
    ///
    /// Nothing of the batch is acknowledged; see [`AppendError`] for what the sender should be told.
    pub async fn append(&self, batch: AdmittedBatch) -> Result<Appended, AppendError> {
        self.append_holding(batch, ()).await
    }

    /// As [`Lake::append`]; drops `held` when the store no longer holds the batch, which is later than the caller does
    /// where the caller goes away meanwhile: for what stands for the batch's memory.
    ///
    /// # Errors
    ///
    /// As of [`Lake::append`].
    pub async fn append_holding<H: Send + 'static>(
        &self,
        batch: AdmittedBatch,
        held: H,
    ) -> Result<Appended, AppendError> {
        if batch.is_empty() {
            return Ok(Appended::default());
        }
        let commands = self.commands.as_ref().ok_or(AppendError::Closed)?;
        let kib = (batch.bytes().len() / 1024 + 1).min(WAITING_KIB);
        let kib = u32::try_from(kib).map_err(|_| AppendError::TooLarge(batch.bytes().len()))?;
        let room = Arc::clone(&self.room).acquire_many_owned(kib).await;
        let room = room.map_err(|_| AppendError::Closed)?;
        let (reply, answer) = oneshot::channel();
        let waiting = Waiting {
            batch,
            reply,
            held: Box::new((room, held)),
        };
        let sent = commands.send(Command::Append(waiting)).await;
        sent.map_err(|_| AppendError::Closed)?;
        answer.await.map_err(|_| AppendError::Closed)?
    }

    /// How many files of what could not be read of the log wait for somebody to look at them (`docs/formats/wal.md`).
    pub fn damaged_files(&self) -> u64 {
        aside::files(&self.inner.root.join("wal")).map_or(0, |files| files.len() as u64)
    }

    /// KiB of waiting batches that the log would take now.
    #[cfg(test)]
    pub(crate) fn room_left(&self) -> usize {
        self.room.available_permits()
    }

    /// Every table as it is now: what was acknowledged before the call is in it.
    ///
    /// # Errors
    ///
    /// A row in memory cannot be decoded, which is a defect.
    pub async fn snapshot(&self) -> Result<LakeSnapshot, LakeError> {
        let inner = Arc::clone(&self.inner);
        let captured = spawn_blocking(move || inner.view.capture(&inner.root, &inner.footers));
        captured.await.map_err(|_| LakeError::Closed)?
    }

    /// Moves everything acknowledged so far to the tables.
    ///
    /// # Errors
    ///
    /// A file cannot be written. Nothing is lost: the rows stay in the log and in memory, and the next flush tries again.
    pub async fn flush(&self) -> Result<(), LakeError> {
        let commands = self.commands.as_ref().ok_or(LakeError::Closed)?;
        flush(&self.inner, commands).await
    }

    /// Merges each day's small files, writes due checkpoints, and removes files that left their table
    /// [`LakeOptions::vacuum_grace`] ago.
    ///
    /// # Errors
    ///
    /// A file cannot be read or written. The tables stay as they were.
    pub async fn compact(&self) -> Result<(), LakeError> {
        compact(&self.inner, Scope::All).await
    }

    /// Has everything erased that came, or comes within the next 30 days, under one of `receipts`. When this resolves with
    /// `Ok`, the order is on the disk; it is carried out in the background, also after a restart. Whether there was
    /// anything under the receipts, it does not say.
    ///
    /// # Errors
    ///
    /// The order was not taken; see [`OrderError`].
    pub async fn order_erasure(&self, receipts: Vec<KeyedReceipt>) -> Result<(), OrderError> {
        let inner = Arc::clone(&self.inner);
        let taken = spawn_blocking(move || inner.orders.take(receipts));
        taken.await.map_err(|_| OrderError::Closed)?
    }

    /// Carries out what was ordered to be erased. When this resolves with `Ok`, no file of ours in the folder holds a byte of
    /// it. A file that another program wrote, and replaced, goes after [`LakeOptions::vacuum_grace`].
    ///
    /// # Errors
    ///
    /// A file cannot be read or written. The order stays, and is carried out later.
    pub async fn erase(&self) -> Result<(), LakeError> {
        let commands = self.commands.as_ref().ok_or(LakeError::Closed)?;
        let _worked = erasure::carry_out(&self.inner, commands).await?;
        Ok(())
    }

    /// Flushes and closes the folder.
    ///
    /// # Errors
    ///
    /// As of [`Lake::flush`]; the folder is closed nevertheless, and its log is replayed when it is opened again.
    pub async fn close(mut self) -> Result<(), LakeError> {
        if let Some(background) = self.background.take() {
            background.abort();
            let _aborted = background.await;
        }
        let flushed = self.flush().await;
        self.commands = None;
        if let Some(wal) = self.wal.take() {
            let _joined = spawn_blocking(move || wal.join()).await;
        }
        flushed
    }
}

impl Drop for Lake {
    fn drop(&mut self) {
        // Not a close: what is in the log is replayed when the folder is opened again.
        if let Some(background) = self.background.take() {
            background.abort();
        }
    }
}

/// Moves everything appended so far to the tables.
pub(crate) async fn flush(
    inner: &Arc<Inner>,
    commands: &mpsc::Sender<Command>,
) -> Result<(), LakeError> {
    let mut flushing = Arc::clone(&inner.flushing).lock_owned().await;
    loop {
        let retried = inner.view.is_frozen();
        if !retried {
            let (reply, answer) = oneshot::channel();
            let sent = commands.send(Command::Rotate(reply)).await;
            sent.map_err(|_| LakeError::Closed)?;
            let rotated = answer.await.map_err(|_| LakeError::Closed)?;
            rotated.map_err(LakeError::io("clean", inner.root.join("wal")))?;
        }
        let inner = Arc::clone(inner);
        let flushed = quiet::run(move || {
            let flushed = flush_frozen(&inner, &mut flushing);
            (flushing, flushed)
        });
        let (guard, flushed) = flushed.await?;
        flushed?;
        if !retried {
            return Ok(());
        }
        flushing = guard;
    }
}

/// Merges and removes what `scope` says.
pub(crate) async fn compact(inner: &Arc<Inner>, scope: Scope) -> Result<(), LakeError> {
    upkeep::run(inner, &mut *inner.compacting.lock().await, scope).await
}

/// Puts the replayed fingerprints where they belong, and the segments among those to trim.
fn remember(
    segments: &[replay::Segment],
    seen: &mut Seen,
) -> Result<Vec<SealedSegment>, LakeError> {
    let mut sealed = Vec::with_capacity(segments.len());
    for segment in segments.iter().filter(|segment| !segment.frames.is_empty()) {
        let mut fingerprints = Vec::new();
        for entry in segment
            .frames
            .iter()
            .flat_map(|frame| Entries::new(&frame.payload))
        {
            let fingerprint = entry?.fingerprint.0;
            let _new = seen.insert(fingerprint);
            fingerprints.push(fingerprint);
        }
        sealed.push(SealedSegment {
            file: segment.file.clone(),
            last: segment.next() - 1,
            fingerprints,
        });
    }
    Ok(sealed)
}

fn next_sequence(segments: &[replay::Segment], applied: u64) -> Result<u64, LakeError> {
    let Some(last) = segments.last() else {
        return Ok(applied + 1);
    };
    if last.next() <= applied {
        return Err(LakeError::Damaged {
            path: last.file.path.clone(),
            offset: 0,
            reason: format!(
                "the log ends before sequence number {}, but the tables hold rows up to {applied}; restore the log, or move it away to go on with what the tables hold",
                last.next()
            ),
        });
    }
    Ok(last.next())
}
