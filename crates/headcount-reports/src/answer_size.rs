//! The size of a batch's rows as JSON values, computed before the conversion: an answer of shared buffers is small in the
//! engine and could exceed the limit outside of it.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;

/// A value without its text (`serde_json::Value`).
const VALUE: usize = 32;

/// The overhead of an allocation, and about the length of a moment as text.
const ALLOCATION: usize = 16;
const MOMENT: usize = 32;

/// A row's own list of values.
const ROW: usize = 24 + ALLOCATION;

/// Bytes of the rows of `batch` as values, and of the columns' names that each row of JSON repeats.
pub(crate) fn json_size(batch: &RecordBatch) -> usize {
    let names = |field: &std::sync::Arc<arrow::datatypes::Field>| field.name().len();
    let names: usize = batch.schema().fields().iter().map(names).sum();
    let values = batch.columns().iter().map(|column| array_size(column));
    batch.num_rows() * (ROW + names) + values.sum::<usize>()
}

fn array_size(array: &dyn Array) -> usize {
    let each = |bytes: usize| array.len() * bytes;
    let heap = match array.data_type() {
        DataType::Null | DataType::Boolean => 0,
        DataType::Utf8 => {
            let offsets = array.as_string::<i32>().value_offsets();
            each(ALLOCATION) + span(offsets.first(), offsets.last())
        }
        DataType::LargeUtf8 => {
            let offsets = array.as_string::<i64>().value_offsets();
            each(ALLOCATION) + span(offsets.first(), offsets.last())
        }
        DataType::Utf8View => {
            // The lower half of a view begins with the text's length.
            let views = array.as_string_view().views().iter();
            let lengths = views.map(|view| *view as u32 as usize);
            each(ALLOCATION) + lengths.sum::<usize>()
        }
        DataType::Dictionary(_, _) => {
            return cast(array, &DataType::Utf8View)
                .map_or_else(|_| estimate(array), |texts| array_size(&texts));
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let (first, last) = (list.value_offsets().first(), list.value_offsets().last());
            let start = first.map_or(0, |first| *first as usize);
            each(ALLOCATION) + array_size(&list.values().slice(start, span(first, last)))
        }
        DataType::Struct(fields) => {
            let names: usize = fields.iter().map(|field| field.name().len() + VALUE).sum();
            let columns = array.as_struct().columns().iter();
            each(names) + columns.map(|column| array_size(column)).sum::<usize>()
        }
        DataType::Timestamp(..) | DataType::Date32 => each(ALLOCATION + MOMENT),
        number if number.is_numeric() => 0,
        _ => return estimate(array),
    };
    each(VALUE) + heap
}

/// The distance from the first offset to the last.
fn span<T: Copy + TryInto<usize>>(first: Option<&T>, last: Option<&T>) -> usize {
    let at = |offset: Option<&T>| {
        let offset = offset.copied().map(TryInto::try_into);
        offset.and_then(Result::ok).unwrap_or(0)
    };
    at(last).saturating_sub(at(first))
}

/// A conservative estimate: bytes are written as two digits each, lists of lists value by value.
fn estimate(array: &dyn Array) -> usize {
    array.len() * (VALUE + ALLOCATION + MOMENT) + 4 * array.get_array_memory_size()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, ListArray, StringArray, StringViewArray};
    use arrow::datatypes::Int64Type;

    use super::*;

    fn size_of_column(name: &str, column: ArrayRef) -> usize {
        json_size(&RecordBatch::try_from_iter([(name, column)]).unwrap())
    }

    #[test]
    fn a_text_has_the_same_size_whether_its_buffer_is_shared_or_not() {
        let text = "a text that is longer than a view";
        let own = size_of_column("t", Arc::new(StringArray::from(vec![text; 100])));
        let shared = size_of_column("t", Arc::new(StringViewArray::from(vec![text; 100])));
        assert_eq!(own, shared);
        assert_eq!(own, 100 * (ROW + 1 + VALUE + ALLOCATION + text.len()));
    }

    #[test]
    fn the_size_of_a_slice_is_that_of_its_own_rows() {
        let lists = (0..100).map(|_| Some((0..10).map(Some)));
        let lists = ListArray::from_iter_primitive::<Int64Type, _, _>(lists);
        let all = size_of_column("t", Arc::new(lists.clone()));
        let half = size_of_column("t", Arc::new(lists.slice(50, 50)));
        assert_eq!(all, 2 * half);
    }

    #[test]
    fn every_row_of_json_repeats_the_names() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1; 10]));
        let short = size_of_column("n", Arc::clone(&numbers));
        let long = size_of_column(&"n".repeat(1001), numbers);
        assert_eq!(long - short, 10 * 1000);
    }
}
