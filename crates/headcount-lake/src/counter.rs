//! Counter tables: rows that agree in every column but `count` become one with the sum.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::Int64Type;
use arrow::row::{OwnedRow, RowConverter, SortField};
use hashbrown::HashMap;

use crate::error::LakeError;

/// The sum of `count` over all rows: what a counter table holds, however it is spread over rows.
pub(crate) fn total(batch: &RecordBatch) -> u64 {
    let counts = batch.column_by_name("count");
    let counts = counts.and_then(|counts| counts.as_primitive_opt::<Int64Type>());
    let counts = counts.into_iter().flatten().flatten();
    counts
        .map(|count| u64::try_from(count).unwrap_or_default())
        .sum()
}

/// Sums `count` over rows that are otherwise equal; each sum takes the place of the first such row.
pub(crate) fn sum(batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
    let Some((count, _)) = batch.schema().column_with_name("count") else {
        return Ok(batch.clone());
    };
    let Some(counts) = batch.column(count).as_primitive_opt::<Int64Type>() else {
        return Ok(batch.clone());
    };
    let mut others: Vec<ArrayRef> = batch.columns().to_vec();
    others.remove(count);
    let fields = others
        .iter()
        .map(|column| SortField::new(column.data_type().clone()));
    let converter = RowConverter::new(fields.collect())?;
    let rows = converter.convert_columns(&others)?;
    let mut places: HashMap<OwnedRow, usize> = HashMap::new();
    let mut kept: Vec<u32> = Vec::new();
    let mut sums: Vec<i64> = Vec::new();
    for index in 0..batch.num_rows() {
        let place = *places.entry(rows.row(index).owned()).or_insert_with(|| {
            kept.push(index as u32);
            sums.push(0);
            sums.len() - 1
        });
        let count = if counts.is_null(index) {
            0
        } else {
            counts.value(index)
        };
        sums[place] = sums[place].saturating_add(count);
    }
    let kept = take_record_batch(batch, &UInt32Array::from(kept))?;
    let mut columns = kept.columns().to_vec();
    columns[count] = Arc::new(Int64Array::from(sums));
    Ok(RecordBatch::try_new(kept.schema(), columns)?)
}
