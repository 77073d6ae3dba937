//! Any bytes as records, which a damaged log could hold, become columns or an error.

use headcount_catalog::Entries;
use proptest::collection::vec;
use proptest::prelude::*;

use super::support::{batch, schema};
use crate::memtable::{Chunk, Layout, decode};

/// The number of rows of our tables, if every entry, row and cell of theirs can be read; `None` otherwise.
fn readable_rows(bytes: &[u8], tables: usize) -> Option<usize> {
    let mut rows = 0;
    for entry in Entries::new(bytes) {
        for row in entry.ok()?.rows() {
            let row = row.ok()?;
            // The cells of a table that is not ours are of no interest.
            if usize::from(row.table.0) >= tables {
                continue;
            }
            if row.cells().any(|cell| cell.is_err()) {
                return None;
            }
            rows += 1;
        }
    }
    Some(rows)
}

fn check(bytes: Vec<u8>) -> Result<(), TestCaseError> {
    let schema = schema();
    let tables = schema.tables.len();
    let layout = Layout::new(schema, vec![0; tables]);
    let readable = readable_rows(&bytes, tables);
    let chunk = Chunk {
        sequence: 1,
        bytes: bytes.into(),
        renumbering: None,
    };
    match decode(&layout, &[chunk]) {
        Ok(batches) => {
            let rows = batches.iter().flatten().map(|batch| batch.num_rows());
            prop_assert_eq!(
                Some(rows.sum::<usize>()),
                readable,
                "a record that cannot be read is an error, and never left out"
            );
        }
        Err(_) => prop_assert!(readable.is_none(), "readable records become columns"),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_become_columns_or_an_error(bytes in vec(any::<u8>(), 0..400)) {
        check(bytes)?;
    }

    #[test]
    fn damaged_records_become_columns_or_an_error(
        spans in 0..40_u64,
        flips in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let mut bytes = batch(0..spans).bytes().to_vec();
        for (at, with) in flips {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] ^= with;
            }
        }
        check(bytes)?;
    }
}
