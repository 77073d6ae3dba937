//! Damaged segments.

use std::path::Path;

use bytes::Bytes;
use headcount_catalog::Catalog;

use crate::wal::format::{FRAME_HEADER, FRAME_LIMIT, header, seal_frame};
use crate::wal::replay;
use crate::wal::segment::{Segment, SegmentFile};

/// A segment of four frames, and where each begins and the last ends.
fn four_frames() -> (Vec<u8>, Vec<usize>) {
    let mut bytes = header(Catalog::embedded().schema());
    let mut ends = vec![bytes.len()];
    for (sequence, payload) in (1..).zip(["one", "a second", "the third of them", "four"]) {
        let mut frame = vec![0; FRAME_HEADER];
        frame.extend_from_slice(payload.as_bytes());
        seal_frame(&mut frame, sequence);
        bytes.extend(frame);
        ends.push(bytes.len());
    }
    (bytes, ends)
}

fn read(bytes: Vec<u8>) -> Segment {
    let file = SegmentFile::new(Path::new("wal"), 1);
    replay::read(&file, &Bytes::from(bytes), None).unwrap().0
}

fn sequences(segment: &Segment) -> Vec<u64> {
    segment.frames.iter().map(|frame| frame.sequence).collect()
}

#[test]
fn a_flipped_bit_costs_its_own_frame_and_no_other() {
    let (bytes, ends) = four_frames();
    for bit in ends[0] * 8..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let hit = ends.iter().filter(|end| **end <= bit / 8).count() as u64;
        let segment = read(damaged);
        let left: Vec<u64> = (1..=4).filter(|sequence| *sequence != hit).collect();
        assert_eq!(sequences(&segment), left, "bit {bit}");
        // At the end of the file it cannot be told from a write that was cut short.
        let expected = usize::from(hit < 4);
        assert_eq!(segment.damage.len(), expected, "bit {bit}");
        for damage in &segment.damage {
            assert_eq!(damage.lost, hit..hit + 1, "bit {bit}");
        }
    }
}

#[test]
fn two_frames_that_are_gone_are_counted_as_two() {
    let (mut bytes, ends) = four_frames();
    bytes[ends[1]..ends[3]].fill(0xff);
    let segment = read(bytes);
    assert_eq!(sequences(&segment), [1, 4]);
    assert_eq!(segment.damage[0].lost, 2..4);
    assert_eq!(segment.damage[0].offset, ends[1] as u64);
}

#[test]
fn a_torn_end_is_no_damage() {
    let (bytes, ends) = four_frames();
    for length in ends[0]..bytes.len() {
        let segment = read(bytes[..length].to_vec());
        let whole = ends[1..].iter().filter(|end| **end <= length).count() as u64;
        assert_eq!(sequences(&segment), (1..=whole).collect::<Vec<_>>());
        assert!(segment.damage.is_empty(), "cut at {length}");
    }
}

#[test]
fn a_frame_that_the_next_segment_voids_stays_void_behind_damage() {
    let (mut bytes, ends) = four_frames();
    bytes[ends[2]] ^= 1;
    let file = SegmentFile::new(Path::new("wal"), 1);
    let (segment, stop) = replay::read(&file, &Bytes::from(bytes), Some(4)).unwrap();
    assert_eq!(sequences(&segment), [1, 2]);
    assert!(stop.1.is_some(), "a hole in front of the next segment");
}

#[test]
fn a_length_beyond_every_limit_is_not_followed() {
    let mut bytes = four_frames().0;
    let at = bytes.len() - 20;
    bytes[at..at + 4].copy_from_slice(&(FRAME_LIMIT as u32 + 1).to_le_bytes());
    assert_eq!(sequences(&read(bytes)), [1, 2, 3]);
}
