//! The bytes of a segment (`docs/formats/wal.md`).

use headcount_catalog::{Column, ColumnType, Schema, Table, TableKind, Tier};

const MAGIC: &[u8; 8] = b"HEADCWAL";
/// The version of a segment's format.
pub const VERSION: u32 = 1;
/// Magic, version, length of the dictionary, its checksum.
const HEADER: usize = 20;
/// Length, checksum, sequence.
pub const FRAME_HEADER: usize = 16;
/// More than any group that the writer builds; a length above it is damage.
pub const FRAME_LIMIT: usize = 256 << 20;

/// The last sequence number: a table remembers it as a transaction version of Delta, which is signed.
pub const LAST_SEQUENCE: u64 = i64::MAX as u64;

/// Why bytes are not a segment from some offset on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The bytes end too early.
    #[error("the file ends in the middle of a header or frame")]
    Truncated,
    /// The file begins with other bytes than a segment.
    #[error("not a write-ahead log")]
    Magic,
    /// No program wrote this version, or a later one did.
    #[error("its format version is {0}, and this program reads version {VERSION}")]
    Version(u32),
    /// Bytes were changed.
    #[error("a checksum differs")]
    Checksum,
    /// The dictionary is not one.
    #[error("the schema dictionary cannot be read")]
    Dictionary,
    /// The frame belongs elsewhere.
    #[error("a frame's sequence number is {found}, not {expected}")]
    Sequence {
        /// The number that follows the last frame's.
        expected: u64,
        /// The number in the frame.
        found: u64,
    },
    /// No frame has this length.
    #[error("a frame claims to be {0} bytes long")]
    Length(usize),
    /// No segment has this number.
    #[error(
        "its name claims sequence number {0}, beyond the last that a table can remember; no collector wrote it"
    )]
    Number(u64),
}

/// The header of a segment whose rows are numbered as in `schema`.
pub fn header(schema: &Schema) -> Vec<u8> {
    let dictionary = dictionary(schema);
    let mut bytes = Vec::with_capacity(HEADER + dictionary.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&(dictionary.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&dictionary).to_le_bytes());
    bytes.extend_from_slice(&dictionary);
    bytes
}

/// Reads a segment's header: the schema by which its rows are numbered, and the offset of the first frame.
///
/// # Errors
///
/// The bytes are not the header of a segment that this program can read.
pub fn read_header(bytes: &[u8]) -> Result<(Schema, usize), FormatError> {
    let header = bytes.get(..HEADER).ok_or(FormatError::Truncated)?;
    if &header[..8] != MAGIC {
        return Err(FormatError::Magic);
    }
    let version = read_u32(header, 8);
    if version != VERSION {
        return Err(FormatError::Version(version));
    }
    let length = read_u32(header, 12) as usize;
    let end = HEADER + length;
    let dictionary = bytes.get(HEADER..end).ok_or(FormatError::Truncated)?;
    if crc32fast::hash(dictionary) != read_u32(header, 16) {
        return Err(FormatError::Checksum);
    }
    let text = std::str::from_utf8(dictionary).map_err(|_| FormatError::Dictionary)?;
    Ok((read_dictionary(text)?, end))
}

/// Completes a frame: `frame` holds [`FRAME_HEADER`] bytes to fill in, then the payload.
pub fn seal_frame(frame: &mut [u8], sequence: u64) {
    let length = (frame.len() - FRAME_HEADER) as u32;
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame[8..16].copy_from_slice(&sequence.to_le_bytes());
    let checksum = crc32fast::hash(&frame[8..]);
    frame[4..8].copy_from_slice(&checksum.to_le_bytes());
}

/// Reads the frame at the front of `bytes`: its payload and its whole length.
///
/// # Errors
///
/// The frame is not whole, or its sequence number is not `expected`.
pub fn read_frame(bytes: &[u8], expected: u64) -> Result<(&[u8], usize), FormatError> {
    let header = bytes.get(..FRAME_HEADER).ok_or(FormatError::Truncated)?;
    let length = read_u32(header, 0) as usize;
    if length == 0 || length > FRAME_LIMIT {
        return Err(FormatError::Length(length));
    }
    let end = FRAME_HEADER + length;
    let frame = bytes.get(..end).ok_or(FormatError::Truncated)?;
    if crc32fast::hash(&frame[8..]) != read_u32(header, 4) {
        return Err(FormatError::Checksum);
    }
    let found = claimed_sequence(header).ok_or(FormatError::Truncated)?;
    if found != expected {
        return Err(FormatError::Sequence { expected, found });
    }
    Ok((&frame[FRAME_HEADER..], end))
}

/// The length that the frame at the front of `bytes` claims, if a frame may have it.
pub fn claimed_length(bytes: &[u8]) -> Option<usize> {
    let header = bytes.get(..FRAME_HEADER)?;
    let length = read_u32(header, 0) as usize;
    (1..=FRAME_LIMIT)
        .contains(&length)
        .then_some(FRAME_HEADER + length)
}

/// The sequence number that the frame at the front of `bytes` claims.
pub fn claimed_sequence(bytes: &[u8]) -> Option<u64> {
    let sequence = bytes.get(8..FRAME_HEADER)?.try_into().ok()?;
    Some(u64::from_le_bytes(sequence))
}

fn read_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The dictionary is text, one table per line: `tier kind name column:type column:type …`.
fn dictionary(schema: &Schema) -> Vec<u8> {
    let mut text = String::new();
    for table in &schema.tables {
        let kind = match table.kind {
            TableKind::Event => "event",
            TableKind::Counter => "counter",
        };
        text.push_str(&format!("{} {kind} {}", table.tier.name(), table.name));
        for column in &table.columns {
            let name = type_name(column.column_type);
            text.push_str(&format!(" {}:{name}", column.name));
        }
        text.push('\n');
    }
    text.into_bytes()
}

fn read_dictionary(text: &str) -> Result<Schema, FormatError> {
    let tables = text.lines().map(read_table).collect::<Option<Vec<_>>>();
    let tables = tables.ok_or(FormatError::Dictionary)?;
    Ok(Schema { tables })
}

fn read_table(line: &str) -> Option<Table> {
    let mut words = line.split(' ');
    let tier = match words.next()? {
        "default" => Tier::Default,
        "shared" => Tier::Shared,
        _ => return None,
    };
    let kind = match words.next()? {
        "event" => TableKind::Event,
        "counter" => TableKind::Counter,
        _ => return None,
    };
    let name = words.next()?.to_owned();
    let columns = words.map(read_column).collect::<Option<Vec<_>>>()?;
    Some(Table {
        name,
        tier,
        kind,
        columns,
    })
}

fn read_column(word: &str) -> Option<Column> {
    let (name, type_name) = word.rsplit_once(':')?;
    let column_type = match type_name {
        "boolean" => ColumnType::Boolean,
        "integer" => ColumnType::Integer,
        "double" => ColumnType::Double,
        "timestamp" => ColumnType::Timestamp,
        "text" => ColumnType::Text,
        "texts" => ColumnType::TextList,
        _ => return None,
    };
    Some(Column {
        name: name.to_owned(),
        column_type,
    })
}

/// A column type's name in the log's dictionary and in error messages.
pub fn type_name(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Boolean => "boolean",
        ColumnType::Integer => "integer",
        ColumnType::Double => "double",
        ColumnType::Timestamp => "timestamp",
        ColumnType::Text => "text",
        ColumnType::TextList => "texts",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_header_says_how_the_rows_are_numbered() {
        let schema = headcount_catalog::Catalog::embedded().schema();
        let bytes = header(schema);
        let (read, end) = read_header(&bytes).unwrap();
        assert_eq!(read, **schema);
        assert_eq!(end, bytes.len());
    }

    #[test]
    fn every_flipped_bit_of_a_frame_is_found() {
        let mut frame = vec![0; FRAME_HEADER];
        frame.extend_from_slice(b"payload");
        seal_frame(&mut frame, 7);
        assert_eq!(read_frame(&frame, 7).unwrap().0, b"payload");
        for bit in 0..frame.len() * 8 {
            let mut damaged = frame.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(read_frame(&damaged, 7).is_err(), "bit {bit}");
        }
    }
}
