//! The state of a running store as queries see it: the memtable, and each table's active files.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use headcount_catalog::{Schema, TableId, Tally};
use headcount_log::wal::RowSink;
use headcount_log::wal::segment::Frame;
use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

use crate::delta::log::Files;
use crate::error::LakeError;
use crate::memtable::{Chunk, Generation, Layout, TableBatches};
use crate::options::LakeOptions;

/// The state of a running store as queries see it; each change is one step.
pub(crate) struct View {
    layout: Arc<Layout>,
    memory_limit: usize,
    flush_bytes: usize,
    state: Mutex<ViewState>,
    room: Condvar,
    /// Notified when the memtable reaches its size.
    pub(crate) flush_due: Notify,
    /// Counts the changes of what queries see.
    revision: AtomicU64,
}

/// The content of every table at one moment.
pub(crate) struct Captured {
    pub(crate) files: Vec<Files>,
    /// By table: why it cannot be read.
    pub(crate) refusals: Vec<Option<Arc<LakeError>>>,
    /// The rows that are not in files yet.
    pub(crate) batches: TableBatches,
}

struct ViewState {
    files: Vec<Files>,
    /// By table: why it cannot be read any more, after a commit of another program.
    refusals: Vec<Option<Arc<LakeError>>>,
    active: Arc<Generation>,
    frozen: Option<Frozen>,
    /// The last frame whose tally was added.
    counted: u64,
}

/// A generation that is being flushed.
#[derive(Clone)]
struct Frozen {
    generation: Arc<Generation>,
    /// The last sequence number in it.
    last: u64,
    /// Tables whose files hold its rows already.
    done: Vec<bool>,
}

impl View {
    pub(crate) fn new(layout: Arc<Layout>, files: Vec<Files>, options: &LakeOptions) -> Self {
        let state = ViewState {
            refusals: vec![None; files.len()],
            files,
            active: Arc::new(Generation::new(Arc::clone(&layout))),
            frozen: None,
            counted: 0,
        };
        Self {
            layout,
            memory_limit: options.memory_limit,
            flush_bytes: options.flush_bytes,
            state: Mutex::new(state),
            room: Condvar::new(),
            flush_due: Notify::new(),
            revision: AtomicU64::new(0),
        }
    }

    /// The tables and columns.
    pub(crate) fn schema(&self) -> &Schema {
        &self.layout.schema
    }

    /// Adds a durable chunk.
    pub(crate) fn push_chunk(&self, chunk: Chunk) {
        let state = self.state.lock();
        state.active.push(chunk);
        self.changed();
        if state.active.bytes() >= self.flush_bytes {
            self.flush_due.notify_one();
        }
    }

    /// A number that is another one once queries may see other rows.
    pub(crate) fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }

    fn changed(&self) {
        self.revision.fetch_add(1, Ordering::Release);
    }

    /// Whether the memtable is large or old enough to be flushed.
    pub(crate) fn is_flush_due(&self, bytes: usize, age: Duration) -> bool {
        let state = self.state.lock();
        state.active.bytes() >= bytes || (state.active.bytes() > 0 && state.active.age() >= age)
    }

    /// Whether a frozen generation waits for its flush to be tried again.
    pub(crate) fn is_frozen(&self) -> bool {
        self.state.lock().frozen.is_some()
    }

    /// The last frozen sequence number, each table's frozen rows, and the tally of their frames, for a flush; none for a table whose
    /// files hold them.
    pub(crate) fn frozen_batches(&self) -> Result<Option<(u64, TableBatches, Tally)>, LakeError> {
        let Some(frozen) = self.state.lock().frozen.clone() else {
            return Ok(None);
        };
        Ok(Some((frozen.last, frozen.batches()?, frozen.tally())))
    }

    /// Adds the tally of the frame `sequence`, in our numbers, to those of the rows in memory. It comes on another way than the rows, so
    /// that rows that get lost between the log and the tables make a difference; and each frame's counts once.
    pub(crate) fn count(&self, sequence: u64, tally: &Tally) {
        let mut state = self.state.lock();
        if sequence > state.counted {
            state.counted = sequence;
            state.active.count(sequence, tally);
        }
    }

    /// The files of `table` now hold its frozen rows.
    pub(crate) fn publish_flush(&self, table: TableId, files: Files) {
        let mut state = self.state.lock();
        state.files[usize::from(table.0)] = files;
        if let Some(frozen) = &mut state.frozen {
            frozen.done[usize::from(table.0)] = true;
        }
    }

    /// The files of `table` hold the same rows, arranged differently.
    pub(crate) fn publish_files(&self, table: TableId, files: Files) {
        let mut state = self.state.lock();
        state.files[usize::from(table.0)] = files;
        state.refusals[usize::from(table.0)] = None;
    }

    /// The files of `table` hold other rows: some were erased, or another program committed.
    pub(crate) fn publish_changed(&self, table: TableId, files: Files) {
        self.publish_files(table, files);
        self.changed();
    }

    /// The log of `table` is damaged, or another program committed so that it cannot be read any more.
    pub(crate) fn publish_refusal(&self, table: TableId, error: Arc<LakeError>) {
        let refusal = &mut self.state.lock().refusals[usize::from(table.0)];
        if refusal.is_none() {
            tracing::error!(
                error = &*error as &dyn std::error::Error,
                "the log of a table cannot be read, or holds a commit of another program that is not understood; queries of the table fail, and its \
                 rows stay in the write-ahead log and in memory"
            );
            self.changed();
        }
        *refusal = Some(error);
    }

    /// The commit that made `table` unreadable is gone.
    pub(crate) fn withdraw_refusal(&self, table: TableId) {
        let refusal = self.state.lock().refusals[usize::from(table.0)].take();
        if refusal.is_some() {
            self.changed();
        }
    }

    /// The tables that cannot be read any more.
    pub(crate) fn refused(&self) -> Vec<TableId> {
        let state = self.state.lock();
        let tables = self
            .layout
            .schema
            .iter()
            .map(|(id, _)| id)
            .zip(&state.refusals);
        let refused = tables.filter(|(_, refusal)| refusal.is_some());
        refused.map(|(id, _)| id).collect()
    }

    /// Each table's files, in the schema's order.
    pub(crate) fn files(&self) -> Vec<Files> {
        self.state.lock().files.clone()
    }

    /// The bytes in memory, and for how long the oldest of them have been there.
    pub(crate) fn unflushed(&self) -> (usize, Option<Duration>) {
        let state = self.state.lock();
        let bytes = state.bytes();
        let oldest = match &state.frozen {
            Some(frozen) => frozen.generation.age(),
            None => state.active.age(),
        };
        (bytes, (bytes > 0).then_some(oldest))
    }

    /// Drops the frozen generation once every table holds its rows.
    pub(crate) fn drop_frozen(&self) {
        self.state.lock().frozen = None;
        self.room.notify_all();
    }

    /// Everything visible at this moment.
    pub(crate) fn capture(&self) -> Result<Captured, LakeError> {
        let (files, refusals, frozen, active) = {
            let state = self.state.lock();
            (
                state.files.clone(),
                state.refusals.clone(),
                state.frozen.clone(),
                Arc::clone(&state.active),
            )
        };
        let mut batches = active.batches()?;
        if let Some(frozen) = frozen {
            for (of_table, frozen) in batches.iter_mut().zip(frozen.batches()?) {
                of_table.extend(frozen);
            }
        }
        Ok(Captured {
            files,
            refusals,
            batches,
        })
    }
}

impl RowSink for View {
    fn wait_for_room(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut state = self.state.lock();
        // While nothing is frozen there is nothing to wait for: the next flush begins with a command to this same thread.
        while state.bytes() >= self.memory_limit && state.frozen.is_some() {
            if self.room.wait_until(&mut state, deadline).timed_out() {
                return state.bytes() < self.memory_limit;
            }
        }
        true
    }

    fn push(&self, frame: Frame) {
        self.count(frame.sequence, &self.layout.tally_of(&frame.payload));
        self.push_chunk(Chunk {
            sequence: frame.sequence,
            bytes: frame.payload,
            renumbering: None,
        });
    }

    /// Begins a new generation, unless one is frozen or the active one is empty.
    fn freeze(&self, last: u64) {
        let mut state = self.state.lock();
        if state.frozen.is_some() || state.active.bytes() == 0 {
            return;
        }
        let fresh = Arc::new(Generation::new(Arc::clone(&self.layout)));
        let generation = std::mem::replace(&mut state.active, fresh);
        let done = vec![false; self.layout.schema.tables.len()];
        state.frozen = Some(Frozen {
            generation,
            last,
            done,
        });
    }
}

impl ViewState {
    fn bytes(&self) -> usize {
        let frozen = self
            .frozen
            .as_ref()
            .map_or(0, |frozen| frozen.generation.bytes());
        self.active.bytes() + frozen
    }
}

impl Frozen {
    /// Without the tables whose commits have it.
    fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for (table, day, arrivals) in self.generation.tally().iter() {
            if self.done.get(usize::from(table.0)) == Some(&false) {
                tally.add(table, day, arrivals);
            }
        }
        tally
    }

    fn batches(&self) -> Result<TableBatches, LakeError> {
        let mut batches = self.generation.batches()?;
        for (batches, done) in batches.iter_mut().zip(&self.done) {
            if *done {
                batches.clear();
            }
        }
        Ok(batches)
    }
}
