//! The durable store of a collector: one folder, one writer, any number of readers.
//!
//! An admitted batch is appended to a write-ahead log ([`Lake::append`] resolves after its fsync; the crate `headcount-log`),
//! is visible to queries at once from the memtable, and moves to Delta tables of Parquet files when the memtable is flushed.
//! A span that was acknowledged is never lost and never counted twice (promise 8): `docs/formats/wal.md` and
//! `docs/formats/tables.md` say how, byte by byte.
//!
//! Rows that came with a receipt can be erased ([`Lake::order_erasure`]): their bytes are removed from the disk.
//!
//! The store does not judge records (outside tests only admission makes an [`AdmittedBatch`]), answers no queries (reports run SQL over
//! a [`LakeSnapshot`]), and is not a server.
//!
//! [`AdmittedBatch`]: headcount_catalog::AdmittedBatch

mod account;
mod activity;
mod arrow_rows;
mod background;
mod capture;
mod check;
mod checksum;
mod counter;
mod crew_rows;
mod damage;
mod day;
mod delta;
mod era;
mod erasure;
mod error;
mod flush;
mod follow;
mod handover;
mod lake;
mod lost_rows;
mod low_priority;
mod memtable;
mod new_files;
mod opened_log;
mod options;
mod parquet_file;
mod proof;
mod provider;
mod repair;
mod rewrite;
mod row_texts;
mod sealed_line;
mod set_aside;
mod small_files;
mod snapshot;
mod state;
mod stats;
mod table_file;
mod table_files;
mod unreadable_files;
mod upkeep;
mod verified_file;
mod verified_store;
mod view;
mod watermark;

pub use account::audit::audit_folder;
pub use account::outcome::{Audit, DayAudit, TableAudit};
pub use account::retention::TableRetention;
pub use activity::LakeActivity;
pub use arrow_rows::arrow_schema;
pub use capture::{
    Capture, CapturedFile, CapturedTable, Unreadable, capture_folder, foreign_tables,
};
pub use check::{Finding, FolderCheck, check_folder};
pub use crew_rows::CrewRows;
pub use damage::{DamagedFile, MissingRows};
pub use erasure::crew_erasures;
pub use error::LakeError;
pub use handover::SnapshotFiles;
pub use headcount_log::erasure::{CrewOrder, CrewSelection, SelectionError};
pub use headcount_log::folder::is_data_folder;
pub use headcount_log::private_file::read_or_create as read_or_create_private_file;
pub use headcount_log::secret::load_or_create_secret;
pub use headcount_log::wal::{Appended, LogActivity};
pub use headcount_log::{AppendError, LogError, OrderError};
pub use lake::Lake;
pub use options::LakeOptions;
pub use proof::{Left, Proof, prove_erased};
pub use repair::{IntactFiles, Outcome, Repaired, repair_folder};
pub use snapshot::LakeSnapshot;
pub use stats::{DiskRoom, LakeStats, TableStats};

#[cfg(test)]
mod tests;
