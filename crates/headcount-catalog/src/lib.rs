//! The catalog of what may be collected, and the gate that lets nothing else through.

mod record;
mod schema;

pub use record::{
    AdmittedBatch, BatchWriter, Cell, Cells, CodecError, Entries, Entry, Fingerprint, Row,
    RowWriter, Rows, TextList,
};
pub use schema::{Column, ColumnType, Schema, Table, TableId, TableKind, Tier};
