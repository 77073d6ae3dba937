//! Checkpoints of the tables' logs, and removal of the commits before them.

use std::sync::Arc;
use std::time::Duration;

use headcount_catalog::TableId;
use headcount_log::disk::{Disk, DiskEntry};

use crate::account::ledger;
use crate::delta::checkpoint;
use crate::delta::log::TableLog;
use crate::error::LakeError;
use crate::low_priority;
use crate::state::{LakeState, UpkeepProgress};

/// Writes a checkpoint of the table's log if enough commits came since the last one, and removes old commits.
pub(super) async fn write_when_due(
    state: &LakeState,
    progress: &mut UpkeepProgress,
    id: TableId,
) -> Result<(), LakeError> {
    let log = state.logs[usize::from(id.0)].lock().clone();
    let last = match progress.checkpoints.get(&id.0) {
        Some(last) => *last,
        None => last_checkpoint(&*state.disk, &log),
    };
    progress.checkpoints.insert(id.0, last);
    let due = log
        .version
        .is_some_and(|version| version >= last + state.options.checkpoint_every);
    let Some(version) = log.version.filter(|_| due) else {
        return Ok(());
    };
    let table = state.schema.table(id).ok_or(LakeError::Closed)?.clone();
    let root = state.root.clone();
    let retention = state.options.log_retention;
    let disk = Arc::clone(&state.disk);
    let cleaned = low_priority::run(move || {
        checkpoint::write(&*disk, &log.log_folder(), version)?;
        ledger::take_over(&disk, &root, &table, &log, version)?;
        // Commits may go only now that the checkpoint is durable, and so is what they say of rows that came and went.
        remove_old_commits(&*disk, &log, version, retention)
    });
    cleaned.await??;
    progress.checkpoints.insert(id.0, version);
    state.activity.checkpoints.add(1);
    let table = state.schema.table(id).map(|table| table.name.as_str());
    tracing::debug!(table, version, "wrote a checkpoint of a table's log");
    Ok(())
}

fn last_checkpoint(disk: &dyn Disk, log: &TableLog) -> u64 {
    let text = disk.read_text(&log.log_folder().join(checkpoint::LAST_CHECKPOINT));
    let hint = text
        .ok()
        .and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
    hint.and_then(|hint| hint["version"].as_u64())
        .unwrap_or_default()
}

/// Removes commits and checkpoints before `version` that are older than `retention`, which lets readers that have begun finish.
/// The oldest go first, so that the rest has no hole.
fn remove_old_commits(
    disk: &dyn Disk,
    log: &TableLog,
    version: u64,
    retention: Duration,
) -> Result<(), LakeError> {
    let folder = log.log_folder();
    let mut old = Vec::new();
    let entries = disk.list(&folder);
    for DiskEntry { name, path } in entries.map_err(LakeError::io("list", &folder))? {
        let digits = name.get(..20).and_then(|digits| digits.parse::<u64>().ok());
        let is_before = digits.is_some_and(|number| number < version);
        let metadata = disk.metadata(&path);
        if is_before && metadata.is_ok_and(|metadata| metadata.is_older_than(retention)) {
            old.push((digits, path));
        }
    }
    old.sort();
    for (_, path) in old {
        disk.remove(&path).map_err(LakeError::io("remove", &path))?;
    }
    Ok(())
}
