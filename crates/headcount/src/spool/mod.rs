//! The queue on disk. `docs/formats/spool.md` describes the files byte by byte, and why many processes may share one
//! folder.
//!
//! A process appends to a segment that it holds locked. A segment that no process holds may be taken: by a process that
//! appends to it, or by the uploader, which sends the whole segment and removes it. A process that is killed releases its
//! lock, so nothing gets stuck. The ledger has a line for each request and each removal.

mod delivery;
mod disk;
mod found;
mod ledger;
mod limits;
mod lock;
mod memory;
mod retire;
mod scrub;
mod segment;
mod store;
mod writer;

pub use delivery::DeliveryStatus;
pub use ledger::Entry;

pub(crate) use found::{Found, holds_records, is_still, list, list_all, spool_folder};
pub(crate) use ledger::{Ledger, sha256};
pub(crate) use lock::{Held, locks_exclude};
pub(crate) use retire::{
    Removed, discard_all, discard_before, discard_for, ledger_line, maintain, retire, retired,
};
pub(crate) use segment::read;
pub(crate) use store::Spool;
pub(crate) use writer::SpoolWriter;

#[cfg(feature = "fuzzing")]
pub use {ledger::fuzz as fuzz_ledger, segment::fuzz as fuzz_segment};
