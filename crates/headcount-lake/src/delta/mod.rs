//! The Delta side of the store: each table's log as we read and extend it (`docs/formats/tables.md`).
//!
//! `deltalake-core` reads a log's checkpoints and writes them. Commits are our own: they cost the same however many
//! files a table has, and nothing is believed to be stored before the file system said so.

pub(crate) mod commit;
pub(crate) mod log;
pub(crate) mod schema;
