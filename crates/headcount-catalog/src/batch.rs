//! Writing records: the batch that admission makes, in the form that `record.rs` describes.

use headcount_wire::varint;

use crate::record::{ENTRY_HEADER, Entries, Fingerprint, Row};
use crate::schema::TableId;
use crate::secret::KeyedReceipt;

/// Records that have passed admission: encoded, and made nowhere else.
#[derive(Debug, Clone, Default)]
pub struct AdmittedBatch {
    bytes: Vec<u8>,
    entries: usize,
    spans: usize,
    rows: usize,
    receipt: Option<KeyedReceipt>,
}

impl AdmittedBatch {
    /// The encoded entries.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The entries in order.
    pub fn entries(&self) -> Entries<'_> {
        Entries::new(&self.bytes)
    }

    /// How many entries there are.
    pub fn entry_count(&self) -> usize {
        self.entries
    }

    /// How many of the first entries are spans. An entry after them holds the refusal counts.
    pub fn span_count(&self) -> usize {
        self.spans
    }

    /// How many rows there are in all entries.
    pub fn row_count(&self) -> usize {
        self.rows
    }

    /// Lets its sender have it erased, if it came with a receipt.
    pub fn receipt(&self) -> Option<KeyedReceipt> {
        self.receipt
    }

    /// Whether there is nothing to store.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// Writes entries, rows and cells into a batch. Only admission makes one ([`BatchWriter::for_tests`] aside, which
/// clippy refuses outside tests).
#[derive(Debug, Default)]
pub struct BatchWriter {
    batch: AdmittedBatch,
    entry_start: usize,
    /// Whether the entry that is being written holds counts.
    counting: bool,
    row: Vec<u8>,
}

impl BatchWriter {
    /// An empty batch with room for `capacity` bytes, for tests of the store: nothing in it was admitted. Code that ships
    /// cannot call it: `clippy.toml` lists it among the disallowed methods.
    #[doc(hidden)]
    pub fn for_tests(capacity: usize) -> Self {
        Self::with_capacity(capacity)
    }

    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let batch = AdmittedBatch {
            bytes: Vec::with_capacity(capacity),
            entries: 0,
            spans: 0,
            rows: 0,
            receipt: None,
        };
        Self {
            batch,
            entry_start: 0,
            counting: false,
            row: Vec::with_capacity(256),
        }
    }

    /// The same for a request that came with `receipt`.
    #[must_use]
    pub fn under(mut self, receipt: Option<KeyedReceipt>) -> Self {
        self.batch.receipt = receipt;
        self
    }

    /// Begins the entry of one span.
    pub fn begin_entry(&mut self, fingerprint: Fingerprint) {
        self.entry_start = self.batch.bytes.len();
        self.batch
            .bytes
            .extend_from_slice(&fingerprint.0.to_le_bytes());
        self.batch.bytes.extend_from_slice(&[0; 4]);
    }

    /// Begins the entry of the request's refusal counts, which is the last; `fingerprint` stands for all of its spans.
    pub fn begin_counts(&mut self, fingerprint: Fingerprint) {
        self.counting = true;
        self.begin_entry(fingerprint);
    }

    /// Ends the entry; one without rows is removed.
    pub fn end_entry(&mut self) {
        let length = self.batch.bytes.len() - self.entry_start - ENTRY_HEADER;
        let Some(length) = u32::try_from(length).ok().filter(|&length| length > 0) else {
            self.batch.bytes.truncate(self.entry_start);
            return;
        };
        let at = self.entry_start + 8;
        self.batch.bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
        self.batch.entries += 1;
        self.batch.spans += usize::from(!self.counting);
    }

    /// Writes one row of `table`; `fill` writes its cells.
    pub fn row(&mut self, table: TableId, fill: impl FnOnce(&mut RowWriter<'_>)) {
        self.row.clear();
        fill(&mut RowWriter {
            bytes: &mut self.row,
        });
        self.batch.bytes.push(table.0);
        varint::write(&mut self.batch.bytes, self.row.len() as u64);
        self.batch.bytes.extend_from_slice(&self.row);
        self.batch.rows += 1;
    }

    /// The row that was written last, which was one of `table`.
    pub(crate) fn last_row(&self, table: TableId) -> Row<'_> {
        Row::new(table, &self.row)
    }

    /// The batch as written.
    pub fn finish(self) -> AdmittedBatch {
        self.batch
    }
}

/// Writes the cells of one row, each column at most once.
#[derive(Debug)]
pub struct RowWriter<'a> {
    bytes: &'a mut Vec<u8>,
}

impl RowWriter<'_> {
    /// Writes a boolean.
    pub fn boolean(&mut self, column: usize, value: bool) {
        self.tag(column, u64::from(value));
    }

    /// Writes an integer.
    pub fn integer(&mut self, column: usize, value: i64) {
        self.tag(column, 2);
        varint::write(self.bytes, zigzag(value));
    }

    /// Writes a double.
    pub fn double(&mut self, column: usize, value: f64) {
        self.tag(column, 3);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Writes a timestamp in microseconds since 1970 UTC.
    pub fn timestamp(&mut self, column: usize, microseconds: i64) {
        self.tag(column, 4);
        varint::write(self.bytes, zigzag(microseconds));
    }

    /// Writes a text.
    pub fn text(&mut self, column: usize, value: &str) {
        self.tag(column, 5);
        write_text(self.bytes, value);
    }

    /// Writes a list of texts.
    pub fn text_list<'t>(&mut self, column: usize, values: impl ExactSizeIterator<Item = &'t str>) {
        self.tag(column, 6);
        varint::write(self.bytes, values.len() as u64);
        for value in values {
            write_text(self.bytes, value);
        }
    }

    fn tag(&mut self, column: usize, cell_type: u64) {
        varint::write(self.bytes, (column as u64) << 3 | cell_type);
    }
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn write_text(bytes: &mut Vec<u8>, value: &str) {
    varint::write(bytes, value.len() as u64);
    bytes.extend_from_slice(value.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Cell, CodecError};

    #[test]
    fn a_row_comes_back_as_it_was_written() {
        let mut writer = BatchWriter::with_capacity(0);
        writer.begin_entry(Fingerprint(7));
        writer.row(TableId(3), |row| {
            row.boolean(0, false);
            row.boolean(1, true);
            row.integer(2, i64::MIN);
            row.double(3, 0.1);
            row.timestamp(40, 1_795_410_571_182_041);
            row.text(5, "");
            row.text_list(6, ["a", "", "ü"].into_iter());
        });
        writer.end_entry();
        let batch = writer.finish();
        let entry = batch.entries().next().expect("an entry").expect("valid");
        assert_eq!(entry.fingerprint, Fingerprint(7));
        let row = entry.rows().next().expect("a row").expect("valid");
        assert_eq!(row.table, TableId(3));
        let cells: Vec<_> = row.cells().map(|cell| cell.expect("valid")).collect();
        assert_eq!(cells[0], (0, Cell::Boolean(false)));
        assert_eq!(cells[1], (1, Cell::Boolean(true)));
        assert_eq!(cells[2], (2, Cell::Integer(i64::MIN)));
        assert_eq!(cells[3], (3, Cell::Double(0.1)));
        assert_eq!(cells[4], (40, Cell::Timestamp(1_795_410_571_182_041)));
        assert_eq!(cells[5], (5, Cell::Text("")));
        let Cell::TextList(list) = cells[6].1 else {
            panic!("a list")
        };
        assert_eq!(list.iter().collect::<Vec<_>>(), ["a", "", "ü"]);
    }

    #[test]
    fn an_entry_without_rows_is_not_written() {
        let mut writer = BatchWriter::with_capacity(0);
        writer.begin_entry(Fingerprint(7));
        writer.end_entry();
        assert!(writer.finish().is_empty());
    }

    #[test]
    fn a_varint_of_more_than_64_bits_is_named_as_such() {
        // Table 0; eleven bytes of cells: the column and type, and ten bytes of an integer.
        let mut rows = vec![0, 11, 2];
        rows.extend([0xff; 9]);
        rows.push(2);
        let mut entry = 7_u64.to_le_bytes().to_vec();
        entry.extend(13_u32.to_le_bytes());
        entry.extend(rows);
        let entry = Entries::new(&entry)
            .next()
            .expect("an entry")
            .expect("valid");
        let row = entry.rows().next().expect("a row").expect("valid");
        let error = row.cells().next().expect("a cell").unwrap_err();
        assert_eq!(error, CodecError::Varint);
        assert_eq!(
            error.to_string(),
            "record holds a varint of more than 64 bits"
        );
    }

    #[test]
    fn every_truncation_is_an_error_or_a_shorter_run() {
        let mut writer = BatchWriter::with_capacity(0);
        writer.begin_entry(Fingerprint(1));
        writer.row(TableId(0), |row| row.text(0, "abc"));
        writer.end_entry();
        let batch = writer.finish();
        for end in 1..batch.bytes().len() {
            let mut entries = Entries::new(&batch.bytes()[..end]);
            assert!(
                matches!(entries.next(), Some(Err(CodecError::Truncated))),
                "cut at {end}"
            );
            assert!(entries.next().is_none());
        }
    }
}
