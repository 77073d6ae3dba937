//! The state that the lake's threads and tasks share. It starts nothing.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use headcount_catalog::{Schema, TableId};
use headcount_log::disk::Disk;
use headcount_log::erasure::{CrewOrders, Orders};
use headcount_log::folder::WriterLock;
use headcount_log::wal::Trimmer;
use parking_lot::Mutex;

use crate::activity::LakeActivity;
use crate::delta::log::{ActiveFile, Files, TableLog};
use crate::error::LakeError;
use crate::lost_rows::LostRows;
use crate::memtable::Layout;
use crate::options::LakeOptions;
use crate::provider::FooterCache;
use crate::unreadable_files::UnreadableFiles;
use crate::view::View;
use crate::watermark::{LostCommits, Watermark};

/// What the threads and tasks of one [`Lake`](crate::Lake) share.
pub(crate) struct LakeState {
    pub(crate) root: PathBuf,
    pub(crate) schema: Arc<Schema>,
    pub(crate) layout: Arc<Layout>,
    pub(crate) options: LakeOptions,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) view: Arc<View>,
    /// One per table, in the schema's order. Locked during its commits.
    pub(crate) logs: Vec<Mutex<TableLog>>,
    pub(crate) footers: Arc<FooterCache>,
    pub(crate) unreadable: Arc<UnreadableFiles>,
    /// Orders of senders.
    pub(crate) orders: Orders,
    /// Orders of whoever runs the collector.
    pub(crate) crew_orders: CrewOrders,
    /// By table: the commits that its log had lost when the store was opened.
    pub(crate) lost_commits: Arc<LostCommits>,
    /// What a repair gave up, before the store was opened.
    pub(crate) lost_rows: Arc<LostRows>,
    pub(crate) watermark: Mutex<Watermark>,
    pub(crate) activity: LakeActivity,
    /// Held during a flush.
    pub(crate) flushing: Arc<tokio::sync::Mutex<Trimmer>>,
    /// Held during upkeep, and while an erasure rewrites files.
    pub(crate) compacting: tokio::sync::Mutex<UpkeepProgress>,
    /// Excludes other writers for as long as anything of this one runs.
    pub(crate) _lock: WriterLock,
}

/// The progress of upkeep between its rounds.
#[derive(Debug, Default)]
pub(crate) struct UpkeepProgress {
    /// When each file was first found to belong to no table.
    pub(crate) inactive: HashMap<PathBuf, Instant>,
    pub(crate) last_round: Option<Instant>,
    /// For each table the version of its last checkpoint.
    pub(crate) checkpoints: HashMap<u8, u64>,
}

impl LakeState {
    /// Applies and shows what was committed to the table meanwhile; returns its files.
    pub(crate) fn refresh(&self, id: TableId) -> Result<Files, LakeError> {
        let mut log = self.logs[usize::from(id.0)].lock();
        let is_changed = log.refresh()?;
        let files = log.files();
        if is_changed {
            self.view.publish_changed(id, Arc::clone(&files));
        }
        Ok(files)
    }

    /// Whether the file still counts, by the table's log as it is now.
    pub(crate) fn is_active(&self, id: TableId, file: &ActiveFile) -> Result<bool, LakeError> {
        let files = self.refresh(id)?;
        Ok(files.iter().any(|active| active.path == file.path))
    }

    /// As [`LakeState::refresh`], with every commit that the files follow from durable: a commit whose fsync failed may have its
    /// name, and must not be lost once files are removed because of it.
    pub(crate) fn durable_files(&self, id: TableId) -> Result<Files, LakeError> {
        let files = self.refresh(id)?;
        let log_folder = self.logs[usize::from(id.0)].lock().log_folder();
        if self.disk.exists(&log_folder) {
            self.disk
                .sync_folder(&log_folder)
                .map_err(LakeError::io("sync", &log_folder))?;
        }
        Ok(files)
    }

    /// Raises the watermark to the group `sequence`, which every table holds.
    pub(crate) fn advance_watermark(&self, sequence: u64) -> Result<(), LakeError> {
        let versions = self.logs.iter().map(|log| {
            let log = log.lock();
            (log.table.clone(), log.version)
        });
        let versions: Vec<(String, Option<u64>)> = versions.collect();
        let mut watermark = self.watermark.lock();
        watermark.advance(&*self.disk, &self.root, sequence, versions.iter())
    }

    /// The log's folder.
    pub(crate) fn wal(&self) -> PathBuf {
        self.root.join("wal")
    }
}

impl std::fmt::Debug for LakeState {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("LakeState")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}
