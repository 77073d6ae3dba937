//! The size of everything in a running store.

use std::time::Duration;

use headcount_catalog::Tier;
use headcount_log::wal::segment;

use crate::lake::Lake;
use crate::state::LakeState;

/// The store at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LakeStats {
    /// Encoded bytes of rows that are in memory and in the log, and not in the tables yet.
    pub memory_bytes: u64,
    /// The bytes at which appends wait for a flush.
    pub memory_limit_bytes: u64,
    /// For how long the oldest of these rows has been waiting; `None` if there are none.
    pub oldest_unflushed: Option<Duration>,
    /// Files of the write-ahead log, whose rows are not in the tables yet.
    pub log_segments: u64,
    /// Their bytes.
    pub log_bytes: u64,
    /// The file system of the data folder; `None` if it does not tell.
    pub disk: Option<DiskRoom>,
    /// The bytes of it that merges leave free, for the log.
    pub disk_reserve_bytes: u64,
    /// Every table, in the schema's order.
    pub tables: Vec<TableStats>,
    /// For how long the oldest order to erase has been waiting, of senders or of the operator; `None` if there is none.
    pub oldest_pending_erasure: Option<Duration>,
}

/// Room on a file system, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskRoom {
    /// What this process may still use.
    pub free_bytes: u64,
    /// All of it.
    pub total_bytes: u64,
}

/// A table without its rows in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableStats {
    /// Its name.
    pub name: String,
    /// Its tier.
    pub tier: Tier,
    /// Its files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Their rows; those of files that do not tell are left out.
    pub rows: u64,
}

impl Lake {
    /// The store at this moment. It lists the log's folder, so it is nothing for every request.
    pub fn stats(&self) -> LakeStats {
        let state = self.state();
        let (memory_bytes, oldest_unflushed) = state.view.unflushed();
        let (log_segments, log_bytes) = log_size(state);
        LakeStats {
            memory_bytes: memory_bytes as u64,
            memory_limit_bytes: state.options.memory_limit as u64,
            oldest_unflushed,
            log_segments,
            log_bytes,
            disk: self.disk_room(),
            disk_reserve_bytes: state.options.disk_reserve,
            tables: tables(state),
            oldest_pending_erasure: state
                .orders
                .oldest_pending()
                .max(state.crew_orders.oldest_pending()),
        }
    }

    /// The room on the file system of the data folder, if that tells.
    pub fn disk_room(&self) -> Option<DiskRoom> {
        let state = self.state();
        let free = state.disk.free_bytes(&state.root);
        let total = state.disk.total_bytes(&state.root);
        Some(DiskRoom {
            free_bytes: free.ok()?,
            total_bytes: total.ok()?,
        })
    }

    /// The bytes of the disk that merges leave free, for the log.
    pub fn disk_reserve_bytes(&self) -> u64 {
        self.state().options.disk_reserve
    }
}

/// The number of the log's segments, and their bytes. One that is removed meanwhile counts for nothing.
fn log_size(state: &LakeState) -> (u64, u64) {
    let segments = segment::list(&*state.disk, &state.wal()).unwrap_or_default();
    let bytes = segments.iter().filter_map(|segment| {
        let metadata = state.disk.metadata(&segment.path).ok()?;
        Some(metadata.length)
    });
    (segments.len() as u64, bytes.sum())
}

fn tables(state: &LakeState) -> Vec<TableStats> {
    let tables = state.schema.tables.iter().zip(state.view.files());
    let stats = tables.map(|(table, files)| TableStats {
        name: table.name.clone(),
        tier: table.tier,
        files: files.len() as u64,
        bytes: files.iter().map(|file| file.size).sum(),
        rows: files.iter().filter_map(|file| file.rows).sum(),
    });
    stats.collect()
}
