//! Arrow columns as JSON values.
//!
//! Booleans and numbers stay what they are; a number that JSON does not know (NaN, infinity) is null; moments are ISO 8601
//! text in UTC; lists are arrays, structs and maps are objects; everything else is its text.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{
    DataType, Date32Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value};

/// The rows of `batch`.
pub(crate) fn rows_of(batch: &RecordBatch) -> Vec<Vec<Value>> {
    let mut rows: Vec<Vec<Value>> = (0..batch.num_rows())
        .map(|_| Vec::with_capacity(batch.num_columns()))
        .collect();
    for column in batch.columns() {
        for (row, value) in rows.iter_mut().zip(values_of(column)) {
            row.push(value);
        }
    }
    rows
}

/// The values of `array`, one per row.
pub(crate) fn values_of(array: &ArrayRef) -> Vec<Value> {
    read(array).unwrap_or_else(|| texts_of(array))
}

fn read(array: &ArrayRef) -> Option<Vec<Value>> {
    let values = match array.data_type() {
        DataType::Null => vec![Value::Null; array.len()],
        DataType::Boolean => each(array.as_boolean().iter(), Value::Bool),
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => {
            let array = cast(array, &DataType::Int64).ok()?;
            each(array.as_primitive::<Int64Type>().iter(), Value::from)
        }
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => {
            let array = cast(array, &DataType::UInt64).ok()?;
            each(array.as_primitive::<UInt64Type>().iter(), Value::from)
        }
        DataType::Float16
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => {
            let array = cast(array, &DataType::Float64).ok()?;
            each(array.as_primitive::<Float64Type>().iter(), Value::from)
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let array = cast(array, &DataType::Utf8View).ok()?;
            each(array.as_string_view().iter(), Value::from)
        }
        DataType::Timestamp(..) => moments_of(array)?,
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>();
            let text = |day| Date32Type::to_naive_date_opt(day).map(|day| day.to_string());
            each(days.iter(), |day| text(day).into())
        }
        DataType::Dictionary(_, values) => values_of(&cast(array, values).ok()?),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => {
            let array = cast(array, &DataType::LargeList(item.clone())).ok()?;
            let lists = array.as_list::<i64>();
            each(lists.iter(), |list| Value::Array(values_of(&list)))
        }
        DataType::Struct(_) => objects_of(array),
        _ => return None,
    };
    Some(values)
}

fn each<T>(values: impl Iterator<Item = Option<T>>, make: impl Fn(T) -> Value) -> Vec<Value> {
    values
        .map(|value| value.map_or(Value::Null, &make))
        .collect()
}

fn moments_of(array: &ArrayRef) -> Option<Vec<Value>> {
    // A moment outside the range of the cast becomes null instead of failing the answer.
    let safe = CastOptions {
        safe: true,
        ..CastOptions::default()
    };
    let micros = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let array = cast_with_options(array, &micros, &safe).ok()?;
    let text = |micros| {
        let moment = DateTime::from_timestamp_micros(micros)?;
        Some(moment.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    };
    let moments = array.as_primitive::<TimestampMicrosecondType>().iter();
    Some(each(moments, |micros| text(micros).into()))
}

fn objects_of(array: &ArrayRef) -> Vec<Value> {
    let fields = array.as_struct();
    let mut objects = vec![Map::new(); array.len()];
    for (name, column) in fields.column_names().into_iter().zip(fields.columns()) {
        for (object, value) in objects.iter_mut().zip(values_of(column)) {
            let _: Option<Value> = object.insert(name.to_owned(), value);
        }
    }
    let present = |(row, object)| {
        if array.is_valid(row) {
            Value::Object(object)
        } else {
            Value::Null
        }
    };
    objects.into_iter().enumerate().map(present).collect()
}

/// The values as text; null where a value has none.
fn texts_of(array: &ArrayRef) -> Vec<Value> {
    let options = FormatOptions::default();
    let Ok(formatter) = ArrayFormatter::try_new(array.as_ref(), &options) else {
        return vec![Value::Null; array.len()];
    };
    let text = |row| match formatter.value(row).try_to_string() {
        Ok(text) if array.is_valid(row) => Value::String(text),
        _ => Value::Null,
    };
    (0..array.len()).map(text).collect()
}
