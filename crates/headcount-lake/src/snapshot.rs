//! What a query sees: for every table its active files, and the rows that are not in them yet.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use datafusion::catalog::TableProvider;
use headcount_catalog::{Schema, TableId};
use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

use crate::delta::log::{Files, TableLog, table_folder};
use crate::error::LakeError;
use crate::memtable::{Chunk, Generation, Layout, Renumbering, TableBatches, decode};
use crate::options::LakeOptions;
use crate::provider::{FooterCache, LakeTable, location};
use crate::wal::{aside, replay};

/// What queries see of a running store, changed in one step at each change.
pub(crate) struct View {
    layout: Arc<Layout>,
    memory_limit: usize,
    flush_bytes: usize,
    state: Mutex<ViewState>,
    room: Condvar,
    /// Told when the memtable reaches its size.
    pub(crate) flush_due: Notify,
}

struct ViewState {
    files: Vec<Files>,
    active: Arc<Generation>,
    frozen: Option<Frozen>,
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
            files,
            active: Arc::new(Generation::new(Arc::clone(&layout))),
            frozen: None,
        };
        Self {
            layout,
            memory_limit: options.memory_limit,
            flush_bytes: options.flush_bytes,
            state: Mutex::new(state),
            room: Condvar::new(),
            flush_due: Notify::new(),
        }
    }

    /// Adds a durable chunk.
    pub(crate) fn push(&self, chunk: Chunk) {
        let state = self.state.lock();
        state.active.push(chunk);
        if state.active.bytes() >= self.flush_bytes {
            self.flush_due.notify_one();
        }
    }

    /// Waits until the memtable is below its limit; `false` if it still is not after `patience`.
    pub(crate) fn wait_for_room(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let mut state = self.state.lock();
        // While nothing is frozen there is nothing to wait for: the next flush begins with a word to this same thread.
        while state.bytes() >= self.memory_limit && state.frozen.is_some() {
            if self.room.wait_until(&mut state, deadline).timed_out() {
                return state.bytes() < self.memory_limit;
            }
        }
        true
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

    /// Begins a new generation; the old one is flushed. Nothing happens while one is frozen or the active one is empty.
    /// `last` is the last sequence number in the active one.
    pub(crate) fn freeze(&self, last: u64) {
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

    /// The last frozen sequence number and each table's frozen rows, for a flush; none for a table whose files hold them.
    pub(crate) fn frozen_batches(&self) -> Result<Option<(u64, TableBatches)>, LakeError> {
        let Some(frozen) = self.state.lock().frozen.clone() else {
            return Ok(None);
        };
        Ok(Some((frozen.last, frozen.batches()?)))
    }

    /// The files of `table` now hold its frozen rows.
    pub(crate) fn publish_flush(&self, table: TableId, files: Files) {
        let mut state = self.state.lock();
        state.files[usize::from(table.0)] = files;
        if let Some(frozen) = &mut state.frozen {
            frozen.done[usize::from(table.0)] = true;
        }
    }

    /// The files of `table` hold the same rows in another way.
    pub(crate) fn publish_files(&self, table: TableId, files: Files) {
        self.state.lock().files[usize::from(table.0)] = files;
    }

    /// Lets go of the frozen generation once every table holds its rows.
    pub(crate) fn drop_frozen(&self) {
        self.state.lock().frozen = None;
        let _woken = self.room.notify_all();
    }

    /// Everything visible at this moment.
    pub(crate) fn capture(
        &self,
        root: &Path,
        footers: &Arc<FooterCache>,
    ) -> Result<LakeSnapshot, LakeError> {
        let (files, frozen, active) = {
            let state = self.state.lock();
            let active = Arc::clone(&state.active);
            (state.files.clone(), state.frozen.clone(), active)
        };
        let mut batches = active.batches()?;
        if let Some(frozen) = frozen {
            for (mine, theirs) in batches.iter_mut().zip(frozen.batches()?) {
                mine.extend(theirs);
            }
        }
        Ok(LakeSnapshot {
            root: root.to_path_buf(),
            layout: Arc::clone(&self.layout),
            files,
            batches,
            footers: Arc::clone(footers),
        })
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

/// Every table as it was at one moment. Cheap to keep; the files that it names stay for
/// [`LakeOptions::vacuum_grace`](crate::LakeOptions::vacuum_grace) after they were replaced.
#[derive(Debug, Clone)]
pub struct LakeSnapshot {
    root: PathBuf,
    layout: Arc<Layout>,
    files: Vec<Files>,
    batches: TableBatches,
    footers: Arc<FooterCache>,
}

impl LakeSnapshot {
    /// Reads a data folder from its files alone, also beside a running collector: nothing is locked or written.
    ///
    /// # Errors
    ///
    /// A file cannot be read or is damaged.
    pub async fn read(dir: &Path, schema: Arc<Schema>) -> Result<LakeSnapshot, LakeError> {
        let root = dir.canonicalize().map_err(LakeError::io("open", dir))?;
        // The log first and the tables second: rows that are flushed in between are in the tables, whose
        // transaction numbers say so, and are not taken from the log as well.
        let wal = root.join("wal");
        let read = tokio::task::spawn_blocking(move || replay::read_beside_writer(&wal));
        let segments = read.await.map_err(|_| LakeError::Closed)??;
        aside::tell(&segments);
        let (tables, of) = (root.clone(), Arc::clone(&schema));
        let opened = tokio::task::spawn_blocking(move || open_logs(&tables, &of));
        let logs = opened.await.map_err(|_| LakeError::Closed)??;
        let applied = logs.iter().map(TableLog::applied).collect();
        let files = logs.iter().map(TableLog::files).collect();
        let layout = Layout::new(schema, applied);
        let decoding = Arc::clone(&layout);
        let decoded = tokio::task::spawn_blocking(move || {
            decode(&decoding, &chunks(&segments, &decoding.schema))
        });
        let batches = decoded.await.map_err(|_| LakeError::Closed)??;
        Ok(LakeSnapshot {
            root,
            layout,
            files,
            batches,
            footers: Arc::new(FooterCache::default()),
        })
    }

    /// The tables and columns.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.layout.schema
    }

    /// The table as DataFusion reads it. The columns are the catalog's; the files' partition column `day` is not among them.
    ///
    /// A position that the schema does not have gives a table without columns and rows.
    pub fn provider(&self, table: TableId) -> Arc<dyn TableProvider> {
        let index = usize::from(table.0);
        let Some(definition) = self.layout.schema.table(table) else {
            return Arc::new(LakeTable::empty());
        };
        Arc::new(LakeTable::new(
            &self.layout.arrow[index],
            table_folder(&self.root, definition),
            Arc::clone(&self.files[index]),
            self.batches[index].clone(),
            Arc::clone(&self.footers),
        ))
    }

    /// How many rows the table has. A counter table's number depends on what has been merged; its sums do not.
    pub fn row_count(&self, table: TableId) -> u64 {
        let index = usize::from(table.0);
        let (Some(files), Some(batches)) = (self.files.get(index), self.batches.get(index)) else {
            return 0;
        };
        let in_files: u64 = files.iter().filter_map(|file| file.rows).sum();
        let in_memory: usize = batches.iter().map(RecordBatch::num_rows).sum();
        in_files + in_memory as u64
    }

    /// Where the active files of all tables are, as queries name them (object store locations of a local file system).
    pub fn file_locations(&self) -> HashSet<String> {
        let mut locations = HashSet::new();
        for (table, files) in self.layout.schema.tables.iter().zip(&self.files) {
            let folder = table_folder(&self.root, table);
            let of_table = files.iter().filter_map(|file| location(&folder, file).ok());
            locations.extend(of_table.map(String::from));
        }
        locations
    }

    /// Bytes of the table's active files.
    pub fn file_bytes(&self, table: TableId) -> u64 {
        let files = self.files.get(usize::from(table.0));
        files.map_or(0, |files| files.iter().map(|file| file.size).sum())
    }

    /// How many active files the table has.
    pub fn file_count(&self, table: TableId) -> usize {
        self.files
            .get(usize::from(table.0))
            .map_or(0, |files| files.len())
    }
}

/// Every table's log, for reading alone.
fn open_logs(root: &Path, schema: &Schema) -> Result<Vec<TableLog>, LakeError> {
    let collector = std::fs::read_to_string(root.join("collector")).unwrap_or_default();
    let mut logs = Vec::with_capacity(schema.tables.len());
    for table in &schema.tables {
        let folder = table_folder(root, table);
        logs.push(TableLog::open(&folder, table, collector.trim())?);
    }
    Ok(logs)
}

/// The chunks of replayed segments.
pub(crate) fn chunks(segments: &[replay::Segment], ours: &Schema) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    for segment in segments {
        let renumbering = Renumbering::between(&segment.schema, ours);
        for frame in &segment.frames {
            chunks.push(Chunk {
                sequence: frame.sequence,
                bytes: frame.payload.clone(),
                renumbering: renumbering.clone(),
            });
        }
    }
    chunks
}

#[cfg(test)]
mod tests {
    use datafusion::physical_plan::displayable;
    use datafusion::prelude::SessionContext;

    use crate::Lake;
    use crate::promises::{batch, by_hand, schema};

    /// What readers keep of files goes by these names: a plan has to have the same ones.
    #[tokio::test]
    async fn files_are_where_a_plan_reads_them_and_gone_when_they_are_merged() {
        let dir = tempfile::tempdir().unwrap();
        let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
        for number in 0..3 {
            let _stored = lake
                .append(batch(number * 9..number * 9 + 9))
                .await
                .unwrap();
            lake.flush().await.unwrap();
        }
        let before = lake.snapshot().await.unwrap();
        let locations = before.file_locations();
        assert!(locations.len() >= 9, "{locations:?}");
        let mut plans = String::new();
        for (id, _) in before.schema().iter() {
            let state = SessionContext::new().state();
            let table = before.provider(id);
            let scan = table.scan(&state, None, &[], None).await.unwrap();
            plans += &displayable(scan.as_ref()).indent(true).to_string();
        }
        for location in &locations {
            assert!(plans.contains(location), "{location} in {plans}");
        }
        lake.compact().await.unwrap();
        let after = lake.snapshot().await.unwrap().file_locations();
        assert!(after.is_disjoint(&locations) && !after.is_empty());
    }
}
