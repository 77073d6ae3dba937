//! The hashes of a batch's values.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::common::utils::proxy::VecAllocExt;
use datafusion::error::Result;

/// Hashes the values of batch after batch, in the same memory.
#[derive(Default)]
pub(super) struct Values {
    hashes: Vec<Vec<u64>>,
}

impl Values {
    /// Calls `take(row, hash)` for each value of `columns` in the rows that `kept` selects (all, if `None`).
    pub(super) fn each(
        &mut self,
        columns: &[ArrayRef],
        kept: Option<&BooleanArray>,
        mut take: impl FnMut(usize, u64),
    ) -> Result<()> {
        self.hashes.resize_with(columns.len(), Vec::new);
        let mut read: Vec<Column<'_>> = Vec::with_capacity(columns.len());
        for (array, hashes) in columns.iter().zip(&mut self.hashes) {
            // Where a column has a value in each row, the columns after it do not count.
            if read.last().is_some_and(Column::is_full) {
                break;
            }
            read.push(Column::read(array, hashes)?);
        }
        let is_kept = |row| kept.is_none_or(|kept| kept.is_valid(row) && kept.value(row));
        if let [only] = read.as_slice()
            && only.lists.is_none()
        {
            for (row, &hash) in only.hashes.iter().enumerate() {
                if is_kept(row) && only.is_filled(row) {
                    take(row, hash);
                }
            }
            return Ok(());
        }
        let rows = columns.first().map_or(0, Array::len);
        for row in (0..rows).filter(|&row| is_kept(row)) {
            for column in &read {
                let mut found = false;
                for item in column.items(row).filter(|&item| column.is_filled(item)) {
                    take(row, column.hashes[item]);
                    found = true;
                }
                if found {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Bytes of memory.
    pub(super) fn size(&self) -> usize {
        self.hashes.iter().map(VecAllocExt::allocated_size).sum()
    }
}

/// One argument: its values, or the items of its lists, flat.
struct Column<'h> {
    hashes: &'h [u64],
    /// Which of them are neither null nor empty; all, if `None`.
    filled: Option<BooleanBuffer>,
    lists: Option<Lists>,
}

impl<'h> Column<'h> {
    fn read(array: &ArrayRef, hashes: &'h mut Vec<u64>) -> Result<Self> {
        let lists = Lists::of(array);
        let flat = lists.as_ref().map_or(array, |lists| &lists.items);
        // A text has one hash in every Arrow type: DataFusion hashes short views differently from other texts.
        let flat = &match flat.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 => cast(flat, &DataType::Utf8View)?,
            _ => Arc::clone(flat),
        };
        hashes.clear();
        hashes.resize(flat.len(), 0);
        let _: &mut [u64] = create_hashes([flat], &RandomState::with_seed(7), &mut *hashes)?;
        Ok(Self {
            hashes,
            filled: filled(flat),
            lists,
        })
    }

    /// Whether each row has a value.
    fn is_full(&self) -> bool {
        self.filled.is_none() && self.lists.is_none()
    }

    fn is_filled(&self, item: usize) -> bool {
        self.filled.as_ref().is_none_or(|filled| filled.value(item))
    }

    fn items(&self, row: usize) -> Range<usize> {
        let lists = self.lists.as_ref();
        lists.map_or(row..row + 1, |lists| lists.range(row))
    }
}

/// A column of lists.
struct Lists {
    /// The items of the rows: few in a small slice of large lists.
    items: ArrayRef,
    /// Where in the array that was sliced the items begin.
    first: usize,
    places: Places,
    /// Which rows are not null.
    present: Option<NullBuffer>,
}

/// Where each row's items are.
enum Places {
    /// From its own offset to the next row's.
    Offsets(OffsetBuffer<i32>),
    /// Offset and size; rows may share items.
    Sizes(ScalarBuffer<i32>, ScalarBuffer<i32>),
}

impl Lists {
    /// `None` where the column has no lists.
    fn of(array: &ArrayRef) -> Option<Self> {
        let (values, places) = if let Some(list) = array.as_list_opt::<i32>() {
            (list.values(), Places::Offsets(list.offsets().clone()))
        } else if let Some(list) = array.as_list_view_opt::<i32>() {
            let places = Places::Sizes(list.offsets().clone(), list.sizes().clone());
            (list.values(), places)
        } else {
            return None;
        };
        let used = match &places {
            Places::Offsets(offsets) => offsets[0] as usize..offsets[array.len()] as usize,
            Places::Sizes(..) => (0..array.len())
                .map(|row| places.range(row))
                .filter(|range| !range.is_empty())
                .reduce(|all, one| all.start.min(one.start)..all.end.max(one.end))
                .unwrap_or_default(),
        };
        Some(Self {
            items: values.slice(used.start, used.len()),
            first: used.start,
            places,
            present: array.nulls().cloned(),
        })
    }

    /// The row's items in `items`.
    fn range(&self, row: usize) -> Range<usize> {
        let range = self.places.range(row);
        let absent = self.present.as_ref().is_some_and(|rows| rows.is_null(row));
        if absent || range.is_empty() {
            return 0..0;
        }
        range.start - self.first..range.end - self.first
    }
}

impl Places {
    fn range(&self, row: usize) -> Range<usize> {
        match self {
            Self::Offsets(offsets) => offsets[row] as usize..offsets[row + 1] as usize,
            Self::Sizes(offsets, sizes) => {
                let start = offsets[row] as usize;
                start..start + sizes[row] as usize
            }
        }
    }
}

/// Which values are neither null nor the empty text; `None` where all are.
fn filled(values: &ArrayRef) -> Option<BooleanBuffer> {
    let long = match values.data_type() {
        DataType::Utf8View => {
            let views = values.as_string_view().views();
            // The low half of the first eight bytes is the length (Arrow columnar format §Variable-size Binary View).
            Some(BooleanBuffer::collect_bool(values.len(), |row| {
                views[row] & u128::from(u32::MAX) != 0
            }))
        }
        _ => None,
    };
    let valid = values.logical_nulls().map(|nulls| nulls.into_inner());
    let filled = match (long, valid) {
        (Some(long), Some(valid)) => &long & &valid,
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => return None,
    };
    (filled.count_set_bits() < filled.len()).then_some(filled)
}

#[cfg(test)]
mod tests {
    use arrow::array::{ListArray, ListViewArray};
    use arrow::datatypes::Int64Type;

    use super::*;

    fn of_a_slice(lists: &ArrayRef) -> (Vec<usize>, usize) {
        let mut hashes = Vec::new();
        let slice = lists.slice(5_000, 3);
        let column = Column::read(&slice, &mut hashes).unwrap();
        let lengths = (0..3).map(|row| column.items(row).len()).collect();
        let read = column.hashes.len();
        (lengths, read)
    }

    #[test]
    fn of_a_slice_of_lists_only_its_own_items_are_hashed() {
        let rows = (0..10_000).map(|row| (row != 5_001).then(|| vec![Some(row), Some(-row)]));
        let lists = ListArray::from_iter_primitive::<Int64Type, _, _>(rows);
        let views = ListViewArray::from(lists.clone());
        for lists in [Arc::new(lists) as ArrayRef, Arc::new(views)] {
            let (lengths, read) = of_a_slice(&lists);
            assert_eq!(lengths, [2, 0, 2]);
            assert_eq!(read, 4, "{}", lists.data_type());
        }
    }

    #[test]
    fn a_slice_of_lists_has_the_values_that_the_lists_have_there() {
        let rows = (0..100).map(|row| Some(vec![Some(row)]));
        let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(rows));
        let values_of = |lists: ArrayRef| {
            let mut values = Vec::new();
            let read = Values::default().each(&[lists], None, |_, hash| values.push(hash));
            read.unwrap();
            values
        };
        let slice = values_of(lists.slice(90, 3));
        assert_eq!(slice, values_of(lists)[90..93]);
    }
}
