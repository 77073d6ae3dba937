//! Measuring: how many rows there really are, in batches and in files.
//!
//! The unit is a row, and in a counter table one of what it counts, because its rows are summed up in merges.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampMicrosecondType};
use headcount_catalog::{Table, TableKind};
use headcount_log::disk::Disk;
use parquet::arrow::ProjectionMask;

use crate::counter;
use crate::day::{day_name, day_of_row};
use crate::delta::log::{ActiveFile, DayUnits};
use crate::error::LakeError;
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
    each_batch(disk, &path, file, &["count"], |batch| {
        counted += counter::total(batch);
    })?;
    Ok(counted)
}

/// Calls `note` with the batches of these columns; with none where the file lacks all of them.
pub(crate) fn each_batch(
    disk: &dyn Disk,
    path: &Path,
    file: &ActiveFile,
    columns: &[&str],
    mut note: impl FnMut(&RecordBatch),
) -> Result<(), LakeError> {
    let reader = table_file::open(disk, path, file.checksums.as_ref())?;
    let is_there = |column: &&str| reader.schema().column_with_name(column).is_some();
    if !columns.iter().any(is_there) {
        return Ok(());
    }
    let mask = ProjectionMask::columns(reader.parquet_schema(), columns.iter().copied());
    let reader = reader.with_projection(mask).with_batch_size(32 << 10);
    for batch in reader.build().map_err(unreadable(path))? {
        note(&batch.map_err(unreadable(path))?);
    }
    Ok(())
}

/// The sums of the column `count` by day; all under the day of the partition, where the file has one.
pub(crate) fn counts_by_day(
    disk: &dyn Disk,
    folder: &Path,
    file: &ActiveFile,
) -> Result<DayUnits, LakeError> {
    match the_day(file) {
        Some(day) => Ok(one_day(day, counts_in_file(disk, folder, file)?)),
        None => days_of_rows(disk, folder, file, TableKind::Counter),
    }
}

/// How much is in an active file, by day: all under the day of its partition, where it has one. A file whose rows are of one day, by the
/// table's log, is not decoded for that.
///
/// # Errors
///
/// The file cannot be read, or has rows of several days and a deletion vector.
pub(crate) fn days_in_file(
    disk: &dyn Disk,
    folder: &Path,
    file: &ActiveFile,
    kind: TableKind,
) -> Result<DayUnits, LakeError> {
    match the_day(file) {
        Some(day) => Ok(one_day(day, units_in_file(disk, folder, file, kind)?)),
        None => days_of_rows(disk, folder, file, kind),
    }
}

/// How much is in an active file by the days of its rows, whatever its partition.
///
/// # Errors
///
/// As of [`days_in_file`].
pub(crate) fn days_of_rows(
    disk: &dyn Disk,
    folder: &Path,
    file: &ActiveFile,
    kind: TableKind,
) -> Result<DayUnits, LakeError> {
    let path = folder.join(&file.path);
    if file.deletion_vector.is_some() {
        return Err(LakeError::DeletionVector { path });
    }
    let mut days = BTreeMap::new();
    let columns: &[&str] = match kind {
        TableKind::Event => &["time"],
        TableKind::Counter => &["time", "count"],
    };
    each_batch(disk, &path, file, columns, |batch| {
        add_days(&mut days, batch, kind);
    })?;
    Ok(named(days))
}

/// What the table's log says of a file, or the file itself, by day: for files that are about to leave. `None` where nobody knows.
pub(crate) fn days_or_recorded(
    disk: &dyn Disk,
    folder: &Path,
    file: &ActiveFile,
    kind: TableKind,
) -> Option<DayUnits> {
    let recorded = recorded_days(file, kind);
    recorded.or_else(|| days_in_file(disk, folder, file, kind).ok())
}

/// What the table's log says of a file, by day.
pub(crate) fn recorded_days(file: &ActiveFile, kind: TableKind) -> Option<DayUnits> {
    match the_day(file) {
        Some(day) => Some(one_day(day, recorded(file, kind)?)),
        None => file.days.clone(),
    }
}

/// Each day under which rows of a file may count, by what the table's log says.
pub(crate) fn possible_days(file: &ActiveFile) -> Vec<String> {
    if let Some(days) = &file.days {
        return days.keys().cloned().collect();
    }
    if let Some(day) = the_day(file) {
        return vec![day];
    }
    let Some((least, greatest)) = file.time else {
        return vec![day_name(day_of_row(None))];
    };
    let days = day_of_row(Some(least))..=day_of_row(Some(greatest));
    days.map(day_name).collect()
}

/// What the table's log says of a file.
pub(crate) fn recorded(file: &ActiveFile, kind: TableKind) -> Option<u64> {
    match kind {
        TableKind::Event => file.rows,
        TableKind::Counter => file.counted,
    }
}

/// The one day under which all rows of a file count: that of its partition, or of its bounds.
fn the_day(file: &ActiveFile) -> Option<String> {
    if !file.day.is_empty() {
        return Some(file.day.clone());
    }
    let (least, greatest) = file.time?;
    let day = day_of_row(Some(least));
    (day == day_of_row(Some(greatest)) && file.days.is_none()).then(|| day_name(day))
}

fn one_day(day: String, units: u64) -> DayUnits {
    DayUnits::from([(day, units)])
}

/// How much is in batches, by day.
pub(crate) fn units_by_day<'b>(
    batches: impl IntoIterator<Item = &'b RecordBatch>,
    kind: TableKind,
) -> DayUnits {
    let mut days = BTreeMap::new();
    for batch in batches {
        add_days(&mut days, batch, kind);
    }
    named(days)
}

/// Adds how much is in a batch to `days`, counted from 1970.
pub(crate) fn add_days(days: &mut BTreeMap<i64, u64>, batch: &RecordBatch, kind: TableKind) {
    let times = times(batch);
    let counts = match kind {
        TableKind::Event => None,
        TableKind::Counter => batch.column_by_name("count"),
    };
    let counts = counts.and_then(|counts| counts.as_primitive_opt::<Int64Type>());
    // Rows of one day lie beside each other: one look-up for each stretch of them.
    let (mut current, mut sum) = (None, 0);
    for row in 0..batch.num_rows() {
        let time = times.as_ref().filter(|times| times.is_valid(row));
        let day = day_of_row(time.map(|times| times.value(row)));
        if current.is_some_and(|current| current != day) {
            flush_day(days, &mut current, &mut sum);
        }
        current = Some(day);
        sum += match (kind, counts) {
            (TableKind::Event, _) => 1,
            (TableKind::Counter, Some(counts)) if counts.is_valid(row) => {
                u64::try_from(counts.value(row)).unwrap_or_default()
            }
            (TableKind::Counter, _) => 0,
        };
    }
    flush_day(days, &mut current, &mut sum);
}

/// The times of the rows, in microseconds, in whichever unit another program stored them.
pub(crate) fn times(batch: &RecordBatch) -> Option<TimestampMicrosecondArray> {
    let column = batch.column_by_name("time")?;
    let zone = match column.data_type() {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => return None,
    };
    let micros = cast(column, &DataType::Timestamp(TimeUnit::Microsecond, zone)).ok()?;
    Some(micros.as_primitive::<TimestampMicrosecondType>().clone())
}

fn flush_day(days: &mut BTreeMap<i64, u64>, day: &mut Option<i64>, sum: &mut u64) {
    if let Some(day) = day.take() {
        *days.entry(day).or_default() += std::mem::take(sum);
    }
}

/// The days by their names.
pub(crate) fn named(days: BTreeMap<i64, u64>) -> DayUnits {
    let days = days.into_iter();
    days.map(|(day, units)| (day_name(day), units)).collect()
}

/// Whether rows of the table are what clients say they lost.
pub(crate) fn is_losses(table: &Table) -> bool {
    table.name == LOSSES && table.column_index("count").is_some()
}
