//! Encoded rows to Arrow columns, in one pass.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, ListBuilder, RecordBatch,
    RecordBatchOptions, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema as ArrowSchema, SchemaRef, TimeUnit};
use headcount_catalog::{Cell, Row};
use headcount_catalog::{Column, ColumnType, Table};

use crate::error::LakeError;

/// The Arrow schema of a table's rows in memory and in Parquet files. Each column may be null.
pub fn arrow_schema(table: &Table) -> SchemaRef {
    let field = |column: &Column| Field::new(&column.name, data_type(column.column_type), true);
    Arc::new(ArrowSchema::new(
        table.columns.iter().map(field).collect::<Vec<_>>(),
    ))
}

/// The Arrow type of a column.
fn data_type(column_type: ColumnType) -> DataType {
    match column_type {
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Integer => DataType::Int64,
        ColumnType::Double => DataType::Float64,
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ColumnType::Text => DataType::Utf8,
        // Named as Parquet and Delta name it, so that files, memtable and other readers agree.
        ColumnType::TextList => {
            DataType::List(Arc::new(Field::new("element", DataType::Utf8, true)))
        }
    }
}

enum ColumnBuilder {
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    Double(Float64Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Text(StringBuilder),
    TextList(ListBuilder<StringBuilder>),
}

/// Builds the columns of one table. A column is brought up to the current row only when it is written, so that a column
/// that a row does not name costs that row nothing.
pub(crate) struct RowsBuilder {
    schema: SchemaRef,
    /// Each column with the number of rows it has so far.
    columns: Vec<(usize, ColumnBuilder)>,
    rows: usize,
}

impl RowsBuilder {
    pub(crate) fn new(table: &Table, schema: SchemaRef) -> Self {
        let builder = |column: &Column| (0, ColumnBuilder::new(column.column_type));
        Self {
            schema,
            columns: table.columns.iter().map(builder).collect(),
            rows: 0,
        }
    }

    /// How many rows were added since the last batch.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Adds a row; `renumber` says which of our columns a cell's column is, if any.
    pub(crate) fn push(
        &mut self,
        row: &Row<'_>,
        renumber: impl Fn(usize) -> Option<usize>,
    ) -> Result<(), LakeError> {
        for cell in row.cells() {
            let (column, value) = cell?;
            let Some((length, builder)) = renumber(column).and_then(|at| self.columns.get_mut(at))
            else {
                continue;
            };
            if *length > self.rows {
                continue;
            }
            builder.append_nulls(self.rows - *length);
            builder.append(value);
            *length = self.rows + 1;
        }
        self.rows += 1;
        Ok(())
    }

    /// The rows since the last batch.
    pub(crate) fn finish(&mut self) -> Result<RecordBatch, LakeError> {
        let rows = std::mem::take(&mut self.rows);
        let mut arrays = Vec::with_capacity(self.columns.len());
        for (length, builder) in &mut self.columns {
            builder.append_nulls(rows - *length);
            *length = 0;
            arrays.push(builder.finish());
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = Arc::clone(&self.schema);
        Ok(RecordBatch::try_new_with_options(schema, arrays, &options)?)
    }
}

impl ColumnBuilder {
    fn new(column_type: ColumnType) -> Self {
        match column_type {
            ColumnType::Boolean => Self::Boolean(BooleanBuilder::new()),
            ColumnType::Integer => Self::Integer(Int64Builder::new()),
            ColumnType::Double => Self::Double(Float64Builder::new()),
            ColumnType::Timestamp => {
                let builder = TimestampMicrosecondBuilder::new();
                Self::Timestamp(builder.with_data_type(data_type(column_type)))
            }
            ColumnType::Text => Self::Text(StringBuilder::new()),
            ColumnType::TextList => {
                let element = Field::new("element", DataType::Utf8, true);
                Self::TextList(ListBuilder::new(StringBuilder::new()).with_field(element))
            }
        }
    }

    /// Appends a value; one whose type is not the column's reads as null (a catalog that changes a type is refused
    /// before, so it does not happen).
    fn append(&mut self, cell: Cell<'_>) {
        match (self, cell) {
            (Self::Boolean(builder), Cell::Boolean(value)) => builder.append_value(value),
            (Self::Integer(builder), Cell::Integer(value)) => builder.append_value(value),
            (Self::Double(builder), Cell::Double(value)) => builder.append_value(value),
            (Self::Double(builder), Cell::Integer(value)) => builder.append_value(value as f64),
            (Self::Timestamp(builder), Cell::Timestamp(value)) => builder.append_value(value),
            (Self::Text(builder), Cell::Text(value)) => builder.append_value(value),
            (Self::TextList(builder), Cell::TextList(list)) => {
                for text in list.iter() {
                    builder.values().append_value(text);
                }
                builder.append(true);
            }
            (builder, _) => builder.append_nulls(1),
        }
    }

    fn append_nulls(&mut self, count: usize) {
        match self {
            Self::Boolean(builder) => builder.append_nulls(count),
            Self::Integer(builder) => builder.append_nulls(count),
            Self::Double(builder) => builder.append_nulls(count),
            Self::Timestamp(builder) => builder.append_nulls(count),
            Self::Text(builder) => builder.append_nulls(count),
            Self::TextList(builder) => builder.append_nulls(count),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Integer(builder) => Arc::new(builder.finish()),
            Self::Double(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::TextList(builder) => Arc::new(builder.finish()),
        }
    }
}
