//! Which lists of a batch are alike: what is worked out for one of them holds for all.
//!
//! Crews are equipped with few different sets of tools, so a batch of thousands of lists has a hundred different ones.

use std::hash::{BuildHasher, Hasher};
use std::ops::Range;

use arrow::array::{Array, ArrayRef, ListArray, StringArray, UInt32Array};
use arrow::compute::{cast, take};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use hashbrown::{DefaultHashBuilder, HashTable};

/// The different lists of a batch of lists of texts.
pub(crate) struct AlikeLists {
    /// The items of the different lists, one list after the other.
    pub(crate) items: ArrayRef,
    /// Where in `items` each of the different lists is.
    pub(crate) ranges: Vec<Range<usize>>,
    /// Which of the different lists each row has; what a row that is null has is not said.
    pub(crate) of_rows: Vec<u32>,
}

impl AlikeLists {
    /// Sorts the rows of `lists`, whose items are texts of any type. Only items of its rows are looked at, also where
    /// it is a slice of a larger array.
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
            // A missing item is no empty one, and looks like it: such lists, which no framework sends, stay apart.
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

/// The ranges that differ in what `texts` has there, and which of them each range is like.
fn different(
    ranges: impl Iterator<Item = Range<usize>>,
    texts: &StringArray,
) -> (Vec<Range<usize>>, Vec<u32>) {
    let (ends, bytes) = (texts.value_offsets(), texts.value_data());
    // All bytes of a list stand together; with the lengths of its items they are the list.
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
        let is_alike = |&number: &u32| {
            let first = &firsts[number as usize];
            first.len() == range.len()
                && bytes_of(first) == bytes_of(&range)
                && lengths_of(first).eq(lengths_of(&range))
        };
        let hash = hash_of(&range);
        if let Some(&number) = seen.find(hash, is_alike) {
            return number;
        }
        let number = firsts.len() as u32;
        let _entry = seen.insert_unique(hash, number, |&number| hash_of(&firsts[number as usize]));
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

    fn texts_of(alike: &AlikeLists, row: usize) -> Vec<String> {
        let items = alike.items.as_string::<i32>();
        let range = alike.ranges[alike.of_rows[row] as usize].clone();
        range.map(|item| items.value(item).to_owned()).collect()
    }

    #[test]
    fn lists_are_alike_when_they_have_the_same_items() {
        let lists = lists(&[
            Some(&[Some("ab"), Some("c")]),
            Some(&[Some("a"), Some("bc")]),
            Some(&[Some("ab"), Some("c")]),
            Some(&[]),
            None,
            Some(&[Some("")]),
        ]);
        let alike = AlikeLists::of(&lists).unwrap();
        assert_eq!(alike.of_rows[0], alike.of_rows[2]);
        assert_eq!(alike.ranges.len(), 4);
        assert_eq!(texts_of(&alike, 1), ["a", "bc"]);
        assert_eq!(texts_of(&alike, 3), [""; 0]);
        assert_eq!(texts_of(&alike, 5), [""]);
    }

    #[test]
    fn of_a_slice_only_its_own_items_are_looked_at() {
        let whole: Vec<String> = (0..10_000).map(|number| format!("tool {number}")).collect();
        let whole: Vec<[Option<&str>; 1]> =
            whole.iter().map(|text| [Some(text.as_str())]).collect();
        let rows: Vec<Option<&[Option<&str>]>> = whole.iter().map(|row| Some(&row[..])).collect();
        let alike = AlikeLists::of(&lists(&rows).slice(5_000, 2)).unwrap();
        assert_eq!(alike.items.len(), 2);
        assert_eq!(texts_of(&alike, 1), ["tool 5001"]);
    }

    #[test]
    fn a_missing_item_is_not_an_empty_one() {
        let lists = lists(&[Some(&[Some("")]), Some(&[None])]);
        let alike = AlikeLists::of(&lists).unwrap();
        assert!(alike.items.is_valid(alike.ranges[0].start));
        assert!(alike.items.is_null(alike.ranges[1].start));
    }
}
