//! The row codec: admitted records as bytes, from admission through the write-ahead log to the memtable.
//!
//! A batch is a run of *entries*, one for each admitted span (and one for the batch's refusal counts):
//!
//! ```text
//! entry := fingerprint u64 LE, length u32 LE, row*        length counts the rows' bytes
//! row   := table u8, length varint, cell*                 length counts the cells' bytes
//! cell  := varint(column << 3 | type), value
//! value := type 0 false: nothing     type 1 true: nothing     type 2 integer: zigzag varint
//!          type 3 double: f64 LE     type 4 timestamp: zigzag varint, µs since 1970 UTC
//!          type 5 text: varint length, UTF-8     type 6 list of text: varint count, then each as type 5
//! ```
//!
//! A varint is LEB128, at most ten bytes. A column that a row does not name is null. Cells describe themselves, so
//! that a reader skips a column it does not know. The entry's fingerprint identifies the span it came from without
//! the span's ids: the store drops an entry whose fingerprint it has already stored.
//!
//! Outside tests only admission makes an [`AdmittedBatch`](crate::AdmittedBatch); so every value in one is a value that the
//! catalog allows.

use headcount_wire::{Fault, varint};

use crate::schema::TableId;

/// Which span an entry came from: a keyed hash of its trace and span id, equal for a span that is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub u64);

/// One value of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// A boolean.
    Boolean(bool),
    /// A signed integer.
    Integer(i64),
    /// A double.
    Double(f64),
    /// Microseconds since 1970-01-01T00:00:00 UTC.
    Timestamp(i64),
    /// A text.
    Text(&'a str),
    /// A list of texts.
    TextList(TextList<'a>),
}

/// A list of texts, still encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextList<'a> {
    count: usize,
    bytes: &'a [u8],
}

impl<'a> TextList<'a> {
    /// The texts in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut rest = self.bytes;
        (0..self.count).map_while(move |_| read_text(&mut rest).ok())
    }

    /// How many texts there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// The reasons why bytes are not a run of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The bytes end in the middle of an entry, row or cell.
    #[error("record bytes end in the middle of a value")]
    Truncated,
    /// A varint does not fit into 64 bits.
    #[error("record holds a varint of more than 64 bits")]
    Varint,
    /// A cell's type is unknown.
    #[error("record holds a cell of unknown type {0}")]
    CellType(u8),
    /// A text is not UTF-8.
    #[error("record holds text that is not UTF-8")]
    Utf8,
}

/// One admitted span's rows.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Which span the rows came from.
    pub fingerprint: Fingerprint,
    /// The whole entry as encoded, including its header, for writers that copy it.
    pub bytes: &'a [u8],
    /// The encoded rows.
    pub rows: &'a [u8],
}

impl<'a> Entry<'a> {
    /// The rows in order.
    pub fn rows(&self) -> Rows<'a> {
        Rows { rest: self.rows }
    }
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The table it belongs to.
    pub table: TableId,
    cells: &'a [u8],
}

impl<'a> Row<'a> {
    pub(crate) fn new(table: TableId, cells: &'a [u8]) -> Self {
        Self { table, cells }
    }

    /// The cells in the order in which they were written, each with its column's position.
    pub fn cells(&self) -> Cells<'a> {
        Cells { rest: self.cells }
    }
}

/// Iterates over the entries of a run of bytes; stops after the first error.
#[derive(Debug, Clone)]
pub struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Entries<'a> {
    /// Reads `bytes`, as [`AdmittedBatch::bytes`](crate::AdmittedBatch::bytes) gave them.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn read(&mut self) -> Result<Entry<'a>, CodecError> {
        let whole = self.rest;
        let header = whole.get(..ENTRY_HEADER).ok_or(CodecError::Truncated)?;
        let fingerprint = u64::from_le_bytes(array(&header[..8])?);
        let length = u32::from_le_bytes(array(&header[8..])?) as usize;
        let end = ENTRY_HEADER
            .checked_add(length)
            .ok_or(CodecError::Truncated)?;
        let bytes = whole.get(..end).ok_or(CodecError::Truncated)?;
        self.rest = &whole[end..];
        Ok(Entry {
            fingerprint: Fingerprint(fingerprint),
            bytes,
            rows: &bytes[ENTRY_HEADER..],
        })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, CodecError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let entry = self.read();
        if entry.is_err() {
            self.rest = &[];
        }
        Some(entry)
    }
}

/// Iterates over the rows of an entry; stops after the first error.
#[derive(Debug, Clone)]
pub struct Rows<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Rows<'a> {
    type Item = Result<Row<'a>, CodecError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (&table, after_table) = self.rest.split_first()?;
        let mut rest = after_table;
        let row = read_bytes(&mut rest).map(|cells| Row {
            table: TableId(table),
            cells,
        });
        self.rest = if row.is_ok() { rest } else { &[] };
        Some(row)
    }
}

/// Iterates over the cells of a row; stops after the first error.
#[derive(Debug, Clone)]
pub struct Cells<'a> {
    rest: &'a [u8],
}

impl<'a> Cells<'a> {
    fn read(&mut self) -> Result<(usize, Cell<'a>), CodecError> {
        let tag = read_varint(&mut self.rest)?;
        let column = usize::try_from(tag >> 3).map_err(|_| CodecError::Varint)?;
        let cell = match (tag & 7) as u8 {
            0 => Cell::Boolean(false),
            1 => Cell::Boolean(true),
            2 => Cell::Integer(unzigzag(read_varint(&mut self.rest)?)),
            3 => {
                let (value, rest) = self.rest.split_at_checked(8).ok_or(CodecError::Truncated)?;
                self.rest = rest;
                Cell::Double(f64::from_le_bytes(array(value)?))
            }
            4 => Cell::Timestamp(unzigzag(read_varint(&mut self.rest)?)),
            5 => Cell::Text(read_text(&mut self.rest)?),
            6 => {
                let count = read_varint(&mut self.rest)?;
                let count = usize::try_from(count).map_err(|_| CodecError::Varint)?;
                let start = self.rest;
                for _ in 0..count {
                    read_text(&mut self.rest)?;
                }
                let bytes = &start[..start.len() - self.rest.len()];
                Cell::TextList(TextList { count, bytes })
            }
            other => return Err(CodecError::CellType(other)),
        };
        Ok((column, cell))
    }
}

impl<'a> Iterator for Cells<'a> {
    type Item = Result<(usize, Cell<'a>), CodecError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let cell = self.read();
        if cell.is_err() {
            self.rest = &[];
        }
        Some(cell)
    }
}

/// An entry begins with its fingerprint and its length.
pub(crate) const ENTRY_HEADER: usize = 12;

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], CodecError> {
    bytes.try_into().map_err(|_| CodecError::Truncated)
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

fn read_varint(rest: &mut &[u8]) -> Result<u64, CodecError> {
    let (value, after) = varint::read(rest).map_err(|fault| match fault {
        Fault::Truncated => CodecError::Truncated,
        _ => CodecError::Varint,
    })?;
    *rest = after;
    Ok(value)
}

fn read_bytes<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], CodecError> {
    let length = usize::try_from(read_varint(rest)?).map_err(|_| CodecError::Truncated)?;
    let (bytes, after) = rest.split_at_checked(length).ok_or(CodecError::Truncated)?;
    *rest = after;
    Ok(bytes)
}

fn read_text<'a>(rest: &mut &'a [u8]) -> Result<&'a str, CodecError> {
    simdutf8::basic::from_utf8(read_bytes(rest)?).map_err(|_| CodecError::Utf8)
}
