//! Writes the rows of some files to new ones: to merge them, or to leave rows out.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, UInt32Array, new_null_array,
};
use arrow::compute::{
    CastOptions, cast_with_options, concat_batches, filter_record_batch, take_record_batch,
};
use arrow::datatypes::{
    DataType, Field, Schema as ArrowSchema, SchemaRef, TimestampMicrosecondType,
};
use headcount_catalog::{TableId, TableKind};
use headcount_log::disk::Disk;

use crate::account::{Account, measure};
use crate::counter;
use crate::delta::log::{ActiveFile, DayUnits};
use crate::era::{Era, Eras};
use crate::erasure::rows::RowFilter;
use crate::error::LakeError;
use crate::new_files::NewFiles;
use crate::parquet_file::{ParquetFile, ROW_GROUP_ROWS, sorted_by_time};
use crate::state::LakeState;
use crate::table_file::{self, unreadable};

/// Compression of files that stay.
const LEVEL: i32 = 7;
/// New files are closed at about this size.
const TARGET: usize = 128 << 20;

/// A rewrite of files of one table.
pub(crate) struct Rewrite<'a> {
    disk: &'a dyn Disk,
    folder: &'a Path,
    /// The catalog's columns.
    columns: &'a SchemaRef,
    kind: TableKind,
    /// Rows to leave out.
    pub(crate) left_out: LeftOut<'a>,
    pub(crate) cut: Cut,
}

/// Which rows share a file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cut {
    /// All of them.
    Nowhere,
    /// Those of the same era.
    Eras(Eras),
    /// Those before this time, microseconds since 1970 UTC, and the others.
    At(i64),
}

/// The rows that share a file, by the cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Share {
    All,
    Era(Era),
    Before,
    Since,
}

impl Cut {
    fn share(self, time: Option<i64>) -> Share {
        match self {
            Self::Nowhere => Share::All,
            Self::Eras(eras) => Share::Era(eras.of(time)),
            Self::At(cut) if time.is_some_and(|time| time < cut) => Share::Before,
            Self::At(_) => Share::Since,
        }
    }

    /// The rows of a batch by the files that they belong to.
    fn apart(self, batch: RecordBatch) -> Result<Vec<(Share, RecordBatch)>, LakeError> {
        let times = batch.column_by_name("time");
        let times = times.and_then(|times| times.as_primitive_opt::<TimestampMicrosecondType>());
        let share = |row: usize| {
            let time = times.filter(|times| times.is_valid(row));
            self.share(time.map(|times| times.value(row)))
        };
        let mut shares: BTreeMap<Share, Vec<u32>> = BTreeMap::new();
        if !matches!(self, Self::Nowhere) {
            for row in 0..batch.num_rows() {
                shares.entry(share(row)).or_default().push(row as u32);
            }
        }
        match (shares.len(), shares.keys().next()) {
            (0, _) => Ok(vec![(Share::All, batch)]),
            (1, Some(share)) => Ok(vec![(*share, batch)]),
            _ => {
                let shares = shares.into_iter();
                let apart = shares.map(|(share, rows)| {
                    Ok((share, take_record_batch(&batch, &UInt32Array::from(rows))?))
                });
                apart.collect()
            }
        }
    }
}

/// Rows that a rewrite leaves out.
#[derive(Clone, Copy)]
pub(crate) enum LeftOut<'a> {
    Nothing,
    /// Those that are to be erased.
    Erased(&'a RowFilter),
    /// Those whose `time` is before this one, microseconds since 1970 UTC.
    Before(i64),
}

impl<'a> Rewrite<'a> {
    /// Of files in `folder`, which belongs to the table `id`.
    pub(crate) fn new(
        state: &'a LakeState,
        id: TableId,
        folder: &'a Path,
    ) -> Result<Self, LakeError> {
        let table = state.schema.table(id).ok_or(LakeError::Closed)?;
        Ok(Self {
            disk: &*state.disk,
            folder,
            columns: &state.layout.arrow[usize::from(id.0)],
            kind: table.kind,
            left_out: LeftOut::Nothing,
            cut: Cut::Nowhere,
        })
    }

    /// Writes the rows of `old`, one sorted row group after the other, so that memory holds one row group at a time, or two where the rows
    /// are cut apart.
    pub(crate) fn run(&self, old: &[ActiveFile]) -> Result<NewFiles<'a>, LakeError> {
        let schema = self.common_schema(old)?;
        let mut output = Output {
            rewrite: self,
            schema: Arc::clone(&schema),
            shares: BTreeMap::new(),
            rows: 0,
            complete: NewFiles::new(self.disk, self.folder),
        };
        for file in old {
            let path = self.folder.join(&file.path);
            let reader = table_file::open(self.disk, &path, file.checksums.as_ref())?;
            let reader = reader.with_batch_size(32 << 10);
            for batch in reader.build().map_err(unreadable(&path))? {
                let batch = batch.map_err(unreadable(&path))?;
                let widened = widened(&batch, &schema);
                let mut batch = widened.map_err(|error| LakeError::IncompatibleFile {
                    path: path.clone(),
                    reason: error.to_string(),
                })?;
                let before = batch.clone();
                match self.left_out {
                    LeftOut::Nothing => {}
                    LeftOut::Erased(filter) => batch = filter.without_erased(batch)?,
                    LeftOut::Before(time) => batch = without_older(time, batch)?,
                }
                let account = output.complete.account_mut();
                self.note(account, file, &before, &batch);
                output.push(batch)?;
            }
        }
        output.finish()
    }

    /// Notes what became of a batch of `file`: the rows that were left out, and those that no longer count under the file's partition.
    fn note(
        &self,
        account: &mut Account,
        file: &ActiveFile,
        before: &RecordBatch,
        after: &RecordBatch,
    ) {
        let is_partitioned = !file.day.is_empty();
        if matches!(self.left_out, LeftOut::Nothing) && !is_partitioned {
            return;
        }
        let kept = measure::units_by_day([after], self.kind);
        let gone = match is_partitioned {
            true => {
                account.move_from(&file.day, &kept);
                // Those that are left out go from where they counted.
                let gone = measure::units(before, self.kind) - measure::units(after, self.kind);
                DayUnits::from([(file.day.clone(), gone)])
            }
            false => {
                let mut gone = measure::units_by_day([before], self.kind);
                for (day, units) in &kept {
                    *gone.entry(day.clone()).or_default() -= units;
                }
                gone
            }
        };
        for (day, units) in gone.into_iter().filter(|(_, units)| *units > 0) {
            match self.left_out {
                LeftOut::Nothing => {}
                LeftOut::Erased(_) => account.day(&day).erased += units,
                LeftOut::Before(_) => account.day(&day).expired += units,
            }
        }
    }

    /// All columns of all files, also those that the catalog no longer has: a rewrite loses nothing. Other programs store the
    /// same values in other Arrow types; those of the catalog win.
    fn common_schema(&self, files: &[ActiveFile]) -> Result<SchemaRef, LakeError> {
        let mut fields: Vec<Field> = Vec::new();
        for file in files {
            let path = self.folder.join(&file.path);
            let reader = table_file::open(self.disk, &path, file.checksums.as_ref())?;
            for theirs in reader.schema().fields() {
                let field = match self.columns.field_with_name(theirs.name()) {
                    Ok(column) => column.clone(),
                    Err(_) => Field::new(theirs.name(), plain(theirs.data_type()), true),
                };
                let known = fields.iter().find(|known| known.name() == field.name());
                match known {
                    None => fields.push(field),
                    Some(known) if known.data_type() == field.data_type() => {}
                    Some(known) => {
                        let (known, here) = (known.data_type(), field.data_type());
                        let reason = format!(
                            "column {} is {here} here and {known} in other files",
                            field.name()
                        );
                        return Err(LakeError::IncompatibleFile { path, reason });
                    }
                }
            }
        }
        Ok(Arc::new(ArrowSchema::new(fields)))
    }
}

/// The rows on their way into new files.
struct Output<'a, 'r> {
    rewrite: &'r Rewrite<'a>,
    schema: SchemaRef,
    shares: BTreeMap<Share, SharedFile<'a>>,
    /// The rows that were gathered and not written.
    rows: usize,
    complete: NewFiles<'a>,
}

/// A file of the rows that share one.
#[derive(Default)]
struct SharedFile<'a> {
    /// The beginning of the next row group.
    gathered: Vec<RecordBatch>,
    rows: usize,
    open: Option<ParquetFile<'a>>,
}

impl<'a> Output<'a, '_> {
    fn push(&mut self, batch: RecordBatch) -> Result<(), LakeError> {
        for (share, batch) in self.rewrite.cut.apart(batch)? {
            self.rows += batch.num_rows();
            let of_share = self.shares.entry(share).or_default();
            of_share.rows += batch.num_rows();
            of_share.gathered.push(batch);
            if of_share.rows >= ROW_GROUP_ROWS {
                self.write_row_group(share)?;
            }
        }
        // Many shares fill slowly: the fullest makes room, with a smaller row group.
        while self.rows >= 2 * ROW_GROUP_ROWS {
            let fullest = self.shares.iter().max_by_key(|(_, of)| of.rows);
            let Some((share, _)) = fullest else { break };
            self.write_row_group(*share)?;
        }
        Ok(())
    }

    fn write_row_group(&mut self, share: Share) -> Result<(), LakeError> {
        let of_share = self.shares.entry(share).or_default();
        let mut group = concat_batches(&self.schema, &of_share.gathered)?;
        of_share.gathered.clear();
        self.rows -= std::mem::take(&mut of_share.rows);
        if self.rewrite.kind == TableKind::Counter {
            group = counter::sum(&group)?;
        }
        if group.num_rows() == 0 {
            return Ok(());
        }
        let group = sorted_by_time(&group)?;
        let rewrite = self.rewrite;
        let mut target = match of_share.open.take() {
            Some(target) => target,
            None => ParquetFile::create(
                rewrite.disk,
                rewrite.folder,
                rewrite.kind,
                &self.schema,
                LEVEL,
            )?,
        };
        target.write(&group)?;
        target.end_row_group()?;
        if target.bytes_written() >= TARGET {
            self.complete.push(target.finish()?);
        } else {
            of_share.open = Some(target);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<NewFiles<'a>, LakeError> {
        let shares: Vec<Share> = self.shares.keys().copied().collect();
        for share in shares {
            self.write_row_group(share)?;
        }
        for of_share in self.shares.into_values() {
            if let Some(target) = of_share.open {
                self.complete.push(target.finish()?);
            }
        }
        Ok(self.complete)
    }
}

/// The rows that are not before `time`. A row without a time stays: its age is not known.
fn without_older(time: i64, batch: RecordBatch) -> Result<RecordBatch, LakeError> {
    let times = batch.column_by_name("time");
    let Some(times) = times.and_then(|times| times.as_primitive_opt::<TimestampMicrosecondType>())
    else {
        return Ok(batch);
    };
    let kept: BooleanArray = times
        .iter()
        .map(|at| Some(at.is_none_or(|at| at >= time)))
        .collect();
    Ok(filter_record_batch(&batch, &kept)?)
}

/// The type in which we write a column that the catalog does not have.
fn plain(theirs: &DataType) -> DataType {
    match theirs {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
        DataType::Dictionary(_, values) => plain(values),
        other => other.clone(),
    }
}

/// The batch in the columns of `schema`: null where it has none, cast where another program wrote another type.
pub(crate) fn widened(
    batch: &RecordBatch,
    schema: &SchemaRef,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    // A value that does not fit is an error, and never null.
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    let column = |field: &Arc<Field>| match batch.column_by_name(field.name()) {
        Some(column) if column.data_type() == field.data_type() => Ok(Arc::clone(column)),
        Some(column) => cast_with_options(column, field.data_type(), &options),
        None => Ok(new_null_array(field.data_type(), batch.num_rows())),
    };
    let columns = schema.fields().iter().map(column);
    let columns: Vec<ArrayRef> = columns.collect::<Result<_, _>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns)
}
