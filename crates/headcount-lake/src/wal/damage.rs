//! What cannot be read in the middle of a segment.
//!
//! The log's thread writes a frame only after the one before it is whole on the medium. So a bad frame with nothing behind it
//! is the torn end of a write that nobody was told of; but one with a whole frame behind it was whole once, and was
//! acknowledged: the medium, or somebody, changed it. What is whole behind it counts.

use std::ops::Range;
use std::path::PathBuf;

use bytes::Bytes;

use super::format::{self, FRAME_HEADER, FormatError};

/// A stretch of a segment that was acknowledged and cannot be read.
#[derive(Debug)]
pub(crate) struct Damage {
    pub(crate) segment: PathBuf,
    /// The segment's header, without which nobody could read the rows that may be left in `bytes`.
    pub(crate) header: Bytes,
    pub(crate) bytes: Bytes,
    /// Where in the segment.
    pub(crate) offset: u64,
    /// The sequence numbers of the frames that stood there.
    pub(crate) lost: Range<u64>,
    pub(crate) reason: FormatError,
}

/// A whole frame behind a bad one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WholeFrame {
    pub(crate) offset: usize,
    pub(crate) sequence: u64,
}

/// The first whole frame behind the bad one at `from`, which should be that of sequence number `expected`.
pub(crate) fn next_whole_frame(bytes: &[u8], from: usize, expected: u64) -> Option<WholeFrame> {
    let smallest = FRAME_HEADER + 1;
    // Its own length, where it is not that which is damaged, leaves no doubt.
    let claimed = format::claimed_length(&bytes[from..]).map(|length| from + length);
    let anywhere = from + smallest..bytes.len().saturating_sub(FRAME_HEADER);
    claimed.into_iter().chain(anywhere).find_map(|offset| {
        let sequence = format::claimed_sequence(bytes.get(offset..)?)?;
        // At least one is lost, and no more than there is room for.
        let room = ((offset - from) / smallest) as u64;
        let lost = sequence.checked_sub(expected)?;
        if lost == 0 || lost > room {
            return None;
        }
        let _whole = format::read_frame(&bytes[offset..], sequence).ok()?;
        Some(WholeFrame { offset, sequence })
    })
}
