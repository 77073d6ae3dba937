//! Rows of the crews that an operator names, in record batches.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema as ArrowSchema};
use headcount_catalog::CrewColumns;
use headcount_log::erasure::{CrewNames, CrewOfRow, Run};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;

use crate::error::LakeError;

/// The rows of one table that are of some crews.
#[derive(Debug)]
pub(crate) struct CrewFilter {
    columns: CrewColumns,
    names: Vec<Arc<CrewNames>>,
}

impl CrewFilter {
    /// Of a table with these columns, for any of `names`.
    pub(crate) fn new(columns: CrewColumns, names: Vec<Arc<CrewNames>>) -> Self {
        Self { columns, names }
    }

    /// The columns that have to be read to judge the rows of a file: ids, which are long and all different, only where they decide.
    pub(crate) fn columns_to_read(&self, file: &ParquetMetaData) -> Vec<&'static str> {
        let any = |wanted: fn(&CrewNames) -> bool| self.names.iter().any(|names| wanted(names));
        let key = self.columns.key;
        let key = key.filter(|_| any(|names| names.has_keys() || names.has_runs()));
        let all_have_keys = key.is_some_and(|key| is_always_there(file, key));
        let mut named = self.names.iter();
        let needs_ids = named.any(|names| names.needs_ids(all_have_keys));
        let id = self.columns.id.filter(|_| needs_ids);
        let project = self.columns.project;
        let project = project.filter(|_| any(CrewNames::has_projects));
        [key, id, project].into_iter().flatten().collect()
    }

    /// For each row the first of the names that it is of; `None` where that is none for all rows.
    pub(crate) fn matches(
        &self,
        batch: &RecordBatch,
    ) -> Result<Option<Vec<Option<usize>>>, LakeError> {
        let texts = CrewTexts::of(batch, self.columns)?;
        let of = |row| self.names.iter().position(|names| names.matches(row));
        let matches: Vec<Option<usize>> = texts.rows().map(of).collect();
        Ok(matches.iter().any(Option::is_some).then_some(matches))
    }
}

/// The runs, not known yet, of the rows that `names` finds by a key or project.
pub(crate) fn unknown_runs(
    names: &CrewNames,
    columns: CrewColumns,
    batch: &RecordBatch,
) -> Result<Vec<Run>, LakeError> {
    let texts = CrewTexts::of(batch, columns)?;
    let mut runs: Vec<Run> = Vec::new();
    for run in texts.rows().filter_map(|row| names.unknown_run(row)) {
        if runs.last() != Some(&run) {
            runs.push(run);
        }
    }
    Ok(runs)
}

/// Whether each row of the file has a text in `column`, by the file's statistics. Without them nobody knows.
fn is_always_there(file: &ParquetMetaData, column: &str) -> bool {
    file.row_groups().iter().all(|group| {
        let mut chunks = group.columns().iter();
        let chunk = chunks.find(|chunk| chunk.column_path().string() == column);
        let statistics = chunk.and_then(|chunk| chunk.statistics());
        matches!(statistics, Some(Statistics::ByteArray(values))
            if values.null_count_opt() == Some(0) && values.min_opt().is_some_and(|least| !least.is_empty()))
    })
}

/// The columns of a batch that tell whose its rows are; a column that it does not have is absent in each row.
struct CrewTexts {
    count: usize,
    key: Option<StringArray>,
    id: Option<StringArray>,
    project: Option<StringArray>,
}

impl CrewTexts {
    fn of(batch: &RecordBatch, columns: CrewColumns) -> Result<Self, LakeError> {
        let text = |name: Option<&str>| -> Result<Option<StringArray>, LakeError> {
            let Some(column) = name.and_then(|name| batch.column_by_name(name)) else {
                return Ok(None);
            };
            // Another program may have written the file with another type of text.
            let column = cast(column, &DataType::Utf8)?;
            Ok((column.null_count() < column.len()).then(|| column.as_string::<i32>().clone()))
        };
        Ok(Self {
            count: batch.num_rows(),
            key: text(columns.key)?,
            id: text(columns.id)?,
            project: text(columns.project)?,
        })
    }

    fn rows(&self) -> impl Iterator<Item = CrewOfRow<'_>> {
        fn at(column: &Option<StringArray>, row: usize) -> Option<&str> {
            let column = column.as_ref().filter(|column| column.is_valid(row))?;
            Some(column.value(row))
        }
        (0..self.count).map(|row| CrewOfRow {
            key: at(&self.key, row),
            id: at(&self.id, row),
            project: at(&self.project, row),
        })
    }
}

/// Those of `columns` that a file with `schema` has.
pub(crate) fn present(schema: &ArrowSchema, columns: Vec<&'static str>) -> Vec<&'static str> {
    let mut columns = columns;
    columns.retain(|column| schema.column_with_name(column).is_some());
    columns
}
