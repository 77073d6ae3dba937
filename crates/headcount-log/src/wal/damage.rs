//! Damage in the middle of a segment.
//!
//! The log's thread writes a frame only after the one before it is whole on the medium. So a bad frame with nothing behind it
//! is the torn end of a write that was never acknowledged. A bad frame with a whole one behind it was whole once, and was
//! acknowledged: the medium, or somebody, changed it. The whole frames behind it count.

use std::ops::Range;
use std::path::PathBuf;

use bytes::Bytes;

use super::format::{self, FRAME_HEADER, FormatError};

/// A stretch of a segment that was acknowledged and cannot be read.
#[derive(Debug)]
pub struct Damage {
    /// The segment's file.
    pub segment: PathBuf,
    /// The segment's header, without which nobody could read the rows that may be left in `bytes`; empty where `bytes` begin
    /// with it.
    pub header: Bytes,
    /// The bytes that cannot be read.
    pub bytes: Bytes,
    /// Their place in the segment.
    pub offset: u64,
    /// The sequence numbers of the frames that stood there.
    pub lost: Range<u64>,
    /// The first thing that is wrong with them.
    pub reason: FormatError,
}

/// A whole frame behind a bad one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WholeFrame {
    /// Its place in the segment.
    pub offset: usize,
    /// Its sequence number.
    pub sequence: u64,
}

/// The first whole frame behind the bad one at `from`, which should have sequence number `expected`.
pub fn next_whole_frame(bytes: &[u8], from: usize, expected: u64) -> Option<WholeFrame> {
    let smallest = FRAME_HEADER + 1;
    // Its own length leads to the next frame, unless the length is what is damaged.
    let claimed = format::claimed_length(&bytes[from..]).map(|length| from + length);
    let anywhere = from + smallest..bytes.len().saturating_sub(FRAME_HEADER);
    claimed.into_iter().chain(anywhere).find_map(|offset| {
        let sequence = format::claimed_sequence(bytes.get(offset..)?)?;
        // At least one frame is lost, and no more than fit in between.
        let room = ((offset - from) / smallest) as u64;
        let lost = sequence.checked_sub(expected)?;
        if lost == 0 || lost > room {
            return None;
        }
        format::read_frame(&bytes[offset..], sequence).ok()?;
        Some(WholeFrame { offset, sequence })
    })
}

/// The sequence number after the last whole frame in `bytes`, of a segment that begins with `first` and whose header cannot be read.
/// A segment is begun for a frame, so there was at least one.
pub fn end_of_whole_frames(bytes: &[u8], first: u64) -> u64 {
    let (mut from, mut end) = (0, first);
    while let Some(whole) = next_whole_frame(bytes, from, end) {
        (from, end) = (whole.offset, whole.sequence);
        while let Ok((_, length)) = format::read_frame(&bytes[from..], end) {
            from += length;
            end += 1;
        }
    }
    end.max(first + 1)
}
