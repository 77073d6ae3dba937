//! The durable store of a collector: one folder, one writer, any number of readers.
//!
//! An admitted batch is appended to a write-ahead log ([`Lake::append`] resolves after its fsync), is visible to
//! queries at once from the memtable, and moves to Delta tables of Parquet files when the memtable is flushed.
//! A span that was acknowledged is never lost and never counted twice (promise 8): `docs/formats/wal.md` and
//! `docs/formats/tables.md` say how, byte by byte.
//!
//! What came with a receipt can be erased ([`Lake::order_erasure`]): not marked as gone, but gone from the disk.
//!
//! What it is not: it judges no record (only admission can make an [`AdmittedBatch`]), it answers no question (reports run
//! SQL over a [`LakeSnapshot`]), and it is no server.
//!
//! [`AdmittedBatch`]: headcount_catalog::AdmittedBatch

mod arrow_rows;
mod background;
mod compaction;
mod counter;
mod delta;
mod disk;
mod erasure;
mod error;
mod flush;
mod folder;
mod lake;
mod memtable;
mod options;
mod parquet_file;
mod provider;
mod quiet;
mod secret;
mod seen;
mod snapshot;
mod upkeep;
mod wal;

pub use arrow_rows::arrow_schema;
pub use error::{AppendError, LakeError, OrderError};
pub use folder::is_data_folder;
pub use lake::{Appended, Lake};
pub use options::LakeOptions;
pub use secret::load_or_create_secret;
pub use snapshot::LakeSnapshot;

#[cfg(test)]
mod erasures;
#[cfg(test)]
mod neighbours;
#[cfg(test)]
mod promises;
