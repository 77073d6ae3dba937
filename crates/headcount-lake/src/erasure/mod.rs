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
pub(crate) mod seen;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashSet;
use headcount_catalog::{RECEIPT_COLUMN, Table, TableId};
use headcount_log::disk::{Disk, DiskEntry};
use headcount_log::erasure::ErasureFilter;
use headcount_log::wal::WalHandle;

use self::rows::has_erased;
use crate::activity::milliseconds;
use crate::delta::commit::{Change, Committed, commit};
use crate::delta::log::{ActiveFile, table_folder};
use crate::error::LakeError;
use crate::flush::flush;
use crate::low_priority;
use crate::new_files::NewFiles;
use crate::parquet_file::is_ours;
use crate::rewrite::{LeftOut, Rewrite};
use crate::set_aside;
use crate::state::LakeState;

/// Files that one commit replaces.
const FILES: usize = 32;

/// Carries out every pending order; returns how long that took without the grace period, or `None` where none is pending.
///
/// A file or table that cannot be erased from does not stop the others. It fails the erasure, whose orders stay pending.
pub(crate) async fn carry_out(
    state: &Arc<LakeState>,
    log: &WalHandle,
) -> Result<Option<Duration>, LakeError> {
    let begun = Instant::now();
    let pending = state.orders.pending();
    if pending.numbers.is_empty() {
        return Ok(None);
    }
    let mut erased = flush(state, log).await;
    let receipts: Arc<[_]> = pending.receipts.into();
    let mut doomed = Vec::new();
    let mut filters = Vec::new();
    for (id, table) in state.schema.iter() {
        if table.column_index(RECEIPT_COLUMN).is_some() {
            let filter = Arc::new(ErasureFilter::new(&receipts, &table.name));
            erased = erased.and(erase_from_table(state, id, &filter, &mut doomed).await);
            filters.push(filter);
        }
    }
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
    low_priority::run(move || working.orders.finish(&pending.numbers)).await??;
    state.activity.erased_receipts.add(receipts.len() as u64);
    tracing::info!(
        orders,
        receipts = receipts.len(),
        ms = milliseconds(begun),
        "carried out orders to erase"
    );
    Ok(Some(worked))
}

/// Erases from the files of one table, and adds those to `doomed` that are to be removed.
async fn erase_from_table(
    state: &Arc<LakeState>,
    id: TableId,
    filter: &Arc<ErasureFilter>,
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
    let (disk, filter) = (Arc::clone(&state.disk), Arc::clone(filter));
    let leftovers = low_priority::run(move || holding(&*disk, left, &filter)).await?;
    doomed.extend(leftovers?);
    erased
}

/// Rewrites the table's files that hold rows to be erased, and adds those to `replaced` that no longer count. A file that
/// cannot be read, or whose rows another program deleted by a deletion vector, is passed over and fails the call at its end.
fn erase_from_files(
    state: &LakeState,
    id: TableId,
    filter: &ErasureFilter,
    replaced: &mut Vec<PathBuf>,
) -> Result<(), LakeError> {
    let table = state.schema.table(id).ok_or(LakeError::Closed)?;
    let folder = table_folder(&state.root, table);
    let mut failed: Option<LakeError> = None;
    // Files that need no further look: without such rows, or unreadable.
    let mut settled = HashSet::new();
    loop {
        let files = state.refresh(id)?;
        let mut rewritten = Rewritten {
            old: Vec::new(),
            added: NewFiles::new(&*state.disk, &folder),
        };
        for file in files.iter() {
            if settled.contains(&file.path) {
                continue;
            }
            match rewrite_file(state, id, &folder, file, filter) {
                Ok(Some(added)) => {
                    rewritten.added.append(added);
                    rewritten.old.push(file.clone());
                }
                Ok(None) => {
                    settled.insert(file.path.clone());
                }
                // Another program replaced it meanwhile; the log says so.
                Err(LakeError::Io { source, .. })
                    if source.kind() == std::io::ErrorKind::NotFound
                        && !state.is_active(id, file)? => {}
                Err(
                    error @ (LakeError::UnreadableFile { .. }
                    | LakeError::IncompatibleFile { .. }
                    | LakeError::DeletionVector { .. }),
                ) => {
                    settled.insert(file.path.clone());
                    state.unreadable.note(&error);
                    failed = failed.or(Some(error));
                }
                Err(error) => return Err(error),
            }
            if rewritten.old.len() == FILES {
                break;
            }
        }
        if rewritten.old.is_empty() {
            return failed.map_or(Ok(()), Err);
        }
        let old = rewritten.old.clone();
        if replace(state, id, table, rewritten)? == Committed::Now {
            replaced.extend(old.iter().map(|file| folder.join(&file.path)));
        }
    }
}

/// The file's rows without those to be erased, in new files; `None` where there are no such rows.
fn rewrite_file<'a>(
    state: &'a LakeState,
    id: TableId,
    folder: &'a Path,
    file: &'a ActiveFile,
    filter: &'a ErasureFilter,
) -> Result<Option<NewFiles<'a>>, LakeError> {
    let path = folder.join(&file.path);
    if !has_erased(&*state.disk, filter, &path, file.checksums.as_ref())? {
        return Ok(None);
    }
    if file.deletion_vector.is_some() {
        return Err(LakeError::DeletionVector { path });
    }
    let mut rewrite = Rewrite::new(state, id, folder, &file.day)?;
    rewrite.left_out = LeftOut::Erased(filter);
    rewrite.run(std::slice::from_ref(file)).map(Some)
}

/// Files with rows to be erased, and the files that take their places.
struct Rewritten<'a> {
    old: Vec<ActiveFile>,
    added: NewFiles<'a>,
}

/// Commits a replacement.
fn replace(
    state: &LakeState,
    id: TableId,
    table: &Table,
    rewritten: Rewritten<'_>,
) -> Result<Committed, LakeError> {
    let change = Change {
        operation: "DELETE",
        add: rewritten.added.as_slice(),
        remove: &rewritten.old,
        data_change: true,
        applied: None,
        account: rewritten.added.account(),
    };
    let mut log = state.logs[usize::from(id.0)].lock();
    let committed = commit(&*state.disk, &mut log, table, &change);
    rewritten.added.settle(&committed, &log);
    state.view.publish_changed(id, log.files());
    committed
}

/// Our files that belong to no table and never will: leftovers of a crash, files that a merge replaced, and what a repair set aside.
fn left_behind(state: &LakeState, id: TableId) -> Result<Vec<PathBuf>, LakeError> {
    let table = state.schema.table(id).ok_or(LakeError::Closed)?;
    let folder = table_folder(&state.root, table);
    let mut left = Vec::new();
    if !state.disk.exists(&folder) {
        return Ok(left);
    }
    let files = state.durable_files(id)?;
    let active: HashSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
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
            if is_ours(&name) && !active.contains(format!("{day}/{name}").as_str()) {
                left.push(path);
            }
        }
    }
    left.extend(set_aside::of_table(&*state.disk, &state.root, &table.name)?);
    Ok(left)
}

fn list(state: &LakeState, folder: &Path) -> Result<Vec<DiskEntry>, LakeError> {
    state
        .disk
        .list(folder)
        .map_err(LakeError::io("list", folder))
}

/// The `files` that hold rows to be erased, or may hold some: a file that a crash cut short cannot be read.
fn holding(
    disk: &dyn Disk,
    files: Vec<PathBuf>,
    filter: &ErasureFilter,
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
