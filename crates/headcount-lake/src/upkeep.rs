//! What keeps the tables quick to open and small, in the background: compaction, checkpoints, and the removal of files that
//! no table and no reader needs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use chrono::Utc;
use headcount_catalog::{Table, TableId};

use crate::compaction::{merge, plan, plan_whole_days};
use crate::delta::checkpoint;
use crate::delta::log::{TableLog, table_folder};
use crate::error::LakeError;
use crate::low_priority as quiet;
use crate::parquet_file::today;
use crate::state::LakeState as Inner;

/// How often closed days are looked at again, and left files removed.
const ROUND: Duration = Duration::from_secs(3600);

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// What its own rules say is due.
    Due,
    /// Everything that can be done now.
    All,
}

/// What upkeep remembers between its rounds.
#[derive(Debug, Default)]
pub(crate) struct Upkeep {
    /// When each file was first seen to belong to no table.
    inactive: HashMap<PathBuf, Instant>,
    last_round: Option<Instant>,
    /// For each table the version of its last checkpoint.
    checkpoints: HashMap<u8, u64>,
}

/// Goes through all tables once, while nobody else does.
pub(crate) async fn run_locked(state: &Arc<Inner>, scope: Scope) -> Result<(), LakeError> {
    run(state, &mut *state.compacting.lock().await, scope).await
}

/// Goes through all tables once.
pub(crate) async fn run(
    inner: &Arc<Inner>,
    upkeep: &mut Upkeep,
    scope: Scope,
) -> Result<(), LakeError> {
    let round = scope == Scope::All || upkeep.last_round.is_none_or(|last| last.elapsed() >= ROUND);
    for (id, table) in inner.schema.iter() {
        let working = Arc::clone(inner);
        quiet::run(move || merge_table(&working, id, scope, round)).await??;
        checkpoint_where_due(inner, upkeep, id).await?;
        if round {
            vacuum(inner, upkeep, id, table)?;
        }
    }
    if round {
        upkeep.last_round = Some(Instant::now());
    }
    Ok(())
}

fn merge_table(inner: &Inner, id: TableId, scope: Scope, round: bool) -> Result<(), LakeError> {
    let files = || inner.logs[usize::from(id.0)].lock().files();
    if scope == Scope::Due {
        for group in plan(&files(), inner.options.compact_at_files) {
            merge(inner, id, &group)?;
        }
    }
    if round {
        let today = today(Utc::now());
        let before = (scope == Scope::Due).then_some(today.as_str());
        for group in plan_whole_days(&files(), before) {
            merge(inner, id, &group)?;
        }
    }
    Ok(())
}

/// Writes a checkpoint of the table's log if enough commits came since the last one, and removes old commits.
async fn checkpoint_where_due(
    inner: &Inner,
    upkeep: &mut Upkeep,
    id: TableId,
) -> Result<(), LakeError> {
    let log = inner.logs[usize::from(id.0)].lock().clone();
    let last = match upkeep.checkpoints.get(&id.0) {
        Some(last) => *last,
        None => last_checkpoint(&log),
    };
    let _before = upkeep.checkpoints.insert(id.0, last);
    let due = log
        .version
        .is_some_and(|version| version >= last + inner.options.checkpoint_every);
    let Some(version) = log.version.filter(|_| due) else {
        return Ok(());
    };
    let retention = inner.options.log_retention;
    let disk = Arc::clone(&inner.disk);
    let cleaned = quiet::run(move || {
        checkpoint::write(&*disk, &log.log_folder(), version)?;
        // Commits may go only now that the checkpoint is durable.
        remove_old_commits(&log, version, retention)
    });
    cleaned.await??;
    let _before = upkeep.checkpoints.insert(id.0, version);
    Ok(())
}

fn last_checkpoint(log: &TableLog) -> u64 {
    let text = std::fs::read_to_string(log.log_folder().join("_last_checkpoint"));
    let hint = text
        .ok()
        .and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
    hint.and_then(|hint| hint["version"].as_u64())
        .unwrap_or_default()
}

/// Removes commits and checkpoints before `version` that are older than `retention`, for readers that have begun.
/// The oldest go first, so that what is left has no hole.
fn remove_old_commits(log: &TableLog, version: u64, retention: Duration) -> Result<(), LakeError> {
    let mut old = Vec::new();
    for (name, path) in entries(&log.log_folder())? {
        let digits = name.get(..20).and_then(|digits| digits.parse::<u64>().ok());
        let age = path.metadata().and_then(|metadata| metadata.modified());
        let age = age
            .ok()
            .and_then(|written| SystemTime::now().duration_since(written).ok());
        let expired = age.is_some_and(|age| age >= retention);
        if digits.is_some_and(|number| number < version) && expired {
            old.push((digits, path));
        }
    }
    old.sort();
    for (_, path) in old {
        std::fs::remove_file(&path).map_err(LakeError::io("remove", &path))?;
    }
    Ok(())
}

/// Removes Parquet files that have been seen to belong to no table for the grace period: replaced ones, and what a crash left.
fn vacuum(inner: &Inner, upkeep: &mut Upkeep, id: TableId, table: &Table) -> Result<(), LakeError> {
    let folder = table_folder(&inner.root, table);
    if !folder.exists() {
        return Ok(());
    }
    let grace = inner.options.vacuum_grace;
    for (day, day_folder) in entries(&folder)? {
        if !day.starts_with("day=") {
            continue;
        }
        for (name, path) in entries(&day_folder)? {
            let active = inner.logs[usize::from(id.0)]
                .lock()
                .contains(&format!("{day}/{name}"));
            if active {
                let _was = upkeep.inactive.remove(&path);
                continue;
            }
            let since = *upkeep
                .inactive
                .entry(path.clone())
                .or_insert_with(Instant::now);
            // A file younger than that may be about to be committed.
            if since.elapsed() >= grace && is_older_than(&path, grace) {
                inner
                    .disk
                    .remove(&path)
                    .map_err(LakeError::io("remove", &path))?;
                let _was = upkeep.inactive.remove(&path);
            }
        }
    }
    Ok(())
}

fn is_older_than(path: &Path, age: Duration) -> bool {
    let written = path
        .metadata()
        .and_then(|metadata| metadata.modified())
        .ok();
    let elapsed = written.and_then(|written| SystemTime::now().duration_since(written).ok());
    elapsed.is_some_and(|elapsed| elapsed >= age)
}

/// Names and paths in a folder.
pub(crate) fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, LakeError> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(LakeError::io("list", folder))? {
        let entry = entry.map_err(LakeError::io("list", folder))?;
        entries.push((
            entry.file_name().to_string_lossy().into_owned(),
            entry.path(),
        ));
    }
    Ok(entries)
}
