//! An answer as Arrow columns, for programs that want types: an Arrow IPC stream or a Parquet file.
//!
//! An answer's values are JSON values whose column says their kind; here they become the Arrow type of that kind. No value
//! changes: a column with a value that does not fit its kind becomes a column of texts.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, ListBuilder, RecordBatch,
    RecordBatchOptions, StringArray, StringBuilder, TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::{Date32Type, Field, Schema};
use arrow::error::ArrowError;
use arrow_ipc::writer::StreamWriter;
use chrono::{DateTime, NaiveDate};
use headcount_answer::{Answer, ColumnKind};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use serde_json::Value;

/// The key of the schema's metadata under which an answer's notes are, one per line.
const NOTES: &str = "headcount.notes";

/// The rows as typed columns. Days are dates, moments are microseconds in UTC, lists are lists of texts.
///
/// # Errors
/// Never for an answer of this crate; Arrow's own checks are passed on.
pub fn to_record_batch(answer: &Answer) -> Result<RecordBatch, ArrowError> {
    let mut fields = Vec::with_capacity(answer.columns.len());
    let mut arrays = Vec::with_capacity(answer.columns.len());
    for (index, column) in answer.columns.iter().enumerate() {
        let values: Vec<&Value> = answer.rows.iter().map(|row| &row[index]).collect();
        let array = typed(column.kind, &values).unwrap_or_else(|| texts(&values));
        fields.push(Field::new(&column.name, array.data_type().clone(), true));
        arrays.push(array);
    }
    let metadata = HashMap::from([(NOTES.to_owned(), answer.notes.join("\n"))]);
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
    let options = RecordBatchOptions::new().with_row_count(Some(answer.rows.len()));
    RecordBatch::try_new_with_options(schema, arrays, &options)
}

/// The rows as an Arrow IPC stream.
///
/// # Errors
/// As [`to_record_batch`].
pub fn to_arrow_ipc(answer: &Answer) -> Result<Vec<u8>, ArrowError> {
    let batch = to_record_batch(answer)?;
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema())?;
    writer.write(&batch)?;
    writer.into_inner()
}

/// The rows as a Parquet file, compressed with zstd.
///
/// # Errors
/// As [`to_record_batch`].
pub fn to_parquet(answer: &Answer) -> Result<Vec<u8>, ArrowError> {
    let batch = to_record_batch(answer)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(Default::default()))
        .build();
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), Some(properties))?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(file)
}

/// The values in the type of their kind; `None` where one does not fit.
fn typed(kind: ColumnKind, values: &[&Value]) -> Option<ArrayRef> {
    Some(match kind {
        ColumnKind::Boolean => Arc::new(
            each(values, Value::as_bool)?
                .into_iter()
                .collect::<BooleanArray>(),
        ),
        ColumnKind::Integer => match each(values, Value::as_i64) {
            Some(values) => Arc::new(Int64Array::from(values)),
            None => Arc::new(UInt64Array::from(each(values, Value::as_u64)?)),
        },
        ColumnKind::Number => Arc::new(Float64Array::from(each(values, Value::as_f64)?)),
        ColumnKind::Text => Arc::new(StringArray::from(each(values, Value::as_str)?)),
        ColumnKind::Moment => moments(values)?,
        ColumnKind::List => lists(values)?,
        ColumnKind::Other => return None,
    })
}

/// Each value as `read` sees it, null as null; `None` where one is something else.
fn each<'v, T>(
    values: &[&'v Value],
    read: impl Fn(&'v Value) -> Option<T>,
) -> Option<Vec<Option<T>>> {
    let read = |value: &&'v Value| match value {
        Value::Null => Some(None),
        value => read(value).map(Some),
    };
    values.iter().map(read).collect()
}

fn moments(values: &[&Value]) -> Option<ArrayRef> {
    let texts = each(values, Value::as_str)?;
    let day = |text: &Option<&str>| match text {
        None => Some(None),
        Some(text) => {
            let day: NaiveDate = text.parse().ok()?;
            Some(Some(Date32Type::from_naive_date(day)))
        }
    };
    if let Some(days) = texts.iter().map(day).collect::<Option<Vec<_>>>() {
        return Some(Arc::new(Date32Array::from(days)));
    }
    let moment = |text: &Option<&str>| match text {
        None => Some(None),
        Some(text) => {
            let moment = DateTime::parse_from_rfc3339(text).ok()?;
            // Fractions of a microsecond would be lost.
            let is_exact = moment.timestamp_subsec_nanos() % 1000 == 0;
            is_exact.then(|| Some(moment.timestamp_micros()))
        }
    };
    let moments = texts.iter().map(moment).collect::<Option<Vec<_>>>()?;
    let array = TimestampMicrosecondArray::from(moments).with_timezone("UTC");
    Some(Arc::new(array))
}

fn lists(values: &[&Value]) -> Option<ArrayRef> {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for value in values {
        match value {
            Value::Null => builder.append_null(),
            Value::Array(items) => {
                for item in items {
                    match item {
                        Value::Null => builder.values().append_null(),
                        Value::String(text) => builder.values().append_value(text),
                        _ => return None,
                    }
                }
                builder.append(true);
            }
            _ => return None,
        }
    }
    Some(Arc::new(builder.finish()))
}

/// Every value as text: text is itself, everything else JSON.
fn texts(values: &[&Value]) -> ArrayRef {
    let text = |value: &&Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    Arc::new(values.iter().map(text).collect::<StringArray>())
}

#[cfg(test)]
mod tests {
    use arrow_ipc::reader::StreamReader;
    use bytes::Bytes;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::json::rows_of;
    use headcount_answer::AnswerColumn;

    fn answer(kinds: &[ColumnKind], rows: Vec<Vec<Value>>) -> Answer {
        let column = |(index, kind): (usize, &ColumnKind)| AnswerColumn {
            name: format!("c{index}"),
            kind: *kind,
        };
        Answer {
            columns: kinds.iter().enumerate().map(column).collect(),
            rows,
            notes: vec!["one".to_owned(), "two".to_owned()],
        }
    }

    fn from_ipc(bytes: &[u8]) -> Vec<Vec<Value>> {
        let reader = StreamReader::try_new(bytes, None).unwrap();
        assert_eq!(reader.schema().metadata()[NOTES], "one\ntwo");
        reader.flat_map(|batch| rows_of(&batch.unwrap())).collect()
    }

    fn from_parquet(bytes: Vec<u8>) -> Vec<Vec<Value>> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
        let batches = reader.build().unwrap();
        batches.flat_map(|batch| rows_of(&batch.unwrap())).collect()
    }

    #[test]
    fn each_kind_has_its_type() {
        use ColumnKind::{Boolean, Integer, List, Moment, Number, Other, Text};
        let rows = vec![
            vec![
                json!(true),
                json!(-1),
                json!(0.5),
                json!(""),
                json!("2026-11-01T08:00:00Z"),
                json!("2026-11-01"),
                json!(["a", null]),
                json!({"a": 1}),
            ],
            vec![Value::Null; 8],
        ];
        let answer = answer(
            &[Boolean, Integer, Number, Text, Moment, Moment, List, Other],
            rows,
        );
        let batch = to_record_batch(&answer).unwrap();
        let types: Vec<String> = batch
            .columns()
            .iter()
            .map(|column| column.data_type().to_string())
            .collect();
        assert_eq!(
            types[..5],
            [
                "Boolean",
                "Int64",
                "Float64",
                "Utf8",
                "Timestamp(µs, \"UTC\")"
            ]
        );
        assert_eq!(types[5], "Date32");
        assert!(types[6].starts_with("List"), "{}", types[6]);
        assert_eq!(types[7], "Utf8");
        let mut expected = answer.rows.clone();
        expected[0][7] = json!("{\"a\":1}");
        assert_eq!(from_ipc(&to_arrow_ipc(&answer).unwrap()), expected);
        assert_eq!(from_parquet(to_parquet(&answer).unwrap()), expected);
    }

    #[test]
    fn an_answer_without_rows_or_columns_is_written() {
        let empty = answer(&[ColumnKind::Text], Vec::new());
        assert!(from_ipc(&to_arrow_ipc(&empty).unwrap()).is_empty());
        assert!(from_parquet(to_parquet(&empty).unwrap()).is_empty());
        let bare = answer(&[], vec![Vec::new(), Vec::new()]);
        assert_eq!(to_record_batch(&bare).unwrap().num_rows(), 2);
    }

    proptest! {
        #[test]
        fn no_value_changes(
            integers in prop::collection::vec(prop::option::of(any::<i64>()), 0..20),
            unsigned in any::<u64>(),
            number in prop::num::f64::NORMAL,
            text in ".{0,20}",
            micros in -62_000_000_000_000_000_i64..250_000_000_000_000_000,
        ) {
            use ColumnKind::{Integer, Moment, Number, Text};
            let moment = DateTime::from_timestamp_micros(micros).unwrap();
            let moment = moment.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
            let row = |integer: &Option<i64>| vec![json!(integer), json!(number), json!(text), json!(moment)];
            let small = answer(&[Integer, Number, Text, Moment], integers.iter().map(row).collect());
            prop_assert_eq!(from_ipc(&to_arrow_ipc(&small).unwrap()), small.rows.clone());
            prop_assert_eq!(from_parquet(to_parquet(&small).unwrap()), small.rows);
            let large = answer(&[Integer], vec![vec![json!(unsigned)]]);
            prop_assert_eq!(from_ipc(&to_arrow_ipc(&large).unwrap()), large.rows);
        }
    }
}
