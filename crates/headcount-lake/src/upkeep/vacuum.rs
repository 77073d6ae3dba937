//! Vacuum: removal of files that no table and no reader needs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use headcount_catalog::TableId;
use headcount_log::disk::{Disk, DiskEntry};

use super::room;
use crate::delta::log::table_folder;
use crate::error::LakeError;
use crate::parquet_file::is_ours;
use crate::state::LakeState;
use crate::table_files::{self, FoundFile};

/// Removes Parquet files that have belonged to no table for the grace period: replaced ones, and leftovers of a crash. `inactive` remembers
/// since when each of them has been seen so.
pub(super) fn vacuum(
    state: &LakeState,
    inactive: &mut HashMap<PathBuf, Instant>,
    id: TableId,
) -> Result<(), LakeError> {
    let table = state.schema.table(id).ok_or(LakeError::Closed)?;
    let folder = table_folder(&state.root, table);
    if !state.disk.exists(&folder) {
        return Ok(());
    }
    state.durable_files(id)?;
    let grace = state.options.vacuum_grace;
    // Our own files need not wait for longer than a reader may take.
    let own_grace = match room::is_short(state, &folder) {
        true => grace.min(state.options.erasure_grace),
        false => grace,
    };
    remove_unfinished(&*state.disk, &folder.join("_delta_log"), grace)?;
    let is_active = |path: &Path| {
        let name = path.strip_prefix(&folder).ok()?.to_str()?;
        Some(state.logs[usize::from(id.0)].lock().contains_path(name))
    };
    // `None` for files of other tables.
    state
        .unreadable
        .retain(|path| is_active(path) != Some(false));
    for FoundFile {
        relative,
        name,
        path,
    } in table_files::list(&*state.disk, &folder)?
    {
        if state.logs[usize::from(id.0)]
            .lock()
            .contains_path(&relative)
        {
            inactive.remove(&path);
            continue;
        }
        let since = *inactive.entry(path.clone()).or_insert_with(Instant::now);
        let grace = if is_ours(&name) { own_grace } else { grace };
        let metadata = state.disk.metadata(&path);
        // A file younger than that may be about to be committed.
        if since.elapsed() >= grace && metadata.is_ok_and(|metadata| metadata.is_older_than(grace))
        {
            state
                .disk
                .remove(&path)
                .map_err(LakeError::io("remove", &path))?;
            inactive.remove(&path);
            state.activity.removed_files.add(1);
        }
    }
    Ok(())
}

/// Removes files of a log that a crash, or a full disk, left before they got their names.
fn remove_unfinished(disk: &dyn Disk, log_folder: &Path, grace: Duration) -> Result<(), LakeError> {
    if !disk.exists(log_folder) {
        return Ok(());
    }
    for DiskEntry { name, path } in list(disk, log_folder)? {
        let is_unfinished = name.starts_with("_commit_") && name.ends_with(".json.tmp")
            || name.ends_with(".checkpoint.parquet.tmp");
        // Another program may be about to give a younger one its name.
        if is_unfinished
            && disk
                .metadata(&path)
                .is_ok_and(|metadata| metadata.is_older_than(grace))
        {
            disk.remove(&path).map_err(LakeError::io("remove", &path))?;
        }
    }
    Ok(())
}

fn list(disk: &dyn Disk, folder: &Path) -> Result<Vec<DiskEntry>, LakeError> {
    disk.list(folder).map_err(LakeError::io("list", folder))
}
