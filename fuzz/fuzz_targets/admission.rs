//! Any bytes as a request to admission: what comes out is rows of the catalog's tables with the columns' types, keys and
//! span names that no dialect knows are nowhere in it, and the same bytes get the same answer.
#![no_main]

use std::sync::LazyLock;

use headcount_catalog::{Admission, Catalog, Cell, ColumnType, Dialect, Secret};
use libfuzzer_sys::fuzz_target;

const RECEIVED_US: i64 = 1_795_500_000_000_000;

static ADMISSION: LazyLock<Admission> = LazyLock::new(|| {
    let dialects = Dialect::embedded().expect("embedded dialects");
    Admission::new(Catalog::embedded(), dialects, Secret::new([7; 32])).expect("they fit")
});

fuzz_target!(|body: &[u8]| {
    let Ok(outcome) = ADMISSION.admit(body, 0, RECEIVED_US) else {
        return;
    };
    let schema = Catalog::embedded().schema();
    for entry in outcome.batch.entries() {
        for row in entry.expect("an entry").rows() {
            let row = row.expect("a row");
            let table = schema.table(row.table).expect("a table of the catalog");
            let mut last = None;
            for cell in row.cells() {
                let (column, cell) = cell.expect("a cell");
                let column_type = table.columns[column].column_type;
                let fits = match cell {
                    Cell::Boolean(_) => column_type == ColumnType::Boolean,
                    Cell::Integer(_) => column_type == ColumnType::Integer,
                    Cell::Double(value) => column_type == ColumnType::Double && value.is_finite(),
                    Cell::Timestamp(_) => column_type == ColumnType::Timestamp,
                    Cell::Text(_) => column_type == ColumnType::Text,
                    Cell::TextList(_) => column_type == ColumnType::TextList,
                };
                assert!(fits, "{}.{}", table.name, table.columns[column].name);
                assert!(last < Some(column), "a column twice or out of order");
                last = Some(column);
            }
            if table.name == "refusals" {
                continue;
            }
            assert!(last.is_some(), "no empty rows");
        }
    }
    let again = ADMISSION.admit(body, 0, RECEIVED_US).expect("as before");
    assert_eq!(again.spans_accepted, outcome.spans_accepted);
    assert_eq!(again.spans_rejected, outcome.spans_rejected);
});
