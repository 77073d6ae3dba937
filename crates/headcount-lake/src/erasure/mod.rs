//! Erasure: removes rows, and all their bytes, at their sender's request.
//!
//! ```text
//! order on disk ─▶ flush: log and memtable are in the tables, the log's segments are removed
//!               ─▶ each file with such a row is rewritten without them; one commit replaces it
//!               ─▶ grace period for readers that have begun ─▶ replaced files, and leftovers of crashes, are removed
//!               ─▶ the order is done
//! ```
//!
//! Every step may be repeated: after a crash the order is still there, and the erasure starts again. No row under an erased
//! receipt is stored after the flush, because the log's thread drops it.

pub(crate) mod rows;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashSet;
use headcount_catalog::{RECEIPT_COLUMN, Table, TableId, TableKind};
use headcount_log::disk::{Disk, DiskEntry};
use headcount_log::erasure::ErasureFilter;
use headcount_log::wal::{WalHandle, quarantine};

use self::rows::has_erased;
use crate::delta::commit::{Change, Committed, commit};
use crate::delta::log::{ActiveFile, table_folder};
use crate::error::LakeError;
use crate::flush::flush;
use crate::low_priority;
use crate::state::LakeState;
use crate::upkeep::compaction::rewrite;

/// Files that one commit replaces.
const FILES: usize = 32;

/// Carries out every pending order; returns how long that took without the grace period, or `None` where none is pending.
pub(crate) async fn carry_out(
    state: &Arc<LakeState>,
    log: &WalHandle,
) -> Result<Option<Duration>, LakeError> {
    let begun = Instant::now();
    let pending = state.orders.pending();
    if pending.numbers.is_empty() {
        return Ok(None);
    }
    flush(state, log).await?;
    let receipts: Arc<[_]> = pending.receipts.into();
    let mut doomed = Vec::new();
    for (id, table) in state.schema.iter() {
        if table.column_index(RECEIPT_COLUMN).is_none() {
            continue;
        }
        let filter = Arc::new(ErasureFilter::new(&receipts, &table.name));
        {
            let _no_merge = state.compacting.lock().await;
            let (state, filter) = (Arc::clone(state), Arc::clone(&filter));
            let erased = low_priority::run(move || erase_from_table(&state, id, &filter)).await?;
            doomed.extend(erased?);
        }
        let left = {
            // While nobody merges or flushes, no file of ours is about to be committed.
            let _no_merge = state.compacting.lock().await;
            let _no_flush = state.flushing.lock().await;
            let state = Arc::clone(state);
            low_priority::run(move || left_behind(&state, id)).await??
        };
        let disk = Arc::clone(&state.disk);
        let leftovers = low_priority::run(move || holding(&*disk, left, &filter)).await?;
        doomed.extend(leftovers?);
    }
    // Unreadable parts of the log may hold such rows; nobody can tell.
    doomed.extend(quarantine::files(&*state.disk, &state.wal())?);
    doomed.sort();
    doomed.dedup();
    let worked = begun.elapsed();
    if !doomed.is_empty() {
        tokio::time::sleep(state.options.erasure_grace).await;
        let working = Arc::clone(state);
        low_priority::run(move || remove(&working, &doomed)).await??;
    }
    let working = Arc::clone(state);
    low_priority::run(move || working.orders.finish(&pending.numbers)).await??;
    Ok(Some(worked))
}

/// Rewrites the table's files that hold rows to be erased; returns those that were replaced.
fn erase_from_table(
    state: &LakeState,
    id: TableId,
    filter: &ErasureFilter,
) -> Result<Vec<PathBuf>, LakeError> {
    let table = state.schema.table(id).ok_or(LakeError::Closed)?;
    let folder = table_folder(&state.root, table);
    let mut replaced = Vec::new();
    let mut clean = HashSet::new();
    loop {
        let files = {
            let mut log = state.logs[usize::from(id.0)].lock();
            log.refresh()?;
            log.files()
        };
        let mut old = Vec::new();
        for file in files.iter() {
            if clean.contains(&file.path) {
                continue;
            }
            match has_erased(&*state.disk, filter, &folder.join(&file.path)) {
                Ok(true) if file.deletion_vector.is_some() => {
                    let path = folder.join(&file.path);
                    return Err(LakeError::DeletionVector { path });
                }
                Ok(true) => old.push(file.clone()),
                Ok(false) => {
                    clean.insert(file.path.clone());
                }
                // Another program replaced it meanwhile; the log says so.
                Err(LakeError::Io { source, .. })
                    if source.kind() == std::io::ErrorKind::NotFound
                        && !is_active(state, id, file)? => {}
                Err(error) => return Err(error),
            }
            if old.len() == FILES {
                break;
            }
        }
        if old.is_empty() {
            return Ok(replaced);
        }
        if replace(state, id, table, &old, filter)? == Committed::Now {
            replaced.extend(old.iter().map(|file| folder.join(&file.path)));
        }
    }
}

fn is_active(state: &LakeState, id: TableId, file: &ActiveFile) -> Result<bool, LakeError> {
    let mut log = state.logs[usize::from(id.0)].lock();
    log.refresh()?;
    Ok(log.contains(&file.path))
}

/// Replaces `old` by files without the rows that are to be erased.
fn replace(
    state: &LakeState,
    id: TableId,
    table: &Table,
    old: &[ActiveFile],
    filter: &ErasureFilter,
) -> Result<Committed, LakeError> {
    let folder = table_folder(&state.root, table);
    let counter = table.kind == TableKind::Counter;
    let mut added = Vec::new();
    for file in old {
        let one = std::slice::from_ref(file);
        added.extend(rewrite(
            state,
            &folder,
            &file.day,
            one,
            counter,
            Some(filter),
        )?);
    }
    let change = Change {
        operation: "DELETE",
        add: &added,
        remove: old,
        data_change: true,
        applied: None,
    };
    let mut log = state.logs[usize::from(id.0)].lock();
    let committed = commit(&*state.disk, &mut log, table, &change)?;
    if committed != Committed::Now {
        for file in &added {
            // A file that stays is vacuumed later.
            let _ = state.disk.remove(&folder.join(&file.path));
        }
    }
    state.view.publish_files(id, log.files());
    Ok(committed)
}

/// Our files that belong to no table and never will: leftovers of a crash, or files that a merge replaced.
fn left_behind(state: &LakeState, id: TableId) -> Result<Vec<PathBuf>, LakeError> {
    let table = state.schema.table(id).ok_or(LakeError::Closed)?;
    let folder = table_folder(&state.root, table);
    let mut left = Vec::new();
    if !state.disk.exists(&folder) {
        return Ok(left);
    }
    let mut log = state.logs[usize::from(id.0)].lock();
    log.refresh()?;
    // A commit that failed after it got its name still decides which files are active. It must not be lost once files are
    // removed because of it.
    let log_folder = log.log_folder();
    if state.disk.exists(&log_folder) {
        state
            .disk
            .sync_folder(&log_folder)
            .map_err(LakeError::io("sync", &log_folder))?;
    }
    for DiskEntry {
        name: day,
        path: day_folder,
    } in list(state, &folder)?
    {
        if !day.starts_with("day=") {
            continue;
        }
        // A removal that is not durable yet would be undone by a power loss.
        state
            .disk
            .sync_folder(&day_folder)
            .map_err(LakeError::io("sync", &day_folder))?;
        for DiskEntry { name, path } in list(state, &day_folder)? {
            if is_ours(&name) && !log.contains(&format!("{day}/{name}")) {
                left.push(path);
            }
        }
    }
    Ok(left)
}

fn list(state: &LakeState, folder: &Path) -> Result<Vec<DiskEntry>, LakeError> {
    state
        .disk
        .list(folder)
        .map_err(LakeError::io("list", folder))
}

/// Whether we gave a file its name. A file of another program may be about to be committed, whatever it holds.
fn is_ours(name: &str) -> bool {
    let stem = name.strip_suffix(".parquet");
    stem.is_some_and(|stem| stem.len() == 36 && uuid::Uuid::try_parse(stem).is_ok())
}

/// The `files` that hold rows to be erased, or may hold some: a file that a crash cut short cannot be read.
fn holding(
    disk: &dyn Disk,
    files: Vec<PathBuf>,
    filter: &ErasureFilter,
) -> Result<Vec<PathBuf>, LakeError> {
    let mut holding = Vec::new();
    for path in files {
        match has_erased(disk, filter, &path) {
            Ok(true) | Err(LakeError::Parquet(_) | LakeError::Arrow(_)) => holding.push(path),
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
