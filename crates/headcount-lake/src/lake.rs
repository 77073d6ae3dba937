//! The one writer of a data folder.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use headcount_catalog::{AdmittedBatch, KeyedReceipt, Schema, TableId};
use headcount_log::disk::{Disk, RealDisk};
use headcount_log::erasure::{CrewOrder, CrewOrders, CrewSelection, Orders};
use headcount_log::folder::{load_or_create_collector, prepare};
use headcount_log::wal::{Appended, LogActivity, WalHandle, quarantine};
use headcount_log::{AppendError, OrderError};
use parking_lot::Mutex;
use tokio::task::spawn_blocking;

use crate::account::audit::audit_on;
use crate::account::ledger;
use crate::account::outcome::Audit;
use crate::activity::LakeActivity;
use crate::background;
use crate::delta::log::{TableLog, table_folder};
use crate::erasure::{self, CREW_ORDERS};
use crate::error::LakeError;
use crate::flush::flush;
use crate::lost_rows::LostRows;
use crate::memtable::Layout;
use crate::opened_log::OpenedLog;
use crate::options::LakeOptions;
use crate::snapshot::LakeSnapshot;
use crate::state::LakeState;
use crate::unreadable_files::UnreadableFiles;
use crate::upkeep::{self, Scope};
use crate::view::View;
use crate::watermark::Watermark;

/// A data folder opened for writing. One at a time, in one process at a time.
#[derive(Debug)]
pub struct Lake {
    state: Arc<LakeState>,
    log: Option<WalHandle>,
    log_thread: Option<JoinHandle<()>>,
    missing_groups: u64,
    background: Option<tokio::task::JoinHandle<()>>,
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
        Self::open_on(Arc::new(RealDisk::default()), dir, schema, options).await
    }

    pub(crate) async fn open_on(
        disk: Arc<dyn Disk>,
        dir: &Path,
        schema: Arc<Schema>,
        options: LakeOptions,
    ) -> Result<Lake, LakeError> {
        let began = Instant::now();
        let (root, lock) = prepare(&*disk, dir)?;
        let watermark = Watermark::read(&*disk, &root)?;
        let logs = open_tables(&disk, &root, &schema)?;
        if watermark.is_none()
            && let Some(error) = logs.iter().find_map(TableLog::broken)
        {
            // Nobody knows which numbers of groups the table has seen, and none may be given out twice.
            return Err(LakeError::Broken(Arc::clone(error)));
        }
        for (table, log) in schema.tables.iter().zip(&logs) {
            ledger::begin_where_missing(&*disk, &root, table, log)?;
        }
        let watermark = watermark.unwrap_or_default();
        let lost_commits = Arc::new(watermark.lost_commits(&logs));
        let applied: Vec<u64> = logs.iter().map(TableLog::applied).collect();
        let highest = applied.iter().copied().max().unwrap_or_default();
        let highest = highest.max(watermark.sequence);
        let files = logs.iter().map(TableLog::files).collect();
        let layout = Layout::new(Arc::clone(&schema), applied);
        let view = Arc::new(View::new(Arc::clone(&layout), files, &options));
        for ((id, _), log) in schema.iter().zip(&logs) {
            if let Some(error) = log.broken() {
                view.publish_refusal(id, Arc::clone(error));
            }
        }
        let unreadable = Arc::new(UnreadableFiles::new(Arc::clone(&disk)));
        let orders = Orders::load(Arc::clone(&disk), root.join("erasures"), &schema)?;
        let crew_orders = CrewOrders::load(Arc::clone(&disk), root.join(CREW_ORDERS))?;
        let opened = OpenedLog::open(&disk, &root, &options, &view, &orders, highest)?;
        opened.report(&view, began);
        let lost_rows = Arc::new(lost_rows(&*disk, &root, &schema, &logs)?);
        let state = Arc::new(LakeState {
            root,
            schema,
            layout,
            options,
            disk,
            view,
            logs: logs.into_iter().map(Mutex::new).collect(),
            footers: Arc::default(),
            unreadable,
            lost_commits,
            lost_rows,
            watermark: Mutex::new(watermark),
            activity: LakeActivity::default(),
            orders,
            crew_orders,
            flushing: Arc::new(tokio::sync::Mutex::new(opened.trimmer)),
            compacting: tokio::sync::Mutex::default(),
            _lock: lock,
        });
        let log = opened.handle;
        let background = state
            .options
            .background
            .then(|| tokio::spawn(background::run(Arc::clone(&state), log.clone())));
        Ok(Lake {
            state,
            log: Some(log),
            log_thread: Some(opened.thread),
            missing_groups: opened.missing_groups,
            background,
        })
    }

    /// Stores a batch. When this resolves with `Ok`, every entry of the batch is on the disk and visible to
    /// [`Lake::snapshot`]; requests that wait at the same time share one fsync.
    ///
    /// # Errors
    ///
    /// Nothing of the batch is acknowledged; [`AppendError`] says what to tell the sender.
    pub async fn append(&self, batch: AdmittedBatch) -> Result<Appended, AppendError> {
        self.append_holding(batch, ()).await
    }

    /// As [`Lake::append`]; drops `reservation`, which stands for the batch's memory, when the store no longer holds the
    /// batch. That may be after the caller has gone away.
    ///
    /// # Errors
    ///
    /// As of [`Lake::append`].
    pub async fn append_holding<R: Send + 'static>(
        &self,
        batch: AdmittedBatch,
        reservation: R,
    ) -> Result<Appended, AppendError> {
        if batch.is_empty() {
            return Ok(Appended::default());
        }
        let log = self.log.as_ref().ok_or(AppendError::Closed)?;
        if let Some(receipt) = batch.receipt().filter(|_| batch.span_count() > 0) {
            self.state.orders.seen().note(&receipt);
        }
        log.append(batch, reservation).await
    }

    /// The number of quarantined files: unreadable parts of the log, files of deduplication and orders to erase, which stay until
    /// somebody removes them (`docs/formats/wal.md`).
    pub fn damaged_files(&self) -> u64 {
        let folders =
            ["wal", "seen", "erasures", CREW_ORDERS].map(|name| self.state.root.join(name));
        let files = folders.map(|folder| quarantine::files(&*self.state.disk, &folder));
        files
            .into_iter()
            .flatten()
            .map(|files| files.len() as u64)
            .sum()
    }

    /// The number of groups of acknowledged batches that were missing when the folder was opened: they were in neither the log
    /// nor the tables.
    pub fn missing_groups(&self) -> u64 {
        self.missing_groups
    }

    /// The number of tables' files that a query, upkeep or an erasure could not read since the store was opened. Each is named in the
    /// log. Damaged ones are left out of answers, which say so.
    pub fn unreadable_files(&self) -> u64 {
        self.state.unreadable.len() as u64
    }

    /// The tables whose logs had lost their last commits when the store was opened, and with them rows.
    pub fn tables_with_lost_commits(&self) -> Vec<String> {
        self.state.lost_commits.keys().cloned().collect()
    }

    /// The tables whose logs are damaged, or hold a commit of another program that is not understood. Their rows stay in the
    /// write-ahead log and in memory.
    pub fn refused_tables(&self) -> Vec<String> {
        let refused = self.state.view.refused();
        let name = |id: TableId| self.state.schema.table(id).map(|table| table.name.clone());
        refused.into_iter().filter_map(name).collect()
    }

    /// What the store has done since it was opened.
    pub fn activity(&self) -> &LakeActivity {
        &self.state.activity
    }

    /// What the log has done since then; `None` once it is closed.
    pub fn log_activity(&self) -> Option<&LogActivity> {
        self.log.as_ref().map(WalHandle::activity)
    }

    pub(crate) fn state(&self) -> &LakeState {
        &self.state
    }

    /// The number of receipts whose rows are still to be erased.
    pub fn pending_erasures(&self) -> u64 {
        self.state.orders.pending_receipts() as u64
    }

    /// The number of orders to erase crews that are not carried out yet.
    pub fn pending_crew_erasures(&self) -> u64 {
        self.state.crew_orders.pending().len() as u64
    }

    /// KiB of pending batches that the log would take now.
    #[cfg(test)]
    pub(crate) fn room_left(&self) -> usize {
        self.log.as_ref().map_or(0, WalHandle::free_kib)
    }

    /// Resolves when the log's thread has done what was asked before: a sign of life.
    ///
    /// # Errors
    ///
    /// The log has stopped.
    pub async fn ping_log(&self) -> Result<(), LakeError> {
        let log = self.log.as_ref().ok_or(LakeError::Closed)?;
        Ok(log.ping().await?)
    }

    /// Whether the log's thread has ended, so that nothing is stored until the store is opened again.
    pub fn has_log_stopped(&self) -> bool {
        self.log.as_ref().is_none_or(WalHandle::has_stopped)
    }

    /// Every table as it is now, with all rows that were acknowledged before the call.
    ///
    /// # Errors
    ///
    /// A row in memory cannot be decoded, which is a defect.
    pub async fn snapshot(&self) -> Result<LakeSnapshot, LakeError> {
        let state = Arc::clone(&self.state);
        let captured = spawn_blocking(move || LakeSnapshot::capture(&state));
        captured.await.map_err(|_| LakeError::Closed)?
    }

    /// A number that is another one once queries may see other rows: after an append, an erasure, or a commit of another
    /// program (noticed within about a second). Merges and flushes do not change it. It begins anew with each opening.
    pub fn revision(&self) -> u64 {
        self.state.view.revision() + self.state.unreadable.revision()
    }

    /// Moves everything acknowledged so far to the tables.
    ///
    /// # Errors
    ///
    /// A file cannot be written. Nothing is lost: the rows stay in the log and in memory, and the next flush tries again.
    pub async fn flush(&self) -> Result<(), LakeError> {
        let log = self.log.as_ref().ok_or(LakeError::Closed)?;
        flush(&self.state, log).await
    }

    /// Merges each table's small files, writes due checkpoints, and removes files that left their table
    /// [`LakeOptions::vacuum_grace`] ago.
    ///
    /// # Errors
    ///
    /// A file cannot be read or written. The tables stay as they were.
    pub async fn compact(&self) -> Result<(), LakeError> {
        upkeep::run(&self.state, Scope::All).await
    }

    /// Orders the erasure of everything that came, or comes within the next 30 days, under one of `receipts`. When this resolves
    /// with `Ok`, the order is on the disk; it is carried out in the background, also after a restart. The answer does not tell
    /// whether there was anything under the receipts; a receipt under which nothing came takes no room, and is remembered only
    /// for a while ([`Orders::accept`]).
    ///
    /// # Errors
    ///
    /// The order was not accepted; see [`OrderError`].
    pub async fn order_erasure(&self, receipts: Vec<KeyedReceipt>) -> Result<(), OrderError> {
        let state = Arc::clone(&self.state);
        let accepted = spawn_blocking(move || state.orders.accept(receipts));
        accepted.await.map_err(|_| OrderError::Closed)?
    }

    /// Orders the erasure of the crews that `selection` names: of their rows that are there now. When this resolves with `Ok`, the order is
    /// on the disk, under the number that is returned; it is carried out in the background, also after a restart.
    ///
    /// # Errors
    ///
    /// The order was not accepted; see [`OrderError`].
    pub async fn order_crew_erasure(&self, selection: CrewSelection) -> Result<u64, OrderError> {
        let state = Arc::clone(&self.state);
        let accepted = spawn_blocking(move || state.crew_orders.accept(&selection));
        let number = accepted.await.map_err(|_| OrderError::Closed)??;
        self.state.orders.accepted.notify_one();
        Ok(number)
    }

    /// The orders to erase crews, pending or done, the oldest first.
    pub fn crew_erasures(&self) -> Vec<CrewOrder> {
        self.state.crew_orders.all()
    }

    /// Carries out the pending orders to erase. When this resolves with `Ok`, none of our files in the folder holds a byte of
    /// the erased rows. A file that another program wrote, and replaced, is removed after [`LakeOptions::vacuum_grace`].
    ///
    /// # Errors
    ///
    /// A file cannot be read or written. The order stays, and is carried out later.
    pub async fn erase(&self) -> Result<(), LakeError> {
        let log = self.log.as_ref().ok_or(LakeError::Closed)?;
        erasure::carry_out(&self.state, log).await?;
        Ok(())
    }

    /// Compares the account of each table with what its files and the log hold, from the files alone.
    ///
    /// # Errors
    ///
    /// The operating system refuses to read a file.
    pub async fn audit(&self) -> Result<Audit, LakeError> {
        let state = Arc::clone(&self.state);
        let audited = spawn_blocking(move || {
            let (disk, root) = (Arc::clone(&state.disk), state.root.clone());
            audit_on(disk, root, &state.schema, state.options.retention)
        });
        audited.await.map_err(|_| LakeError::Closed)?
    }

    /// Flushes and closes the folder.
    ///
    /// # Errors
    ///
    /// As of [`Lake::flush`]; the folder is closed nevertheless, and its log is replayed when it is opened again.
    pub async fn close(mut self) -> Result<(), LakeError> {
        if let Some(background) = self.background.take() {
            background.abort();
            // It was aborted, so there is no result.
            let _ = background.await;
        }
        let flushed = self.flush().await;
        self.log = None;
        if let Some(thread) = self.log_thread.take() {
            // A panic of the log's thread has been reported, and closed the log.
            let _ = spawn_blocking(move || thread.join()).await;
        }
        flushed
    }
}

impl Drop for Lake {
    fn drop(&mut self) {
        // Not a close: the log is replayed when the folder is opened again.
        if let Some(background) = self.background.take() {
            background.abort();
        }
    }
}

/// What repairs gave up, without the files that are in their tables again.
fn lost_rows(
    disk: &dyn Disk,
    root: &Path,
    schema: &Schema,
    logs: &[TableLog],
) -> Result<LostRows, LakeError> {
    let mut lost = LostRows::read(disk, root)?;
    let mut is_changed = false;
    for (table, log) in schema.tables.iter().zip(logs) {
        is_changed |= lost.forget_active(&table.name, &log.files());
    }
    if is_changed && let Err(error) = lost.write(disk, root) {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(
            error,
            "the list of lost rows could not be written; the next start tries again"
        );
    }
    Ok(lost)
}

/// Reads each table's log, in the schema's order.
fn open_tables(
    disk: &Arc<dyn Disk>,
    root: &Path,
    schema: &Schema,
) -> Result<Vec<TableLog>, LakeError> {
    let collector = load_or_create_collector(&**disk, root)?;
    let mut logs = Vec::with_capacity(schema.tables.len());
    for table in &schema.tables {
        let log = TableLog::open_or_broken(disk, &table_folder(root, table), table, &collector)?;
        log.accepts(table)?;
        logs.push(log);
    }
    Ok(logs)
}
