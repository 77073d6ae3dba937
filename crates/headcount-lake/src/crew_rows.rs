//! What is stored about some crews: the rows that an order to erase them would erase.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use arrow::datatypes::TimestampMicrosecondType;
use arrow::row::{RowConverter, SortField};
use headcount_catalog::{Table, TableId};
use headcount_log::disk::RealDisk;
use headcount_log::erasure::{CrewNames, CrewSelection};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowPredicateFn, ParquetRecordBatchReader, RowFilter};

use crate::delta::log::{ActiveFile, table_folder};
use crate::erasure::crew_filter::{CrewFilter, present};
use crate::erasure::rows::{BATCH_ROWS, project};
use crate::erasure::runs::RunSearch;
use crate::error::LakeError;
use crate::rewrite::widened;
use crate::snapshot::LakeSnapshot;
use crate::table_file::{self, unreadable};

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// The rows of some crews in a snapshot. Its calls block for as long as reading takes.
#[derive(Debug)]
pub struct CrewRows {
    snapshot: LakeSnapshot,
    names: Arc<CrewNames>,
    disk: RealDisk,
}

/// Where a table's rows of the crews are.
#[derive(Debug, Default)]
struct Places {
    rows: u64,
    /// The UTC days of the rows' times, counted from 1970; `None` for rows without a time.
    days: BTreeMap<Option<i64>, Vec<ActiveFile>>,
}

impl LakeSnapshot {
    /// The rows of the crews that `selection` names. Blocks for as long as it takes to read the columns that tell whose each row is.
    ///
    /// A damaged file is left out, and [`LakeSnapshot::missing_rows`] tells.
    ///
    /// # Errors
    ///
    /// The operating system refuses to read a file, or gives no random bytes.
    pub fn crew_rows(&self, selection: &CrewSelection) -> Result<CrewRows, LakeError> {
        let names = CrewNames::new(selection);
        let mut names = [names.map_err(LakeError::io("draw random bytes for", "a selection"))?];
        let disk = RealDisk::default();
        for (id, table) in self.layout.schema.iter() {
            let search = RunSearch::new(table.crew_columns(), &names);
            for file in self.files[usize::from(id.0)].iter() {
                let path = table_folder(&self.root, table).join(&file.path);
                let checksums = file.checksums.as_ref();
                self.pass_over(search.file(&disk, &path, checksums, &mut names))?;
            }
            for batch in self.rows_in_memory(id) {
                search.batch(batch, &mut names)?;
            }
        }
        let [names] = names;
        Ok(CrewRows {
            snapshot: self.clone(),
            names: Arc::new(names),
            disk,
        })
    }

    /// The result without an error that names a file which cannot be read: the file is noted instead.
    fn pass_over<T: Default>(&self, result: Result<T, LakeError>) -> Result<T, LakeError> {
        match result {
            Err(error) if self.unreadable.note(&error) => Ok(T::default()),
            result => result,
        }
    }
}

impl CrewRows {
    /// The snapshot that they are in.
    pub fn snapshot(&self) -> &LakeSnapshot {
        &self.snapshot
    }

    /// The number of runs of the crews' keys and projects.
    pub fn run_count(&self) -> usize {
        self.names.run_count()
    }

    /// Whether a table can hold rows that are known to be of a crew. What others hold cannot be traced to one.
    pub fn may_be_in(table: &Table) -> bool {
        table.crew_columns().names().next().is_some()
    }

    /// The number of rows in a table.
    ///
    /// # Errors
    ///
    /// The operating system refuses to read a file.
    pub fn count(&self, table: TableId) -> Result<u64, LakeError> {
        Ok(self.places(table)?.rows)
    }

    /// Calls `show` with the rows of a table, in the catalog's columns, a day at a time: those without a time first, then by time, and
    /// equal times by all other columns. So the order depends on the rows alone. Memory holds the crews' rows of one day.
    ///
    /// # Errors
    ///
    /// The operating system refuses to read a file, or `show` fails.
    pub fn each_day<E: From<LakeError>>(
        &self,
        table: TableId,
        mut show: impl FnMut(&RecordBatch) -> Result<(), E>,
    ) -> Result<(), E> {
        let days = self.places(table)?.days;
        for (day, files) in &days {
            let mut found = Vec::new();
            for file in files {
                let in_file = self.read_file(table, file);
                found.extend(self.snapshot.pass_over(in_file)?);
            }
            for batch in self.snapshot.rows_in_memory(table) {
                found.extend(self.matching(table, batch)?);
            }
            show(&self.of_day(table, *day, &found)?)?;
        }
        Ok(())
    }

    /// Those of the rows that are of the day, in their order.
    fn of_day(
        &self,
        table: TableId,
        day: Option<i64>,
        found: &[RecordBatch],
    ) -> Result<RecordBatch, LakeError> {
        let schema = &self.snapshot.layout.arrow[usize::from(table.0)];
        let mut of_day = Vec::new();
        for batch in found {
            let kept: BooleanArray = days_of(batch).map(|of| Some(of == day)).collect();
            of_day.push(filter_record_batch(batch, &kept)?);
        }
        sorted(&concat_batches(schema, &of_day)?)
    }

    fn filter(&self, table: &Table) -> CrewFilter {
        CrewFilter::new(table.crew_columns(), vec![Arc::clone(&self.names)])
    }

    fn places(&self, id: TableId) -> Result<Places, LakeError> {
        let mut places = Places::default();
        let Some(table) = self.snapshot.layout.schema.table(id) else {
            return Ok(places);
        };
        if let Some(refusal) = &self.snapshot.refusals[usize::from(id.0)] {
            return Err(LakeError::Broken(Arc::clone(refusal)));
        }
        let filter = self.filter(table);
        for file in self.snapshot.files[usize::from(id.0)].iter() {
            let path = table_folder(&self.snapshot.root, table).join(&file.path);
            let found = self.days_in_file(&filter, &path, file);
            for (day, rows) in self.snapshot.pass_over(found)? {
                places.rows += rows;
                places.days.entry(day).or_default().push(file.clone());
            }
        }
        for batch in self.snapshot.rows_in_memory(id) {
            if let Some(batch) = self.matching(id, batch)? {
                places.rows += batch.num_rows() as u64;
                for day in days_of(&batch) {
                    places.days.entry(day).or_default();
                }
            }
        }
        Ok(places)
    }

    /// How many of a file's rows are of the crews, by day. Reads the columns that decide, and the times where there are such rows.
    fn days_in_file(
        &self,
        filter: &CrewFilter,
        path: &Path,
        file: &ActiveFile,
    ) -> Result<BTreeMap<Option<i64>, u64>, LakeError> {
        let mut days = BTreeMap::new();
        let reader = table_file::open(&self.disk, path, file.checksums.as_ref())?;
        let mut columns = present(reader.schema(), filter.columns_to_read(reader.metadata()));
        if columns.is_empty() {
            return Ok(days);
        }
        if file.deletion_vector.is_some() {
            let path = path.to_path_buf();
            return Err(LakeError::DeletionVector { path });
        }
        columns.push("time");
        for batch in project(reader, path, &columns)?.into_iter().flatten() {
            let batch = batch.map_err(unreadable(path))?;
            if let Some(matches) = filter.matches(&batch)? {
                let of = days_of(&batch).zip(matches);
                for (day, _) in of.filter(|(_, order)| order.is_some()) {
                    *days.entry(day).or_default() += 1;
                }
            }
        }
        Ok(days)
    }

    /// The crews' rows of a file; of the others, only the columns that decide are decoded.
    fn read_file(&self, id: TableId, file: &ActiveFile) -> Result<Vec<RecordBatch>, LakeError> {
        let table = self.snapshot.layout.schema.table(id);
        let table = table.ok_or(LakeError::Closed)?;
        let path = table_folder(&self.snapshot.root, table).join(&file.path);
        let schema = &self.snapshot.layout.arrow[usize::from(id.0)];
        let mut found = Vec::new();
        for batch in self.matching_in_file(table, &path, file)? {
            let batch = widened(&batch.map_err(unreadable(&path))?, schema);
            found.push(batch.map_err(|error| LakeError::IncompatibleFile {
                path: path.clone(),
                reason: error.to_string(),
            })?);
        }
        Ok(found)
    }

    fn matching_in_file(
        &self,
        table: &Table,
        path: &Path,
        file: &ActiveFile,
    ) -> Result<ParquetRecordBatchReader, LakeError> {
        let reader = table_file::open(&self.disk, path, file.checksums.as_ref())?;
        let filter = self.filter(table);
        let columns = present(reader.schema(), filter.columns_to_read(reader.metadata()));
        let mask = ProjectionMask::columns(reader.parquet_schema(), columns.iter().copied());
        let predicate = ArrowPredicateFn::new(mask, move |batch| {
            let matches = filter.matches(&batch);
            let matches = matches
                .map_err(|error| arrow::error::ArrowError::ExternalError(Box::new(error)))?;
            Ok(match matches {
                Some(matches) => matches.iter().map(|of| Some(of.is_some())).collect(),
                None => BooleanArray::from(vec![false; batch.num_rows()]),
            })
        });
        let reader = reader
            .with_row_filter(RowFilter::new(vec![Box::new(predicate)]))
            .with_batch_size(BATCH_ROWS);
        reader.build().map_err(unreadable(path))
    }

    /// The crews' rows of a batch.
    fn matching(&self, id: TableId, batch: &RecordBatch) -> Result<Option<RecordBatch>, LakeError> {
        let table = self.snapshot.layout.schema.table(id);
        let table = table.filter(|table| Self::may_be_in(table));
        let matches = match table {
            Some(table) => self.filter(table).matches(batch)?,
            None => None,
        };
        let Some(matches) = matches else {
            return Ok(None);
        };
        let kept: BooleanArray = matches.iter().map(|of| Some(of.is_some())).collect();
        Ok(Some(filter_record_batch(batch, &kept)?))
    }

    /// The tables that can hold rows of crews, in the catalog's order.
    pub fn tables(&self) -> BTreeSet<TableId> {
        let tables = self.snapshot.layout.schema.iter();
        let tables = tables.filter(|(_, table)| Self::may_be_in(table));
        tables.map(|(id, _)| id).collect()
    }
}

/// The UTC day of each row's time.
fn days_of(batch: &RecordBatch) -> impl Iterator<Item = Option<i64>> + '_ {
    let times = batch.column_by_name("time");
    let times = times.and_then(|times| times.as_primitive_opt::<TimestampMicrosecondType>());
    (0..batch.num_rows()).map(move |row| {
        let times = times.filter(|times| times.is_valid(row))?;
        Some(times.value(row).div_euclid(DAY))
    })
}

/// The rows in the order of their columns, of which the time is the first.
fn sorted(batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
    let fields = batch.schema_ref().fields().iter();
    let fields = fields.map(|field| SortField::new(field.data_type().clone()));
    let converter = RowConverter::new(fields.collect())?;
    let rows = converter.convert_columns(batch.columns())?;
    let mut order: Vec<u32> = (0..batch.num_rows() as u32).collect();
    order.sort_by(|left, right| rows.row(*left as usize).cmp(&rows.row(*right as usize)));
    Ok(take_record_batch(batch, &UInt32Array::from(order))?)
}
