//! Any bytes as admitted records, which a log that was written badly could hold: reading them ends, what is read is
//! written and read again alike, and columns are made of it or the error that reading met.
#![no_main]

use std::sync::{Arc, LazyLock};

use headcount_catalog::{BatchWriter, Catalog, Cell, Entries, RowWriter};
use libfuzzer_sys::fuzz_target;

#[path = "../lake/mod.rs"]
mod lake;
use lake::{arrow_rows, error, memtable};

use memtable::{Chunk, Layout, decode};

static LAYOUT: LazyLock<Arc<Layout>> = LazyLock::new(|| {
    let schema = Arc::clone(Catalog::embedded().schema());
    let applied = vec![0; schema.tables.len()];
    Layout::new(schema, applied)
});

fuzz_target!(|bytes: &[u8]| {
    let mut writer = BatchWriter::for_tests(bytes.len());
    let mut is_sound = true;
    let mut rows = 0;
    for entry in Entries::new(bytes) {
        let Ok(entry) = entry else {
            is_sound = false;
            break;
        };
        writer.begin_entry(entry.fingerprint);
        for row in entry.rows() {
            let Ok(row) = row else {
                is_sound = false;
                break;
            };
            rows += u64::from(LAYOUT.schema.table(row.table).is_some());
            writer.row(row.table, |written| {
                for cell in row.cells() {
                    match cell {
                        Ok((column, cell)) => write(written, column, cell),
                        Err(_) => is_sound = false,
                    }
                }
            });
        }
        writer.end_entry();
    }
    let batch = writer.finish();
    assert_eq!(listed(batch.bytes()), listed(bytes), "another reading");
    let chunk = Chunk {
        sequence: 1,
        bytes: bytes.to_vec().into(),
        renumbering: None,
    };
    match decode(&LAYOUT, &[chunk]) {
        Ok(tables) => {
            let decoded = tables.iter().flatten().map(|batch| batch.num_rows() as u64);
            assert_eq!(decoded.sum::<u64>(), rows);
        }
        Err(_) => assert!(!is_sound, "sound records become columns"),
    }
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
