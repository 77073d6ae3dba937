//! The write-ahead log: what was acknowledged and is not yet in a table.
//!
//! The log is a folder of *segments*, `{first sequence, 20 digits}.wal`. A segment is a header and then *frames* of
//! consecutive sequence numbers, each of which is one group of requests that shared one fsync. The bytes are laid
//! down in `docs/formats/wal.md`; `format` reads and writes them, `damage` finds what is whole behind what
//! is not, and `aside` keeps that.
//!
//! One thread writes (`writer`). Three rules make the rest simple:
//!
//! 1. A segment counts only up to the first sequence of the segment after it. So a frame whose fsync failed is void
//!    as soon as the next segment exists, and nothing is acknowledged before that.
//! 2. A fingerprint is in at most one frame that counts, because the writer drops a span that it has seen. So replay
//!    needs no deduplication.
//! 3. A segment is removed only after every table holds its rows durably, and its fingerprints are in `seen/`.

pub(crate) mod aside;
pub(crate) mod damage;
pub(crate) mod format;
pub(crate) mod replay;
pub(crate) mod writer;
