//! Checkpoints of a table's log: its actions at one version, in one Parquet file (Delta protocol, "Checkpoints").
//!
//! Checkpoints of both specifications are read: V1, in one file or several parts, and V2 with its sidecar files. They are
//! written as V1 in one file with the classic name, which every Delta reader takes.

mod read;
mod reconciled;
mod schema;
mod seal;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use self::read::read;
pub(crate) use self::write::{active_adds, write};

/// The file that names the newest checkpoint.
pub(crate) const LAST_CHECKPOINT: &str = "_last_checkpoint";

/// The classic name of the checkpoint of `version` in one file.
pub(crate) fn name(version: u64) -> String {
    format!("{version:020}.checkpoint.parquet")
}
