//! Erasure: rows whose sender asks for it go, and their bytes with them.
//!
//! ```text
//! order on disk ─▶ flush: log and memtable are in the tables, the log's segments are gone
//!               ─▶ each file with such a row is written anew without them; one commit replaces it
//!               ─▶ readers that have begun get their time ─▶ replaced files, and what crashes left, are removed
//!               ─▶ the order is done
//! ```
//!
//! Every step may be repeated: after a crash the order is still there, and the whole is done again. A row under an erased
//! receipt cannot come in behind the flush, because the log's thread stores nothing under one.

mod imprints;
mod orders;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashSet;
use headcount_catalog::{RECEIPT_COLUMN, Table, TableId, TableKind};
use tokio::sync::mpsc;

pub(crate) use imprints::Imprints;
pub(crate) use orders::{Erased, Orders};

use crate::compaction::rewrite;
use crate::delta::commit::{Change, Committed, commit};
use crate::delta::log::{ActiveFile, table_folder};
use crate::error::LakeError;
use crate::lake::{Inner, flush};
use crate::quiet;
use crate::wal::aside;
use crate::wal::writer::Command;

/// Files that one commit replaces.
const FILES: usize = 32;

/// Carries out every order that waits; says how long that took, the readers' time apart. `None` where there is none.
pub(crate) async fn carry_out(
    inner: &Arc<Inner>,
    commands: &mpsc::Sender<Command>,
) -> Result<Option<Duration>, LakeError> {
    let begun = Instant::now();
    let pending = inner.orders.pending();
    if pending.numbers.is_empty() {
        return Ok(None);
    }
    flush(inner, commands).await?;
    let receipts: Arc<[_]> = pending.receipts.into();
    let mut doomed = Vec::new();
    for (id, table) in inner.schema.iter() {
        if table.column_index(RECEIPT_COLUMN).is_none() {
            continue;
        }
        let imprints = Arc::new(Imprints::of(&receipts, &table.name));
        {
            let _no_merge = inner.compacting.lock().await;
            let (inner, imprints) = (Arc::clone(inner), Arc::clone(&imprints));
            let erased = quiet::run(move || erase_from_table(&inner, id, &imprints)).await?;
            doomed.extend(erased?);
        }
        let left = {
            // While nobody merges or flushes, no file of ours is about to be committed.
            let _no_merge = inner.compacting.lock().await;
            let _no_flush = inner.flushing.lock().await;
            let inner = Arc::clone(inner);
            quiet::run(move || left_behind(&inner, id)).await??
        };
        let leftovers = quiet::run(move || holding(left, &imprints)).await?;
        doomed.extend(leftovers?);
    }
    // What could not be read of the log may hold such rows, and nobody can tell.
    doomed.extend(aside::files(&inner.root.join("wal"))?);
    doomed.sort();
    doomed.dedup();
    let worked = begun.elapsed();
    if !doomed.is_empty() {
        tokio::time::sleep(inner.options.erasure_grace).await;
        let working = Arc::clone(inner);
        quiet::run(move || remove(&working, &doomed)).await??;
    }
    let working = Arc::clone(inner);
    quiet::run(move || working.orders.finish(&pending.numbers)).await??;
    Ok(Some(worked))
}

/// Writes the table's files anew that hold rows to be erased; gives those that were replaced.
fn erase_from_table(
    inner: &Inner,
    id: TableId,
    imprints: &Imprints,
) -> Result<Vec<PathBuf>, LakeError> {
    let table = inner.schema.table(id).ok_or(LakeError::Closed)?;
    let folder = table_folder(&inner.root, table);
    let mut replaced = Vec::new();
    let mut clean = HashSet::new();
    loop {
        let files = {
            let mut log = inner.logs[usize::from(id.0)].lock();
            log.refresh()?;
            log.files()
        };
        let mut old = Vec::new();
        for file in files.iter() {
            if clean.contains(&file.path) {
                continue;
            }
            match imprints.are_in(&folder.join(&file.path)) {
                Ok(true) if file.deletion_vector.is_some() => {
                    let path = folder.join(&file.path);
                    return Err(LakeError::DeletionVector { path });
                }
                Ok(true) => old.push(file.clone()),
                Ok(false) => {
                    let _new = clean.insert(file.path.clone());
                }
                // Another program replaced it meanwhile; the log says so.
                Err(LakeError::Io { source, .. })
                    if source.kind() == std::io::ErrorKind::NotFound
                        && !is_active(inner, id, file)? => {}
                Err(error) => return Err(error),
            }
            if old.len() == FILES {
                break;
            }
        }
        if old.is_empty() {
            return Ok(replaced);
        }
        if replace(inner, id, table, &old, imprints)? == Committed::Now {
            replaced.extend(old.iter().map(|file| folder.join(&file.path)));
        }
    }
}

fn is_active(inner: &Inner, id: TableId, file: &ActiveFile) -> Result<bool, LakeError> {
    let mut log = inner.logs[usize::from(id.0)].lock();
    log.refresh()?;
    Ok(log.contains(&file.path))
}

/// Replaces `old` by files without the rows that are to be erased.
fn replace(
    inner: &Inner,
    id: TableId,
    table: &Table,
    old: &[ActiveFile],
    imprints: &Imprints,
) -> Result<Committed, LakeError> {
    let folder = table_folder(&inner.root, table);
    let counter = table.kind == TableKind::Counter;
    let mut added = Vec::new();
    for file in old {
        let one = std::slice::from_ref(file);
        added.extend(rewrite(
            inner,
            &folder,
            &file.day,
            one,
            counter,
            Some(imprints),
        )?);
    }
    let change = Change {
        operation: "DELETE",
        add: &added,
        remove: old,
        data_change: true,
        applied: None,
    };
    let mut log = inner.logs[usize::from(id.0)].lock();
    let committed = commit(&*inner.disk, &mut log, table, &change)?;
    if committed != Committed::Now {
        for file in &added {
            let _swept_later = inner.disk.remove(&folder.join(&file.path));
        }
    }
    inner.view.publish_files(id, log.files());
    Ok(committed)
}

/// Files of our own that belong to no table and never will: a crash left them, or a merge replaced them.
fn left_behind(inner: &Inner, id: TableId) -> Result<Vec<PathBuf>, LakeError> {
    let table = inner.schema.table(id).ok_or(LakeError::Closed)?;
    let folder = table_folder(&inner.root, table);
    let mut left = Vec::new();
    if !folder.exists() {
        return Ok(left);
    }
    let mut log = inner.logs[usize::from(id.0)].lock();
    log.refresh()?;
    // A commit that failed after it got its name says which files are active, and must not be lost once files are removed
    // by it.
    let log_folder = log.log_folder();
    if log_folder.exists() {
        inner
            .disk
            .sync_folder(&log_folder)
            .map_err(LakeError::io("sync", &log_folder))?;
    }
    for (day, day_folder) in crate::upkeep::entries(&folder)? {
        if !day.starts_with("day=") {
            continue;
        }
        // What was removed before, and not durably, would come back with the power.
        inner
            .disk
            .sync_folder(&day_folder)
            .map_err(LakeError::io("sync", &day_folder))?;
        for (name, path) in crate::upkeep::entries(&day_folder)? {
            if is_ours(&name) && !log.contains(&format!("{day}/{name}")) {
                left.push(path);
            }
        }
    }
    Ok(left)
}

/// Whether we gave a file its name. Another program's may be about to be committed, whatever it holds.
fn is_ours(name: &str) -> bool {
    let stem = name.strip_suffix(".parquet");
    stem.is_some_and(|stem| stem.len() == 36 && uuid::Uuid::try_parse(stem).is_ok())
}

/// Of `files` those that hold rows to be erased, or may: one that a crash cut short cannot be read.
fn holding(files: Vec<PathBuf>, imprints: &Imprints) -> Result<Vec<PathBuf>, LakeError> {
    let mut holding = Vec::new();
    for path in files {
        match imprints.are_in(&path) {
            Ok(true) | Err(LakeError::Parquet(_) | LakeError::Arrow(_)) => holding.push(path),
            Ok(false) => {}
            Err(LakeError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(holding)
}

/// Removes files, durably.
fn remove(inner: &Inner, files: &[PathBuf]) -> Result<(), LakeError> {
    for path in files.iter().filter(|path| path.exists()) {
        inner
            .disk
            .remove(path)
            .map_err(LakeError::io("remove", path))?;
    }
    let mut folders: Vec<&Path> = files.iter().filter_map(|path| path.parent()).collect();
    folders.dedup();
    for folder in folders {
        inner
            .disk
            .sync_folder(folder)
            .map_err(LakeError::io("sync", folder))?;
    }
    Ok(())
}
