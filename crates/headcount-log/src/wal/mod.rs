//! The write-ahead log: acknowledged batches that are not yet in a table.
//!
//! The log is a folder of *segments*, `{first sequence, 20 digits}.wal`. A segment is a header and then *frames* of
//! consecutive sequence numbers, each of which is one group of requests that shared one fsync. `docs/formats/wal.md` lays
//! down the bytes; [`mod@format`] reads and writes them, [`replay`] reads whole segments, [`damage`] finds the whole frames behind
//! a bad one, and [`quarantine`] keeps the bytes of the bad one.
//!
//! One thread writes (`writer`); a [`WalHandle`] sends it work, and a [`Trimmer`] removes segments. Three rules make the rest
//! simple:
//!
//! 1. A segment counts only up to the first sequence of the segment after it. So a frame whose fsync failed is void
//!    as soon as the next segment exists, and nothing is acknowledged before that.
//! 2. A fingerprint is in at most one frame that counts, because the writer drops a span that it has stored before. So replay
//!    needs no deduplication.
//! 3. A segment is removed only after every table holds its rows durably, and its fingerprints are in `seen/`.

mod activity;
mod command;
pub mod damage;
pub mod format;
mod handle;
mod newest;
pub mod quarantine;
mod renumbering;
pub mod replay;
pub mod segment;
mod sink;
mod trim;
mod writer;

pub use activity::LogActivity;
pub use command::Appended;
pub use handle::WalHandle;
pub use newest::newest_segment;
pub use renumbering::{RenumberedTable, Renumbering};
pub use sink::RowSink;
pub use trim::{SealedSegments, Trimmer};
pub use writer::WalConfig;
