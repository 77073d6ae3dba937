//! The distinct lists of a batch, so that a function of a list is computed once for equal lists.
//!
//! Crews are equipped with few different sets of tools, so a batch of thousands of lists has a hundred distinct ones.

use std::hash::{BuildHasher, Hasher};
use std::ops::Range;

use arrow::array::{Array, ArrayRef, ListArray, StringArray, UInt32Array};
use arrow::compute::{cast, take};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use hashbrown::{DefaultHashBuilder, HashTable};

/// The distinct lists of a batch of lists of texts.
pub(crate) struct DistinctLists {
    /// The items of the distinct lists, one list after the other.
    pub(crate) items: ArrayRef,
    /// The range in `items` of each distinct list.
    pub(crate) ranges: Vec<Range<usize>>,
    /// The position in `ranges` of each row's list; arbitrary for a null row.
    pub(crate) of_rows: Vec<u32>,
}

impl DistinctLists {
    /// Finds the distinct lists of `lists`, whose items are texts of any type. Only items of its rows are read, also
    /// where it is a slice of a larger array.
    pub(crate) fn of(lists: &ListArray) -> Result<Self, ArrowError> {
        let offsets = lists.value_offsets();
        let (first, end) = match offsets {
            [first, .., end] => (*first as usize, *end as usize),
            _ => (0, 0),
        };
        let items = lists.values().slice(first, end - first);
        let items = cast(&items, &DataType::Utf8)?;
        let range_of =
            |row: usize| offsets[row] as usize - first..offsets[row + 1] as usize - first;
        let (firsts, of_rows) = match items.as_any().downcast_ref::<StringArray>() {
            Some(texts) if texts.null_count() == 0 => {
                different((0..lists.len()).map(range_of), texts)
            }
            // A null item has the bytes of an empty text. Lists with one, which no framework sends, all count as distinct.
            _ => (
                (0..lists.len()).map(range_of).collect(),
                (0..).take(lists.len()).collect(),
            ),
        };
        let mut positions: Vec<u32> = Vec::new();
        let mut ranges = Vec::with_capacity(firsts.len());
        for range in firsts {
            let start = positions.len();
            positions.extend(range.map(|item| item as u32));
            ranges.push(start..positions.len());
        }
        Ok(Self {
            items: take(&items, &UInt32Array::from(positions), None)?,
            ranges,
            of_rows,
        })
    }
}

/// The ranges whose texts differ, and for each range the position of the one that it equals.
fn different(
    ranges: impl Iterator<Item = Range<usize>>,
    texts: &StringArray,
) -> (Vec<Range<usize>>, Vec<u32>) {
    let (ends, bytes) = (texts.value_offsets(), texts.value_data());
    // The bytes of a list are contiguous; together with the lengths of its items they identify it.
    let bytes_of =
        |range: &Range<usize>| &bytes[ends[range.start] as usize..ends[range.end] as usize];
    let lengths_of = |range: &Range<usize>| {
        let ends = &ends[range.start..=range.end];
        ends.windows(2).map(|pair| pair[1] - pair[0])
    };
    let build = DefaultHashBuilder::default();
    let hash_of = |range: &Range<usize>| {
        let mut hasher = build.build_hasher();
        lengths_of(range).for_each(|length| hasher.write_i32(length));
        hasher.write(bytes_of(range));
        hasher.finish()
    };
    let mut seen: HashTable<u32> = HashTable::new();
    let mut firsts: Vec<Range<usize>> = Vec::new();
    let of_rows = ranges.map(|range| {
        let is_same = |&number: &u32| {
            let first = &firsts[number as usize];
            first.len() == range.len()
                && bytes_of(first) == bytes_of(&range)
                && lengths_of(first).eq(lengths_of(&range))
        };
        let hash = hash_of(&range);
        if let Some(&number) = seen.find(hash, is_same) {
            return number;
        }
        let number = firsts.len() as u32;
        seen.insert_unique(hash, number, |&number| hash_of(&firsts[number as usize]));
        firsts.push(range);
        number
    });
    let of_rows = of_rows.collect();
    (firsts, of_rows)
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::array::builder::{ListBuilder, StringBuilder};

    use super::*;

    fn lists(rows: &[Option<&[Option<&str>]>]) -> ListArray {
        let mut builder = ListBuilder::new(StringBuilder::new());
        for row in rows {
            for item in row.iter().copied().flatten() {
                builder.values().append_option(*item);
            }
            builder.append(row.is_some());
        }
        builder.finish()
    }

    fn texts_of(distinct: &DistinctLists, row: usize) -> Vec<String> {
        let items = distinct.items.as_string::<i32>();
        let range = distinct.ranges[distinct.of_rows[row] as usize].clone();
        range.map(|item| items.value(item).to_owned()).collect()
    }

    #[test]
    fn lists_are_equal_when_they_have_the_same_items() {
        let lists = lists(&[
            Some(&[Some("ab"), Some("c")]),
            Some(&[Some("a"), Some("bc")]),
            Some(&[Some("ab"), Some("c")]),
            Some(&[]),
            None,
            Some(&[Some("")]),
        ]);
        let distinct = DistinctLists::of(&lists).unwrap();
        assert_eq!(distinct.of_rows[0], distinct.of_rows[2]);
        assert_eq!(distinct.ranges.len(), 4);
        assert_eq!(texts_of(&distinct, 1), ["a", "bc"]);
        assert_eq!(texts_of(&distinct, 3), [""; 0]);
        assert_eq!(texts_of(&distinct, 5), [""]);
    }

    #[test]
    fn of_a_slice_only_its_own_items_are_looked_at() {
        let whole: Vec<String> = (0..10_000).map(|number| format!("tool {number}")).collect();
        let whole: Vec<[Option<&str>; 1]> =
            whole.iter().map(|text| [Some(text.as_str())]).collect();
        let rows: Vec<Option<&[Option<&str>]>> = whole.iter().map(|row| Some(&row[..])).collect();
        let distinct = DistinctLists::of(&lists(&rows).slice(5_000, 2)).unwrap();
        assert_eq!(distinct.items.len(), 2);
        assert_eq!(texts_of(&distinct, 1), ["tool 5001"]);
    }

    #[test]
    fn a_missing_item_is_not_an_empty_one() {
        let lists = lists(&[Some(&[Some("")]), Some(&[None])]);
        let distinct = DistinctLists::of(&lists).unwrap();
        assert!(distinct.items.is_valid(distinct.ranges[0].start));
        assert!(distinct.items.is_null(distinct.ranges[1].start));
    }
}
