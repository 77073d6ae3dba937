//! Any bytes as admitted records, which a damaged log could hold: reading them ends, and the records that were read are the
//! same after they are written and read again.
#![no_main]
// Rows that no admission made.
#![allow(clippy::disallowed_methods)]

use headcount_catalog::{BatchWriter, Cell, Entries, RowWriter};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut writer = BatchWriter::for_tests(bytes.len());
    for entry in Entries::new(bytes).map_while(Result::ok) {
        writer.begin_entry(entry.fingerprint);
        for row in entry.rows().map_while(Result::ok) {
            writer.row(row.table, |written| {
                for (column, cell) in row.cells().map_while(Result::ok) {
                    write(written, column, cell);
                }
            });
        }
        writer.end_entry();
    }
    let batch = writer.finish();
    assert_eq!(listed(batch.bytes()), listed(bytes), "another reading");
});

fn write(row: &mut RowWriter<'_>, column: usize, cell: Cell<'_>) {
    match cell {
        Cell::Boolean(value) => row.boolean(column, value),
        Cell::Integer(value) => row.integer(column, value),
        Cell::Double(value) => row.double(column, value),
        Cell::Timestamp(value) => row.timestamp(column, value),
        Cell::Text(value) => row.text(column, value),
        Cell::TextList(list) => {
            let texts: Vec<&str> = list.iter().collect();
            assert_eq!(texts.len(), list.len());
            row.text_list(column, texts.into_iter());
        }
    }
}

/// All that can be read, as text; entries without rows are not written, and so not listed.
fn listed(bytes: &[u8]) -> Vec<String> {
    let mut listed = Vec::new();
    for entry in Entries::new(bytes).map_while(Result::ok) {
        for row in entry.rows().map_while(Result::ok) {
            let mut line = format!("{:x} {}", entry.fingerprint.0, row.table.0);
            for (column, cell) in row.cells().map_while(Result::ok) {
                let cell = match cell {
                    Cell::Double(value) => format!("{:x}", value.to_bits()),
                    Cell::TextList(list) => format!("{:?}", list.iter().collect::<Vec<_>>()),
                    other => format!("{other:?}"),
                };
                line.push_str(&format!(" {column}={cell}"));
            }
            listed.push(line);
        }
    }
    listed
}
