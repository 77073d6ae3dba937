//! Writes the rows of some files to new ones: to merge them, or to leave rows out.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, new_null_array};
use arrow::compute::{CastOptions, cast_with_options, concat_batches, filter_record_batch};
use arrow::datatypes::{
    DataType, Field, Schema as ArrowSchema, SchemaRef, TimestampMicrosecondType,
};
use headcount_catalog::{TableId, TableKind};
use headcount_log::disk::Disk;

use crate::account::measure;
use crate::counter;
use crate::delta::log::ActiveFile;
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

/// A rewrite of files of one table and day.
pub(crate) struct Rewrite<'a> {
    disk: &'a dyn Disk,
    folder: &'a Path,
    day: &'a str,
    /// The catalog's columns.
    columns: &'a SchemaRef,
    kind: TableKind,
    /// Rows to leave out.
    pub(crate) left_out: LeftOut<'a>,
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
        day: &'a str,
    ) -> Result<Self, LakeError> {
        let table = state.schema.table(id).ok_or(LakeError::Closed)?;
        Ok(Self {
            disk: &*state.disk,
            folder,
            day,
            columns: &state.layout.arrow[usize::from(id.0)],
            kind: table.kind,
            left_out: LeftOut::Nothing,
        })
    }

    /// Writes the rows of `old`, one sorted row group after the other, so that memory holds one row group at a time.
    pub(crate) fn run(&self, old: &[ActiveFile]) -> Result<NewFiles<'a>, LakeError> {
        let schema = self.common_schema(old)?;
        let mut output = Output {
            rewrite: self,
            schema: Arc::clone(&schema),
            gathered: Vec::new(),
            rows: 0,
            open: None,
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
                let before = measure::units(&batch, self.kind);
                let account = output.complete.account_mut();
                match self.left_out {
                    LeftOut::Nothing => {}
                    LeftOut::Erased(filter) => {
                        batch = filter.without_erased(batch)?;
                        account.day(self.day).erased += before - measure::units(&batch, self.kind);
                    }
                    LeftOut::Before(time) => {
                        batch = without_older(time, batch)?;
                        account.day(self.day).expired += before - measure::units(&batch, self.kind);
                    }
                }
                output.push(batch)?;
            }
        }
        output.finish()
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
    /// The beginning of the next row group.
    gathered: Vec<RecordBatch>,
    rows: usize,
    open: Option<ParquetFile<'a>>,
    complete: NewFiles<'a>,
}

impl<'a> Output<'a, '_> {
    fn push(&mut self, batch: RecordBatch) -> Result<(), LakeError> {
        self.rows += batch.num_rows();
        self.gathered.push(batch);
        match self.rows < ROW_GROUP_ROWS {
            true => Ok(()),
            false => self.write_row_group(),
        }
    }

    fn write_row_group(&mut self) -> Result<(), LakeError> {
        let mut group = concat_batches(&self.schema, &self.gathered)?;
        self.gathered.clear();
        self.rows = 0;
        if self.rewrite.kind == TableKind::Counter {
            group = counter::sum(&group)?;
        }
        if group.num_rows() == 0 {
            return Ok(());
        }
        let group = sorted_by_time(&group)?;
        let mut target = match self.open.take() {
            Some(target) => target,
            None => ParquetFile::create(
                self.rewrite.disk,
                self.rewrite.folder,
                self.rewrite.day,
                &self.schema,
                LEVEL,
            )?
            .of(self.rewrite.kind),
        };
        target.write(&group)?;
        target.end_row_group()?;
        if target.bytes_written() >= TARGET {
            self.complete.push(target.finish()?);
        } else {
            self.open = Some(target);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<NewFiles<'a>, LakeError> {
        self.write_row_group()?;
        if let Some(target) = self.open {
            self.complete.push(target.finish()?);
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
