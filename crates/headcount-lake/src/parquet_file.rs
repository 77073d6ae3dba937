//! Parquet files: rows of a table, sorted by time.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::{SortOptions, concat_batches, sort_to_indices, take_record_batch};
use arrow::datatypes::{DataType, SchemaRef, TimestampMicrosecondType};
use chrono::{DateTime, TimeDelta, Utc};
use headcount_catalog::TableKind;
use headcount_log::disk::Disk;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;

use crate::account::measure;
use crate::checksum::ChecksummedFile;
use crate::day::day_of_row;
use crate::delta::log::ActiveFile;
use crate::error::LakeError;

/// Rows per row group: enough for its dictionaries to pay, few enough to sort in memory.
pub(crate) const ROW_GROUP_ROWS: usize = 128 << 10;

/// Rows whose time is so long before a flush, or so long after it, are near it.
const NEAR_BEFORE: TimeDelta = TimeDelta::days(2);
const NEAR_AFTER: TimeDelta = TimeDelta::days(1);

/// The rows in the order of their time; those without one come first.
pub(crate) fn sorted_by_time(batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
    let Some(time) = batch.column_by_name("time") else {
        return Ok(batch.clone());
    };
    let options = SortOptions {
        descending: false,
        nulls_first: true,
    };
    let order = sort_to_indices(time, Some(options), None)?;
    Ok(take_record_batch(batch, &order)?)
}

/// The rows of `sorted` in at most two parts, each for a file of its own: those whose time is near `now`, and those far from it. So a flush
/// makes no more files than that, whatever senders say about time, and a question about the last days need not read what is far.
pub(crate) fn near_and_far(
    sorted: &RecordBatch,
    now: DateTime<Utc>,
) -> Result<Vec<RecordBatch>, LakeError> {
    let times = sorted.column_by_name("time");
    let times = times.and_then(|times| times.as_primitive_opt::<TimestampMicrosecondType>());
    let Some(times) = times else {
        return Ok(vec![sorted.clone()]);
    };
    // Rows without a time come first, and are far from now.
    let untimed = times.null_count();
    let (since, until) = (
        (now - NEAR_BEFORE).timestamp_micros(),
        (now + NEAR_AFTER).timestamp_micros(),
    );
    let timed = &times.values()[untimed..];
    let begin = untimed + timed.partition_point(|time| *time < since);
    let end = untimed + timed.partition_point(|time| *time < until);
    let near = sorted.slice(begin, end - begin);
    let far = match (begin, sorted.num_rows() - end) {
        (begin, 0) => sorted.slice(0, begin),
        (0, _) => sorted.slice(end, sorted.num_rows() - end),
        (begin, after) => {
            let parts = [sorted.slice(0, begin), sorted.slice(end, after)];
            concat_batches(&sorted.schema(), &parts)?
        }
    };
    let parts = [far, near].into_iter();
    Ok(parts.filter(|part| part.num_rows() > 0).collect())
}

/// Whether we gave a file its name. A file of another program may be about to be committed, whatever it holds.
pub(crate) fn is_ours(name: &str) -> bool {
    let stem = name.strip_suffix(".parquet");
    stem.is_some_and(|stem| stem.len() == 36 && uuid::Uuid::try_parse(stem).is_ok())
}

/// A file being written. It is removed if it is dropped before it is finished.
pub(crate) struct ParquetFile<'a> {
    disk: &'a dyn Disk,
    table_folder: &'a Path,
    name: String,
    writer: ArrowWriter<ChecksummedFile>,
    rows: u64,
    time: Option<(i64, i64)>,
    kind: TableKind,
    /// How much there is of each day, counted from 1970.
    days: BTreeMap<i64, u64>,
    is_finished: bool,
}

impl<'a> ParquetFile<'a> {
    /// Begins a file of a table of this kind, compressed with zstd at `level`.
    pub(crate) fn create(
        disk: &'a dyn Disk,
        table_folder: &'a Path,
        kind: TableKind,
        schema: &SchemaRef,
        level: i32,
    ) -> Result<Self, LakeError> {
        let name = format!("{}.parquet", uuid::Uuid::new_v4());
        let path = table_folder.join(&name);
        disk.create_folder(table_folder)
            .map_err(LakeError::io("create", table_folder))?;
        let file = disk.create(&path).map_err(LakeError::io("create", &path))?;
        let file = ChecksummedFile::new(file);
        let writer = properties(schema, level).and_then(|properties| {
            let writer = ArrowWriter::try_new(file, Arc::clone(schema), Some(properties));
            Ok(writer?)
        });
        let writer = writer.inspect_err(|_| {
            // One that stays is vacuumed later.
            let _ = disk.remove(&path);
        })?;
        Ok(Self {
            disk,
            table_folder,
            name,
            writer,
            rows: 0,
            time: None,
            kind,
            days: BTreeMap::new(),
            is_finished: false,
        })
    }

    /// Adds rows.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        self.rows += batch.num_rows() as u64;
        measure::add_days(&mut self.days, batch, self.kind);
        let times = batch.column_by_name("time");
        let times = times.and_then(|times| times.as_primitive_opt::<TimestampMicrosecondType>());
        if let Some(times) = times {
            let bounds = arrow::compute::min(times).zip(arrow::compute::max(times));
            self.time = match (self.time, bounds) {
                (Some(ours), Some(theirs)) => Some((ours.0.min(theirs.0), ours.1.max(theirs.1))),
                (ours, theirs) => ours.or(theirs),
            };
        }
        Ok(self.writer.write(batch)?)
    }

    /// Ends the row group; what follows is compressed apart.
    pub(crate) fn end_row_group(&mut self) -> Result<(), LakeError> {
        Ok(self.writer.flush()?)
    }

    /// Bytes written so far.
    pub(crate) fn bytes_written(&self) -> usize {
        self.writer.bytes_written()
    }

    /// Completes the file; it and its name are durable afterwards.
    pub(crate) fn finish(mut self) -> Result<ActiveFile, LakeError> {
        let path = self.table_folder.join(&self.name);
        // The footer is in the file itself; its copy in memory is not needed.
        let _ = self.writer.finish()?;
        let checksums = self.writer.inner().checksums();
        let synced = self.writer.inner_mut().sync();
        synced.map_err(LakeError::io("sync", &path))?;
        self.disk
            .sync_folder(self.table_folder)
            .map_err(LakeError::io("sync", self.table_folder))?;
        let metadata = self.disk.metadata(&path);
        let size = metadata.map_err(LakeError::io("read", &path))?.length;
        self.is_finished = true;
        let counted = (self.kind == TableKind::Counter).then(|| self.days.values().sum());
        // Where the log's bounds of time name one day, they say enough.
        let is_told = self.days.len() <= 1 && self.time.is_some_and(is_one_day_in_the_log);
        let days = (!is_told).then(|| measure::named(std::mem::take(&mut self.days)));
        Ok(ActiveFile {
            log_path: self.name.clone(),
            path: self.name.clone(),
            size,
            rows: Some(self.rows),
            day: String::new(),
            days,
            time: self.time,
            counted,
            deletion_vector: None,
            checksums: Some(checksums),
        })
    }
}

/// Whether bounds of time are of one day also once they are rounded as in the log.
fn is_one_day_in_the_log((least, greatest): (i64, i64)) -> bool {
    let (least, greatest) = crate::delta::commit::rounded(least, greatest);
    let (least, greatest) = (least.saturating_mul(1000), greatest.saturating_mul(1000));
    day_of_row(Some(least)) == day_of_row(Some(greatest.saturating_add(999)))
}

impl Drop for ParquetFile<'_> {
    fn drop(&mut self) {
        if !self.is_finished {
            // One that stays is vacuumed later.
            let _ = self.disk.remove(&self.table_folder.join(&self.name));
        }
    }
}

fn properties(schema: &SchemaRef, level: i32) -> Result<WriterProperties, LakeError> {
    let compression = Compression::ZSTD(ZstdLevel::try_new(level)?);
    // In hexadecimal digits there are no matches to be found but accidental ones, which cost more than they save: the lowest
    // level makes 18.4 bytes of a UUID, level 7 makes 19.1.
    let random_text = Compression::ZSTD(ZstdLevel::try_new(1)?);
    let mut properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(compression)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_created_by(concat!("headcount ", env!("CARGO_PKG_VERSION")).to_owned());
    for field in schema.fields() {
        let path = ColumnPath::from(field.name().as_str());
        // Times are nearly sorted and hardly repeat: differences are small, a dictionary is not.
        if matches!(field.data_type(), DataType::Timestamp(..)) {
            properties = properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path.clone(), Encoding::DELTA_BINARY_PACKED);
        }
        // Measured numbers never repeat either.
        if *field.data_type() == DataType::Float64 {
            properties = properties.set_column_dictionary_enabled(path.clone(), false);
        }
        match Randomness::of(field.name()) {
            Randomness::None => {}
            Randomness::Keys => {
                // Whether a row group holds rows without a key: a question about them reads nothing where it does not.
                properties = properties
                    .set_column_compression(path.clone(), random_text)
                    .set_column_statistics_enabled(path.clone(), EnabledStatistics::Chunk);
            }
            Randomness::Ids => {
                properties = properties
                    .set_column_compression(path.clone(), random_text)
                    .set_column_dictionary_enabled(path.clone(), false)
                    .set_column_encoding(path.clone(), Encoding::DELTA_LENGTH_BYTE_ARRAY);
            }
        }
        if field.name() == "time" {
            properties = properties.set_column_statistics_enabled(path, EnabledStatistics::Page);
        }
    }
    Ok(properties.build())
}

/// Which texts of a column are random digits, as the catalog names its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Randomness {
    None,
    /// Keyed hashes and imprints: equal ones come again all over a file, so a dictionary pays.
    Keys,
    /// UUIDs of objects: they come again, if at all, in rows close by, which the compressor sees without a dictionary.
    Ids,
}

impl Randomness {
    fn of(column: &str) -> Self {
        match column {
            "id" | "crew_id" | "task_id" => Self::Ids,
            "key" | "project_id" | headcount_catalog::RECEIPT_COLUMN => Self::Keys,
            _ if column.ends_with("_key") => Self::Keys,
            _ => Self::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::TimestampMicrosecondArray;

    use super::*;

    const DAY: i64 = 86_400_000_000;

    #[test]
    fn a_flush_has_a_part_near_now_and_one_far_from_it() {
        let now: DateTime<Utc> = "2026-11-30T12:00:00Z".parse().unwrap();
        let parts = |ages: &[Option<i64>]| {
            let times = ages.iter();
            let times = times.map(|age| Some(now.timestamp_micros() - (*age)? * DAY));
            let times = TimestampMicrosecondArray::from_iter(times).with_timezone("UTC");
            let rows = RecordBatch::try_from_iter([("time", Arc::new(times) as _)]).unwrap();
            let parts = near_and_far(&sorted_by_time(&rows).unwrap(), now).unwrap();
            parts.iter().map(RecordBatch::num_rows).collect::<Vec<_>>()
        };
        assert_eq!(parts(&[Some(0), Some(1), Some(2)]), [3]);
        assert_eq!(parts(&[Some(3), Some(400)]), [2]);
        assert_eq!(parts(&[Some(-1), Some(-400)]), [2]);
        assert_eq!(parts(&[None, Some(3), Some(-2), Some(0), Some(1)]), [3, 2]);
        assert_eq!(parts(&[None, Some(0)]), [1, 1]);
        assert_eq!(parts(&[]), [0_usize; 0]);
        let year: Vec<_> = (-100..500).map(Some).collect();
        assert_eq!(parts(&year), [600 - 3, 3]);
    }
}
