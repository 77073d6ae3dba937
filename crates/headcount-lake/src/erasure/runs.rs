//! Prepares the operator's orders: finds the runs of the crews that they name, before the first row goes that names them.
//!
//! A row may name no crew's key, and be known by its run alone. Which runs a key or a project has is written in the rows that
//! are erased, so it is read first, and kept in the order's file: after a crash these rows may be gone. Rows that come meanwhile may go as
//! well; what they tell of runs is written down before their commit ([`RowFilter`](super::rows::RowFilter)), and looked for in another pass.

use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use hashbrown::HashSet;
use headcount_catalog::{CrewColumns, TableId};
use headcount_log::disk::Disk;
use headcount_log::erasure::{CrewNames, CrewOrder, CrewOrderState};
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

use super::crew_filter::{CrewFilter, present, unknown_runs};
use super::rows::project;
use crate::checksum::BlockChecksums;
use crate::delta::log::table_folder;
use crate::error::LakeError;
use crate::state::LakeState;
use crate::table_file::{self, unreadable};

/// Writes down the runs of those of `orders` that do not know them yet; returns the orders as they are then.
pub(super) fn prepare(
    state: &LakeState,
    orders: Vec<CrewOrder>,
) -> Result<Vec<CrewOrder>, LakeError> {
    let is_new = |order: &&CrewOrder| order.state == CrewOrderState::Accepted;
    let mut names: Vec<CrewNames> = orders
        .iter()
        .filter(is_new)
        .map(|order| CrewNames::clone(&order.names))
        .collect();
    if names.is_empty() {
        return Ok(orders);
    }
    for (id, _) in state.schema.iter() {
        find_in_table(state, id, &mut names)?;
    }
    for (order, names) in orders.iter().filter(is_new).zip(names) {
        state
            .crew_orders
            .prepared(order.number, &names.known_runs())?;
    }
    Ok(state.crew_orders.pending())
}

/// Notes the runs that the table's files name. All have to be read: a run that is missed would leave rows.
fn find_in_table(state: &LakeState, id: TableId, names: &mut [CrewNames]) -> Result<(), LakeError> {
    let table = state.schema.table(id).ok_or(LakeError::Closed)?;
    let folder = table_folder(&state.root, table);
    let search = RunSearch::new(table.crew_columns(), names);
    let mut read = HashSet::new();
    loop {
        let files = state.refresh(id)?;
        let unread = files.iter().filter(|file| !read.contains(&file.path));
        let unread: Vec<_> = unread.cloned().collect();
        if unread.is_empty() {
            return Ok(());
        }
        for file in unread {
            let (path, checksums) = (folder.join(&file.path), file.checksums.as_ref());
            match search.file(&*state.disk, &path, checksums, names) {
                // It was replaced meanwhile, by one that is in the next list.
                Err(LakeError::Io { source, .. })
                    if source.kind() == std::io::ErrorKind::NotFound
                        && !state.is_active(id, &file)? => {}
                result => {
                    let _is_known = result
                        .as_ref()
                        .is_err_and(|error| state.unreadable.note(error));
                    result?;
                }
            }
            read.insert(file.path);
        }
    }
}

/// A search for the runs of crews in the rows of one table.
pub(crate) struct RunSearch {
    columns: CrewColumns,
    /// The rows that name one of the crews.
    by_name: CrewFilter,
}

impl RunSearch {
    /// In a table with `columns`, for the crews that `names` names so far.
    pub(crate) fn new(columns: CrewColumns, names: &[CrewNames]) -> Self {
        let by_name = CrewColumns {
            id: None,
            ..columns
        };
        let wanted = names.iter().cloned().map(Arc::new).collect();
        Self {
            columns,
            by_name: CrewFilter::new(by_name, wanted),
        }
    }

    /// Notes the runs that one file names. Reads ids only where a row is of one of the crews.
    pub(crate) fn file(
        &self,
        disk: &dyn Disk,
        path: &Path,
        checksums: Option<&BlockChecksums>,
        names: &mut [CrewNames],
    ) -> Result<(), LakeError> {
        if self.columns.id.is_none() {
            return Ok(());
        }
        let reader = table_file::open(disk, path, checksums)?;
        let deciding = self.by_name.columns_to_read(reader.metadata());
        let deciding = present(reader.schema(), deciding);
        let Some(batches) = project(reader, path, &deciding)? else {
            return Ok(());
        };
        if !is_any_named(&self.by_name, batches, path)? {
            return Ok(());
        }
        let reader = table_file::open(disk, path, checksums)?;
        let all = present(reader.schema(), self.columns.names().collect());
        for batch in project(reader, path, &all)?.into_iter().flatten() {
            self.batch(&batch.map_err(unreadable(path))?, names)?;
        }
        Ok(())
    }

    /// Notes the runs that a batch names.
    pub(crate) fn batch(
        &self,
        batch: &RecordBatch,
        names: &mut [CrewNames],
    ) -> Result<(), LakeError> {
        for names in names.iter_mut() {
            let runs = unknown_runs(names, self.columns, batch)?;
            runs.into_iter().for_each(|run| names.note(run));
        }
        Ok(())
    }
}

fn is_any_named(
    filter: &CrewFilter,
    batches: ParquetRecordBatchReader,
    path: &Path,
) -> Result<bool, LakeError> {
    for batch in batches {
        if filter.matches(&batch.map_err(unreadable(path))?)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
