//! Vacuum: removal of files that no table and no reader needs.

use std::path::Path;
use std::time::Instant;

use headcount_catalog::{Table, TableId};
use headcount_log::disk::{Disk, DiskEntry};

use crate::delta::log::table_folder;
use crate::error::LakeError;
use crate::state::{LakeState, UpkeepProgress};

/// Removes Parquet files that have belonged to no table for the grace period: replaced ones, and leftovers of a crash.
pub(super) fn vacuum(
    state: &LakeState,
    progress: &mut UpkeepProgress,
    id: TableId,
    table: &Table,
) -> Result<(), LakeError> {
    let folder = table_folder(&state.root, table);
    if !state.disk.exists(&folder) {
        return Ok(());
    }
    let grace = state.options.vacuum_grace;
    for DiskEntry {
        name: day,
        path: day_folder,
    } in list(&*state.disk, &folder)?
    {
        if !day.starts_with("day=") {
            continue;
        }
        for DiskEntry { name, path } in list(&*state.disk, &day_folder)? {
            let active = state.logs[usize::from(id.0)]
                .lock()
                .contains(&format!("{day}/{name}"));
            if active {
                progress.inactive.remove(&path);
                continue;
            }
            let since = *progress
                .inactive
                .entry(path.clone())
                .or_insert_with(Instant::now);
            let metadata = state.disk.metadata(&path);
            // A file younger than that may be about to be committed.
            if since.elapsed() >= grace
                && metadata.is_ok_and(|metadata| metadata.is_older_than(grace))
            {
                state
                    .disk
                    .remove(&path)
                    .map_err(LakeError::io("remove", &path))?;
                progress.inactive.remove(&path);
            }
        }
    }
    Ok(())
}

fn list(disk: &dyn Disk, folder: &Path) -> Result<Vec<DiskEntry>, LakeError> {
    disk.list(folder).map_err(LakeError::io("list", folder))
}
