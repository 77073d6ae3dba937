//! Erasure: removes rows, and all their bytes, at the request of their sender or of whoever runs the collector.
//!
//! ```text
//! order on disk ─▶ flush: log and memtable are in the tables, the log's segments are removed
//!               ─▶ for crews: their runs are looked up, and written to the order
//!               ─▶ each file with such a row is rewritten without them; one commit replaces it
//!               ─▶ grace period for readers that have begun ─▶ replaced files, and leftovers of crashes, are removed
//!               ─▶ the order is done
//! ```
//!
//! Every step may be repeated: after a crash the order is still there, and the erasure starts again. No row under an erased
//! receipt is stored after the flush, because the log's thread drops it. Rows of an erased crew that are sent later are stored: an
//! order to erase crews is for what is there.

pub(crate) mod crew_filter;
mod files;
pub(crate) mod rows;
pub(crate) mod runs;
pub(crate) mod seen;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashSet;
use headcount_catalog::{KeyedReceipt, TableId};
use headcount_log::disk::{Disk, RealDisk};
use headcount_log::erasure::{CrewOrder, CrewOrders};
pub(crate) use headcount_log::folder::CREW_ORDERS;
use headcount_log::wal::WalHandle;

use self::files::erase_from_files;
use self::rows::{RowFilter, has_erased};
use crate::activity::milliseconds;
use crate::delta::log::table_folder;
use crate::error::LakeError;
use crate::flush::flush;
use crate::low_priority;
use crate::parquet_file::is_ours;
use crate::set_aside;
use crate::state::LakeState;
use crate::table_files;

/// The operator's orders to erase crews in the data folder `dir`, pending or done, the oldest first; damaged ones are left out. Also beside a
/// running collector, and of a copy of a folder: what they name is to be erased from every copy that is older than the order.
///
/// # Errors
///
/// The orders cannot be read.
pub fn crew_erasures(dir: &Path) -> Result<Vec<CrewOrder>, LakeError> {
    let read = CrewOrders::read_all(&RealDisk::default(), &dir.join(CREW_ORDERS))?;
    Ok(read.orders)
}

/// Carries out every pending order; returns how long that took without the grace period, or `None` where none is pending.
///
/// A file or table that cannot be erased from does not stop the others. It fails the erasure, whose orders stay pending.
pub(crate) async fn carry_out(
    state: &Arc<LakeState>,
    log: &WalHandle,
) -> Result<Option<Duration>, LakeError> {
    let begun = Instant::now();
    let pending = state.orders.pending();
    let crews = state.crew_orders.pending();
    if pending.numbers.is_empty() && crews.is_empty() {
        return Ok(None);
    }
    let mut erased = flush(state, log).await;
    let crews = match prepared(state, crews, &erased).await {
        Ok(crews) => crews,
        Err(error) => {
            // Rows must not go before it is known what they tell of others. Those under receipts tell nothing.
            erased = erased.and(Err(error));
            Vec::new()
        }
    };
    let mut doomed = Vec::new();
    let (filters, passed) = erase_from_tables(state, &pending.receipts, &crews, &mut doomed).await;
    erased = erased.and(passed);
    let working = Arc::clone(state);
    doomed.extend(low_priority::run(move || seen::quarantined(&working, &filters)).await??);
    doomed.sort();
    doomed.dedup();
    let worked = begun.elapsed();
    if !doomed.is_empty() {
        tokio::time::sleep(state.options.erasure_grace).await;
        let working = Arc::clone(state);
        low_priority::run(move || remove(&working, &doomed)).await??;
    }
    erased?;
    let (working, orders) = (Arc::clone(state), pending.numbers.len());
    let (erased_crews, numbers) = (crews.len(), pending.numbers);
    low_priority::run(move || {
        working.orders.finish(&numbers)?;
        let mut crews = crews.iter();
        crews.try_for_each(|order| working.crew_orders.finish(order.number))
    })
    .await??;
    state
        .activity
        .erased_receipts
        .add(pending.receipts.len() as u64);
    tracing::info!(
        orders,
        receipts = pending.receipts.len(),
        crews = erased_crews,
        ms = milliseconds(begun),
        "carried out orders to erase"
    );
    Ok(Some(worked))
}

/// The operator's orders with the runs of their crews. Without everything in the tables they cannot be found: nothing is prepared after a
/// flush that failed.
async fn prepared(
    state: &Arc<LakeState>,
    orders: Vec<CrewOrder>,
    flushed: &Result<(), LakeError>,
) -> Result<Vec<CrewOrder>, LakeError> {
    if flushed.is_err() || orders.is_empty() {
        return Ok(Vec::new());
    }
    // Orders that come meanwhile are for the next time.
    let last = orders.last().map_or(0, |last| last.number);
    let working = Arc::clone(state);
    let prepared = low_priority::run(move || runs::prepare(&working, orders)).await?;
    let mut prepared = prepared?;
    prepared.retain(|order| order.number <= last);
    Ok(prepared)
}

/// Erases from all tables, until no further rows of the crews are known of; returns the filters of the last pass, and the first failure.
async fn erase_from_tables(
    state: &Arc<LakeState>,
    receipts: &[KeyedReceipt],
    crews: &[CrewOrder],
    doomed: &mut Vec<PathBuf>,
) -> (Vec<Arc<RowFilter>>, Result<(), LakeError>) {
    let mut pass = crews.to_vec();
    loop {
        let runs = |orders: &[CrewOrder]| -> usize {
            orders.iter().map(|order| order.names.run_count()).sum()
        };
        let known = runs(&pass);
        let mut erased = Ok(());
        let mut filters = Vec::new();
        for (id, table) in state.schema.iter() {
            if let Some(filter) = RowFilter::of(table, receipts, &pass) {
                let filter = Arc::new(filter);
                erased = erased.and(erase_from_table(state, id, &filter, doomed).await);
                filters.push(filter);
            }
        }
        // Rows that came meanwhile, and went, may tell of runs whose other rows are still there.
        pass = state.crew_orders.pending();
        pass.retain(|order| crews.iter().any(|of| of.number == order.number));
        if erased.is_err() || runs(&pass) == known {
            return (filters, erased);
        }
    }
}

/// Erases from the files of one table, and adds those to `doomed` that are to be removed.
async fn erase_from_table(
    state: &Arc<LakeState>,
    id: TableId,
    filter: &Arc<RowFilter>,
    doomed: &mut Vec<PathBuf>,
) -> Result<(), LakeError> {
    let erased = {
        let _no_merge = state.compacting.lock().await;
        let (state, filter) = (Arc::clone(state), Arc::clone(filter));
        low_priority::run(move || {
            let mut replaced = Vec::new();
            let erased = erase_from_files(&state, id, &filter, &mut replaced);
            (replaced, erased)
        })
        .await?
    };
    let (replaced, erased) = erased;
    doomed.extend(replaced);
    let left = {
        // While nobody merges or flushes, no file of ours is about to be committed.
        let _no_merge = state.compacting.lock().await;
        let _no_flush = state.flushing.lock().await;
        let state = Arc::clone(state);
        low_priority::run(move || left_behind(&state, id)).await??
    };
    // Whatever can be read of these is damaged: that no such row is found in one proves nothing.
    let table = state.schema.table(id).ok_or(LakeError::Closed)?;
    doomed.extend(set_aside::of_table(&*state.disk, &state.root, &table.name)?);
    let (disk, filter) = (Arc::clone(&state.disk), Arc::clone(filter));
    let leftovers = low_priority::run(move || holding(&*disk, left, &filter)).await?;
    doomed.extend(leftovers?);
    erased
}

/// Our files that belong to no table and never will: leftovers of a crash, and files that a merge replaced.
fn left_behind(state: &LakeState, id: TableId) -> Result<Vec<PathBuf>, LakeError> {
    let table = state.schema.table(id).ok_or(LakeError::Closed)?;
    let folder = table_folder(&state.root, table);
    let mut left = Vec::new();
    if !state.disk.exists(&folder) {
        return Ok(left);
    }
    let files = state.durable_files(id)?;
    let active: HashSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    for folder in table_files::folders(&*state.disk, &folder)? {
        // A removal that is not durable yet would be undone by a power loss.
        state
            .disk
            .sync_folder(&folder)
            .map_err(LakeError::io("sync", &folder))?;
    }
    for file in table_files::list(&*state.disk, &folder)? {
        if is_ours(&file.name) && !active.contains(file.relative.as_str()) {
            left.push(file.path);
        }
    }
    Ok(left)
}

/// The `files` that hold rows to be erased, or may hold some: a file that a crash cut short cannot be read.
fn holding(
    disk: &dyn Disk,
    files: Vec<PathBuf>,
    filter: &RowFilter,
) -> Result<Vec<PathBuf>, LakeError> {
    let mut holding = Vec::new();
    for path in files {
        match has_erased(disk, filter, &path, None) {
            Ok(true) | Err(LakeError::UnreadableFile { .. }) => holding.push(path),
            Ok(false) => {}
            Err(LakeError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(holding)
}

/// Removes files, durably.
fn remove(state: &LakeState, files: &[PathBuf]) -> Result<(), LakeError> {
    for path in files.iter().filter(|path| state.disk.exists(path)) {
        state
            .disk
            .remove(path)
            .map_err(LakeError::io("remove", path))?;
    }
    let mut folders: Vec<&Path> = files.iter().filter_map(|path| path.parent()).collect();
    folders.dedup();
    for folder in folders {
        state
            .disk
            .sync_folder(folder)
            .map_err(LakeError::io("sync", folder))?;
    }
    Ok(())
}
