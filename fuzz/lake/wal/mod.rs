//! The write-ahead log's bytes and their reader.

#[path = "../../../crates/headcount-lake/src/wal/damage.rs"]
pub(crate) mod damage;
#[path = "../../../crates/headcount-lake/src/wal/format.rs"]
pub(crate) mod format;
#[path = "../../../crates/headcount-lake/src/wal/replay.rs"]
pub(crate) mod replay;
