//! The Delta side of the store: each table's log as we read and extend it (`docs/formats/tables.md`).
//!
//! Commits cost the same however many files a table has, and nothing counts as stored before the file system has said
//! so.

mod actions;
pub(crate) mod checkpoint;
pub(crate) mod commit;
pub(crate) mod log;
mod protocol;
pub(crate) mod replay;
pub(crate) mod schema;
pub(crate) mod unpartitioned;
