//! The k-threshold: free text is shown only where enough different crews sent it; other values are grouped.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch, not};
use arrow::datatypes::{DataType, Int64Type};
use arrow::error::ArrowError;
use headcount_answer::{ColumnKind, cell_text};
use serde_json::Value;

use crate::answer::kind_of;
use crate::header::{FreeText, Holder, ReportHeader};
use crate::json::rows_of;

/// A report's rows after grouping.
pub(crate) struct GroupedRows {
    /// The rows that may be shown, then the rows that stand for the others.
    pub(crate) rows: Vec<Vec<Value>>,
    /// How many different values were grouped; of spans without a crew, added up over the rows.
    pub(crate) values: u64,
}

/// Groups the rows of `batch` whose free text came from fewer than `min_crews` crews: one row for each combination of the
/// columns that are neither numbers, moments, lists nor the text.
pub(crate) fn group_rare_values(
    batch: &RecordBatch,
    report: &ReportHeader,
    free_text: &FreeText,
    min_crews: u64,
) -> Result<GroupedRows, ArrowError> {
    let (Holder::Column(holder), true) = (&free_text.holder, min_crews > 1) else {
        return Ok(label_unattributed(batch, free_text, min_crews));
    };
    let hidden = hidden_rows(batch, free_text, holder, min_crews)?;
    let mut rows = rows_of(&filter_record_batch(batch, &not(&hidden)?)?);
    let hidden_rows = rows_of(&filter_record_batch(batch, &hidden)?);
    let columns = Columns::of(batch, report, free_text);
    let values: BTreeSet<Vec<String>> =
        hidden_rows.iter().map(|row| columns.name_of(row)).collect();
    rows.extend(sum_up(&columns, min_crews, hidden_rows));
    Ok(GroupedRows {
        rows,
        values: values.len() as u64,
    })
}

/// What the columns of the rows are.
struct Columns<'a> {
    kinds: Vec<ColumnKind>,
    names: Vec<&'a str>,
    /// The column of free text, and the count of its senders.
    text: usize,
    holder: Option<usize>,
    /// Whether a column counts distinct things.
    are_distinct: Vec<bool>,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch, report: &ReportHeader, free_text: &FreeText) -> Self {
        let fields = batch.schema_ref().fields();
        let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
        let position = |wanted: &str| names.iter().position(|name| *name == wanted);
        Self {
            kinds: fields
                .iter()
                .map(|field| kind_of(field.data_type()))
                .collect(),
            text: position(&free_text.column).unwrap_or(usize::MAX),
            holder: match &free_text.holder {
                Holder::Column(holder) => position(holder),
                Holder::NoCrew => None,
            },
            are_distinct: names
                .iter()
                .map(|name| report.counts_distinct(name))
                .collect(),
            names,
        }
    }

    /// Whether the numbers or times of a column have no meaningful sum.
    fn has_no_sum(&self, index: usize) -> bool {
        match self.kinds[index] {
            ColumnKind::Number | ColumnKind::List => true,
            ColumnKind::Moment => self.names[index] != "period",
            _ => false,
        }
    }

    /// Whether rows of different values of a column are grouped apart.
    fn is_dimension(&self, index: usize) -> bool {
        index != self.text && self.kinds[index] != ColumnKind::Integer && !self.has_no_sum(index)
    }

    fn dimensions_of(&self, row: &[Value]) -> Vec<String> {
        let dimensions = (0..row.len()).filter(|&index| self.is_dimension(index));
        dimensions.map(|index| cell_text(&row[index])).collect()
    }

    /// The free text with what it is a value of: the same in each period.
    fn name_of(&self, row: &[Value]) -> Vec<String> {
        let of_name = |index: &usize| {
            *index == self.text || (self.is_dimension(*index) && self.names[*index] != "period")
        };
        let indices = (0..row.len()).filter(of_name);
        indices.map(|index| cell_text(&row[index])).collect()
    }
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

/// Adds up the hidden rows: whole numbers are summed. Other numbers have no meaningful sum and become null, and so do counts
/// of distinct things over several rows, since a crew that has two of the values would count twice.
fn sum_up(columns: &Columns<'_>, min_crews: u64, hidden_rows: Vec<Vec<Value>>) -> Vec<Vec<Value>> {
    let mut sums: BTreeMap<Vec<String>, Sum> = BTreeMap::new();
    for mut row in hidden_rows {
        for (index, value) in row.iter_mut().enumerate() {
            if columns.has_no_sum(index) {
                *value = Value::Null;
            }
        }
        let names_crews = columns.holder.is_some_and(|holder| !row[holder].is_null());
        let group = columns.dimensions_of(&row);
        let Some(sum) = sums.get_mut(&group) else {
            let first = Sum {
                values: 1,
                names_crews,
                row,
            };
            let _: Option<Sum> = sums.insert(group, first);
            continue;
        };
        sum.values += 1;
        sum.names_crews |= names_crews;
        for (index, value) in row.into_iter().enumerate() {
            if columns.kinds[index] == ColumnKind::Integer {
                sum.row[index] = match columns.are_distinct[index] {
                    true => Value::Null,
                    false => added(&sum.row[index], &value),
                };
            }
        }
    }
    let labelled = |sum: Sum| {
        let noun = if sum.values == 1 { "value" } else { "values" };
        let from = match sum.names_crews {
            true => format!("from fewer than {min_crews} crews"),
            false => format!("not known to be from {min_crews} crews"),
        };
        let mut row = sum.row;
        row[columns.text] = Value::String(format!("({} {noun} {from})", sum.values));
        row
    };
    sums.into_values().map(labelled).collect()
}

/// Rows that are one.
struct Sum {
    values: u64,
    /// Whether the spans of any of them name a crew.
    names_crews: bool,
    row: Vec<Value>,
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
