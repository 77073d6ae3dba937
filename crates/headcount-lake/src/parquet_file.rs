//! Parquet files: a table's rows of one UTC day, sorted by time.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::{SortOptions, sort_to_indices, take_record_batch};
use arrow::datatypes::{DataType, SchemaRef, TimestampMicrosecondType};
use chrono::{DateTime, Utc};
use headcount_catalog::TableKind;
use headcount_log::disk::Disk;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;

use crate::checksum::ChecksummedFile;
use crate::counter;
use crate::delta::log::ActiveFile;
use crate::error::LakeError;
use crate::partition::{Partitions, day_name, day_of, within_bounds};

/// Rows per row group: enough for its dictionaries to pay, few enough to sort in memory.
pub(crate) const ROW_GROUP_ROWS: usize = 128 << 10;

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

/// The stretches of `sorted` that belong to one partition each, with the partitions' names.
pub(crate) fn days(sorted: &RecordBatch, now: DateTime<Utc>) -> Vec<(String, Range<usize>)> {
    let times = sorted.column_by_name("time");
    let times = times.and_then(|times| times.as_primitive_opt::<TimestampMicrosecondType>());
    let day = |row: usize| {
        let times = times.filter(|times| times.is_valid(row));
        within_bounds(times.map(|times| day_of(times.value(row))), now)
    };
    let partitions = Partitions::of((0..sorted.num_rows()).map(day));
    let mut stretches: Vec<(i64, Range<usize>)> = Vec::new();
    for row in 0..sorted.num_rows() {
        let partition = partitions.partition(day(row));
        match stretches.last_mut() {
            Some((last, rows)) if *last == partition => rows.end = row + 1,
            _ => stretches.push((partition, row..row + 1)),
        }
    }
    let named = stretches.into_iter();
    named
        .map(|(partition, rows)| (day_name(partition), rows))
        .collect()
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
    day: String,
    writer: ArrowWriter<ChecksummedFile>,
    rows: u64,
    time: Option<(i64, i64)>,
    /// The sum of the counts, for a file of a counter table.
    counted: Option<u64>,
    is_finished: bool,
}

impl<'a> ParquetFile<'a> {
    /// Begins a file of `day`, compressed with zstd at `level`.
    pub(crate) fn create(
        disk: &'a dyn Disk,
        table_folder: &'a Path,
        day: &str,
        schema: &SchemaRef,
        level: i32,
    ) -> Result<Self, LakeError> {
        let name = format!("day={day}/{}.parquet", uuid::Uuid::new_v4());
        let path = table_folder.join(&name);
        let folder = table_folder.join(format!("day={day}"));
        disk.create_folder(&folder)
            .map_err(LakeError::io("create", &folder))?;
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
            day: day.to_owned(),
            writer,
            rows: 0,
            time: None,
            counted: None,
            is_finished: false,
        })
    }

    /// The same for a file of a table of this kind.
    pub(crate) fn of(mut self, kind: TableKind) -> Self {
        self.counted = (kind == TableKind::Counter).then_some(0);
        self
    }

    /// Adds rows.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        self.rows += batch.num_rows() as u64;
        if let Some(counted) = &mut self.counted {
            *counted += counter::total(batch);
        }
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
        let folder = self.table_folder.join(format!("day={}", self.day));
        self.disk
            .sync_folder(&folder)
            .map_err(LakeError::io("sync", &folder))?;
        let metadata = self.disk.metadata(&path);
        let size = metadata.map_err(LakeError::io("read", &path))?.length;
        self.is_finished = true;
        Ok(ActiveFile {
            log_path: self.name.clone(),
            path: self.name.clone(),
            size,
            rows: Some(self.rows),
            day: self.day.clone(),
            time: self.time,
            counted: self.counted,
            deletion_vector: None,
            checksums: Some(checksums),
        })
    }
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

    /// The partitions of rows that are `ages` days old.
    fn partitions(ages: impl Iterator<Item = i64>, now: DateTime<Utc>) -> Vec<(String, usize)> {
        let times = ages.map(|age| now.timestamp_micros() - age * DAY);
        let times = TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC");
        let rows = RecordBatch::try_from_iter([("time", Arc::new(times) as _)]).unwrap();
        let days = days(&sorted_by_time(&rows).unwrap(), now);
        let last = days.last().map_or(0, |(_, rows)| rows.end);
        assert_eq!(last, rows.num_rows());
        days.into_iter()
            .map(|(day, rows)| (day, rows.len()))
            .collect()
    }

    #[test]
    fn each_day_is_a_partition_unless_there_are_very_many() {
        let now = "2026-11-30T12:00:00Z".parse().unwrap();
        let few = partitions(0..32, now);
        assert_eq!(few.len(), 32);
        assert_eq!(few[0], ("2026-10-30".to_owned(), 1));
        let many = partitions(-1..400, now);
        assert_eq!(many.len(), 14 + 8, "{many:?}");
        assert_eq!(many[0], ("2025-10-01".to_owned(), 5));
        assert_eq!(many[13], ("2026-11-01".to_owned(), 23));
        assert_eq!(many[14], ("2026-11-24".to_owned(), 1));
        assert_eq!(many[21], ("2026-12-01".to_owned(), 1));
    }
}
