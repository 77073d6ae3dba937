//! Proof of retention: how old a table's rows are, by what its files hold.

use std::time::Duration;

use arrow::array::RecordBatch;
use chrono::{DateTime, TimeDelta, Utc};
use headcount_log::disk::Disk;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;

use super::measure;
use crate::delta::log::{ActiveFile, TableLog};
use crate::error::LakeError;
use crate::table_file;

/// How much longer than its days a row may be there: it is removed within an hour, by a round an hour, the first of which comes an
/// hour after a start.
const GRACE: TimeDelta = TimeDelta::hours(3);

/// How old the rows of a table are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TableRetention {
    /// For how many days from its `time` a row may be kept; `None` for ever.
    pub days: Option<u32>,
    /// The least `time` of a row, microseconds since 1970 UTC; `None` without rows, or where none has a time.
    pub oldest: Option<i64>,
    /// Rows that are more than three hours over their time, in files that are older than that.
    pub kept_too_long: u64,
}

/// Of the table of `log`, with the rows that are in no file yet. `days` is for how long they may be kept.
///
/// # Errors
///
/// The operating system refuses to read a file. A damaged one is passed over: its rows cannot be read by anybody.
pub(super) fn of_table(
    disk: &dyn Disk,
    log: &TableLog,
    in_memory: &[RecordBatch],
    days: Option<u32>,
    now: DateTime<Utc>,
) -> Result<TableRetention, LakeError> {
    let limit =
        days.map(|days| (now - TimeDelta::days(i64::from(days)) - GRACE).timestamp_micros());
    let mut retention = TableRetention {
        days,
        ..TableRetention::default()
    };
    let mut note = |time: Option<i64>| {
        let known = retention.oldest;
        retention.oldest = known.into_iter().chain(time).min();
    };
    in_memory.iter().map(oldest).for_each(&mut note);
    let mut suspects = Vec::new();
    for file in log.files().iter() {
        let in_file = match oldest_in_file(disk, log, file) {
            Err(error @ LakeError::Io { .. }) => return Err(error),
            in_file => in_file.ok().flatten(),
        };
        note(in_file);
        if limit.is_some_and(|limit| in_file.is_some_and(|oldest| oldest < limit)) {
            suspects.push(file.clone());
        }
    }
    for file in suspects {
        let path = log.folder.join(&file.path);
        let grace = Duration::from_secs(GRACE.num_seconds().unsigned_abs());
        let is_old = disk.metadata(&path);
        // Rows that came late are too old from the beginning.
        if is_old.is_ok_and(|metadata| metadata.is_older_than(grace)) {
            let mut kept = 0;
            let counted = measure::each_batch(disk, &path, &file, &["time"], |batch| {
                let times = measure::times(batch);
                let times = times.iter().flat_map(|times| times.iter().flatten());
                let over = times.filter(|time| limit.is_some_and(|limit| *time < limit));
                kept += over.count() as u64;
            });
            if let Err(error @ LakeError::Io { .. }) = counted {
                return Err(error);
            }
            retention.kept_too_long += kept;
        }
    }
    Ok(retention)
}

fn oldest(batch: &RecordBatch) -> Option<i64> {
    arrow::compute::min(&measure::times(batch)?)
}

/// By the statistics in the file itself; by the table's log where the file has none.
fn oldest_in_file(
    disk: &dyn Disk,
    log: &TableLog,
    file: &ActiveFile,
) -> Result<Option<i64>, LakeError> {
    let path = log.folder.join(&file.path);
    let opened = table_file::open(disk, &path, file.checksums.as_ref())?;
    let by_log = file.time.map(|(least, _)| least);
    let (schema, parquet_schema) = (opened.schema(), opened.parquet_schema());
    let Ok(converter) = StatisticsConverter::try_new("time", schema, parquet_schema) else {
        return Ok(by_log);
    };
    let Ok(least) = converter.row_group_mins(opened.metadata().row_groups()) else {
        return Ok(by_log);
    };
    let batch = RecordBatch::try_from_iter([("time", least)])?;
    Ok(oldest(&batch).or(by_log))
}
