//! Measuring: how many rows there really are, in batches and in files.
//!
//! The unit is a row, and in a counter table one of what it counts, because its rows are summed up in merges.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use chrono::{DateTime, Utc};
use headcount_catalog::{Table, TableKind};
use headcount_log::disk::Disk;
use parquet::arrow::ProjectionMask;

use crate::counter;
use crate::delta::log::ActiveFile;
use crate::error::LakeError;
use crate::partition::{day_name, day_of, within_bounds};
use crate::table_file::{self, unreadable};

/// The table of the events that clients say they lost.
const LOSSES: &str = "losses";

/// How much is in a batch.
pub(crate) fn units(batch: &RecordBatch, kind: TableKind) -> u64 {
    match kind {
        TableKind::Event => batch.num_rows() as u64,
        TableKind::Counter => counter::total(batch),
    }
}

/// How much is in an active file of the table in `folder`: by its own footer, or by the counts in its rows.
///
/// # Errors
///
/// The file cannot be read; then nobody but the table's log knows.
pub(crate) fn units_in_file(
    disk: &dyn Disk,
    folder: &Path,
    file: &ActiveFile,
    kind: TableKind,
) -> Result<u64, LakeError> {
    let path = folder.join(&file.path);
    if kind == TableKind::Counter {
        return counts_in_file(disk, folder, file);
    }
    let opened = table_file::open(disk, &path, file.checksums.as_ref())?;
    let rows = opened.metadata().file_metadata().num_rows();
    let rows = u64::try_from(rows).unwrap_or_default();
    match (&file.deletion_vector, file.rows) {
        // The vector says which rows are left, and the log how many.
        (Some(_), Some(left)) => Ok(left.min(rows)),
        (Some(_), None) => Err(LakeError::DeletionVector { path }),
        (None, _) => Ok(rows),
    }
}

/// The sum of the column `count`.
pub(crate) fn counts_in_file(
    disk: &dyn Disk,
    folder: &Path,
    file: &ActiveFile,
) -> Result<u64, LakeError> {
    let path = folder.join(&file.path);
    if file.deletion_vector.is_some() {
        return Err(LakeError::DeletionVector { path });
    }
    let mut counted = 0;
    each_batch(disk, &path, file, "count", |batch| {
        counted += counter::total(batch);
    })?;
    Ok(counted)
}

/// Calls `note` with the batches of one column; with none where the file lacks it.
pub(crate) fn each_batch(
    disk: &dyn Disk,
    path: &Path,
    file: &ActiveFile,
    column: &str,
    mut note: impl FnMut(&RecordBatch),
) -> Result<(), LakeError> {
    let reader = table_file::open(disk, path, file.checksums.as_ref())?;
    if reader.schema().column_with_name(column).is_none() {
        return Ok(());
    }
    let mask = ProjectionMask::columns(reader.parquet_schema(), [column]);
    let reader = reader.with_projection(mask).with_batch_size(32 << 10);
    for batch in reader.build().map_err(unreadable(path))? {
        note(&batch.map_err(unreadable(path))?);
    }
    Ok(())
}

/// What the table's log says of a file, or the file itself: for files that are about to leave.
pub(crate) fn units_or_recorded(
    disk: &dyn Disk,
    folder: &Path,
    file: &ActiveFile,
    kind: TableKind,
) -> Option<u64> {
    let recorded = recorded(file, kind);
    recorded.or_else(|| units_in_file(disk, folder, file, kind).ok())
}

/// What the table's log says of a file.
pub(crate) fn recorded(file: &ActiveFile, kind: TableKind) -> Option<u64> {
    match kind {
        TableKind::Event => file.rows,
        TableKind::Counter => file.counted,
    }
}

/// How much is in batches that are in no file yet, by day.
pub(crate) fn units_by_day(
    batches: &[RecordBatch],
    kind: TableKind,
    now: DateTime<Utc>,
) -> BTreeMap<String, u64> {
    let mut days: BTreeMap<i64, u64> = BTreeMap::new();
    for batch in batches {
        let times = batch.column_by_name("time");
        let times = times.and_then(|times| times.as_primitive_opt::<TimestampMicrosecondType>());
        for row in 0..batch.num_rows() {
            let time = times.filter(|times| times.is_valid(row));
            let day = within_bounds(time.map(|times| day_of(times.value(row))), now);
            *days.entry(day).or_default() += units(&batch.slice(row, 1), kind);
        }
    }
    let days = days.into_iter();
    days.map(|(day, units)| (day_name(day), units)).collect()
}

/// Whether rows of the table are what clients say they lost.
pub(crate) fn is_losses(table: &Table) -> bool {
    table.name == LOSSES && table.column_index("count").is_some()
}
