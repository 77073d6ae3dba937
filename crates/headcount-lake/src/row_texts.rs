//! The texts in the rows of any Parquet file, whatever its columns are called: for the proof of an erasure, which trusts nothing that the
//! erasure knows of tables.

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;

use crate::error::LakeError;

/// The columns of a batch that hold texts, alone or in lists.
pub(crate) struct RowTexts {
    columns: Vec<(String, Texts)>,
}

enum Texts {
    One(StringArray),
    /// With the places of each row's values.
    Many(StringArray, Vec<i32>),
}

impl RowTexts {
    pub(crate) fn of(batch: &RecordBatch) -> Result<Self, LakeError> {
        let mut columns = Vec::new();
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            let texts = match column.data_type() {
                DataType::List(item) if is_text(item.data_type()) => {
                    let lists = column.as_list::<i32>();
                    let values = strings(lists.values())?;
                    Texts::Many(values, lists.value_offsets().to_vec())
                }
                text if is_text(text) => Texts::One(strings(column)?),
                _ => continue,
            };
            columns.push((field.name().clone(), texts));
        }
        Ok(Self { columns })
    }

    /// Each text of a row, with the name of its column.
    pub(crate) fn row(&self, row: usize) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.columns.iter().flat_map(move |(name, texts)| {
            let (values, places) = match texts {
                Texts::One(values) => (values, row..row + 1),
                Texts::Many(values, offsets) => {
                    (values, offsets[row] as usize..offsets[row + 1] as usize)
                }
            };
            let there = places.filter(|place| values.is_valid(*place));
            there.map(move |place| (name.as_str(), values.value(place)))
        })
    }
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

fn strings(column: &dyn Array) -> Result<StringArray, LakeError> {
    Ok(cast(column, &DataType::Utf8)?.as_string::<i32>().clone())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, DictionaryArray, Int64Array, ListArray, StringViewArray, types::Int32Type,
    };
    use arrow::array::{ListBuilder, StringBuilder};

    use super::*;

    #[test]
    fn texts_of_every_form_are_found_with_their_columns() {
        let plain = StringArray::from(vec![Some("a"), None]);
        let view = StringViewArray::from(vec![Some("b"), Some("c")]);
        let words: DictionaryArray<Int32Type> = vec![None, Some("d")].into_iter().collect();
        let mut lists = ListBuilder::new(StringBuilder::new());
        lists.append_value([Some("e"), None, Some("f")]);
        lists.append_null();
        let lists: ListArray = lists.finish();
        let numbers = Int64Array::from(vec![1, 2]);
        let columns: [(&str, ArrayRef); 5] = [
            ("plain", Arc::new(plain)),
            ("view", Arc::new(view)),
            ("words", Arc::new(words)),
            ("lists", Arc::new(lists)),
            ("numbers", Arc::new(numbers)),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        // As a reader may give it: not from its first row on.
        for first in [0, 1] {
            let batch = batch.slice(first, 2 - first);
            let texts = RowTexts::of(&batch).unwrap();
            let rows: Vec<Vec<_>> = (first..2)
                .map(|row| texts.row(row - first).collect())
                .collect();
            let expected = [
                vec![
                    ("plain", "a"),
                    ("view", "b"),
                    ("lists", "e"),
                    ("lists", "f"),
                ],
                vec![("view", "c"), ("words", "d")],
            ];
            assert_eq!(rows, expected[first..]);
        }
    }
}
