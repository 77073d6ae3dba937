//! The k-threshold: free text is shown only where enough different crews sent it; other values are grouped.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch, not};
use arrow::datatypes::{DataType, Int64Type};
use arrow::error::ArrowError;
use headcount_answer::{ColumnKind, cell_text};
use serde_json::Value;

use crate::answer::kind_of;
use crate::header::{FreeText, Holder};
use crate::json::rows_of;

/// A report's rows after grouping.
pub(crate) struct GroupedRows {
    /// The rows that may be shown, then the rows that stand for the others.
    pub(crate) rows: Vec<Vec<Value>>,
    /// How many values were grouped.
    pub(crate) values: u64,
}

/// Groups the rows of `batch` whose free text came from fewer than `min_crews` crews: one row for each combination of the
/// columns that are neither numbers, moments, lists nor the text.
pub(crate) fn group_rare_values(
    batch: &RecordBatch,
    free_text: &FreeText,
    min_crews: u64,
) -> Result<GroupedRows, ArrowError> {
    let (Holder::Column(holder), true) = (&free_text.holder, min_crews > 1) else {
        return Ok(label_unattributed(batch, free_text, min_crews));
    };
    let hidden = hidden_rows(batch, free_text, holder, min_crews)?;
    let mut rows = rows_of(&filter_record_batch(batch, &not(&hidden)?)?);
    let hidden_rows = rows_of(&filter_record_batch(batch, &hidden)?);
    let values = hidden_rows.len() as u64;
    rows.extend(sum_up(batch, free_text, min_crews, hidden_rows));
    Ok(GroupedRows { rows, values })
}

/// Which rows hold free text of too few crews. Fixed texts of the framework (null) are never hidden.
fn hidden_rows(
    batch: &RecordBatch,
    free_text: &FreeText,
    holder: &str,
    min_crews: u64,
) -> Result<BooleanArray, ArrowError> {
    let text = column(batch, &free_text.column)?;
    let crews = cast(column(batch, holder)?, &DataType::Int64)?;
    let crews = crews.as_primitive::<Int64Type>();
    let condition = match &free_text.only_where {
        None => None,
        Some((name, values)) => Some((cast(column(batch, name)?, &DataType::Utf8View)?, values)),
    };
    let enough = i64::try_from(min_crews).unwrap_or(i64::MAX);
    let hidden = |row| {
        // A count that is not known (null) is no proof of enough crews.
        let few = crews.is_null(row) || crews.value(row) < enough;
        let applies = condition.as_ref().is_none_or(|(column, values)| {
            let value = column.as_string_view().value(row);
            values.iter().any(|applicable| applicable == value)
        });
        Some(text.is_valid(row) && few && applies)
    };
    Ok((0..batch.num_rows()).map(hidden).collect())
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, ArrowError> {
    batch.column_by_name(name).ok_or_else(|| {
        ArrowError::SchemaError(format!("the report has no column {name:?} to group by"))
    })
}

/// Adds up the hidden rows: whole numbers are summed, other numbers have no meaningful sum and become null.
fn sum_up(
    batch: &RecordBatch,
    free_text: &FreeText,
    min_crews: u64,
    hidden_rows: Vec<Vec<Value>>,
) -> Vec<Vec<Value>> {
    let schema = batch.schema();
    let kinds: Vec<ColumnKind> = schema
        .fields()
        .iter()
        .map(|field| kind_of(field.data_type()))
        .collect();
    let text = schema.index_of(&free_text.column).unwrap_or(usize::MAX);
    let is_period = |index: usize| schema.field(index).name() == "period";
    let has_no_sum = |index: usize| match kinds[index] {
        ColumnKind::Number | ColumnKind::List => true,
        ColumnKind::Moment => !is_period(index),
        _ => false,
    };
    let is_dimension =
        |index: usize| index != text && kinds[index] != ColumnKind::Integer && !has_no_sum(index);
    let mut sums: BTreeMap<Vec<String>, (u64, Vec<Value>)> = BTreeMap::new();
    for mut row in hidden_rows {
        for (index, value) in row.iter_mut().enumerate() {
            if has_no_sum(index) {
                *value = Value::Null;
            }
        }
        let dimensions = (0..row.len()).filter(|&index| is_dimension(index));
        let group = dimensions.map(|index| cell_text(&row[index])).collect();
        let Some((values, sum)) = sums.get_mut(&group) else {
            let _: Option<(u64, Vec<Value>)> = sums.insert(group, (1, row));
            continue;
        };
        *values += 1;
        for (index, value) in row.into_iter().enumerate() {
            if kinds[index] == ColumnKind::Integer {
                sum[index] = added(&sum[index], &value);
            }
        }
    }
    let labelled = |(values, mut row): (u64, Vec<Value>)| {
        let noun = if values == 1 { "value" } else { "values" };
        let label = format!("({values} {noun} from fewer than {min_crews} crews)");
        row[text] = Value::String(label);
        row
    };
    sums.into_values().map(labelled).collect()
}

fn added(left: &Value, right: &Value) -> Value {
    match (left.as_i64(), right.as_i64()) {
        (Some(left), Some(right)) => Value::from(left.saturating_add(right)),
        (Some(known), None) | (None, Some(known)) => Value::from(known),
        (None, None) => Value::Null,
    }
}

/// Labels the rows of a report whose spans name no crew: its SQL has left out the text and counted it in `names`.
fn label_unattributed(batch: &RecordBatch, free_text: &FreeText, min_crews: u64) -> GroupedRows {
    let mut rows = rows_of(batch);
    let schema = batch.schema();
    let mut grouped = 0;
    let positions = (schema.index_of(&free_text.column), schema.index_of("names"));
    if let (Holder::NoCrew, Ok(text), Ok(names)) = (&free_text.holder, positions.0, positions.1)
        && min_crews > 1
    {
        for row in &mut rows {
            let values = row[names].as_u64().unwrap_or(0);
            if row[text].is_null() && values > 0 {
                let noun = if values == 1 { "value" } else { "values" };
                let label = format!("({values} {noun} not known to be from {min_crews} crews)");
                row[text] = Value::String(label);
                grouped += values;
            }
        }
    }
    GroupedRows {
        rows,
        values: grouped,
    }
}
