//! The hashes of a batch's values.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::{BooleanBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::common::utils::proxy::VecAllocExt;
use datafusion::error::Result;

/// Reads the values of batch after batch; keeps the memory that one took for the next.
#[derive(Default)]
pub(super) struct Values {
    hashes: Vec<Vec<u64>>,
}

impl Values {
    /// Calls `take(row, hash)` for each value of `columns` in the rows that `kept` selects (all, where it is none).
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
            && only.offsets.is_none()
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
    /// Which of them are neither null nor empty; all, where it is none.
    filled: Option<BooleanBuffer>,
    /// Where each row's items begin and end, of a list.
    offsets: Option<OffsetBuffer<i32>>,
    /// Which rows are a list at all.
    lists: Option<BooleanBuffer>,
}

impl<'h> Column<'h> {
    fn read(array: &ArrayRef, hashes: &'h mut Vec<u64>) -> Result<Self> {
        let (flat, offsets, lists) = match array.as_list_opt::<i32>() {
            Some(list) => {
                let lists = list.nulls().map(|nulls| nulls.inner().clone());
                (list.values(), Some(list.offsets().clone()), lists)
            }
            None => (array, None, None),
        };
        // A text has one hash, whichever type it comes in: short views are hashed otherwise than texts.
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
            offsets,
            lists,
        })
    }

    /// Whether each row has a value.
    fn is_full(&self) -> bool {
        self.filled.is_none() && self.offsets.is_none()
    }

    fn is_filled(&self, item: usize) -> bool {
        self.filled.as_ref().is_none_or(|filled| filled.value(item))
    }

    fn items(&self, row: usize) -> std::ops::Range<usize> {
        match &self.offsets {
            None => row..row + 1,
            Some(_) if self.lists.as_ref().is_some_and(|lists| !lists.value(row)) => 0..0,
            Some(offsets) => offsets[row] as usize..offsets[row + 1] as usize,
        }
    }
}

/// Which values are neither null nor the empty text; none where all are.
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
