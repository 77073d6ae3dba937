//! Damaged segments.

use std::path::Path;

use bytes::Bytes;
use headcount_catalog::Catalog;

use crate::dedup::DedupIndex;
use crate::disk::RealDisk;
use crate::wal::format::{FRAME_HEADER, FRAME_LIMIT, header, seal_frame};
use crate::wal::segment::{Segment, SegmentFile};
use crate::wal::{quarantine, replay};

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

#[test]
fn a_damaged_header_costs_its_segment_and_no_other() {
    let (bytes, ends) = four_frames();
    let version = 8 * 8..12 * 8;
    let bits = (0..ends[0] * 8).filter(|bit| !version.contains(bit));
    for bit in bits.step_by(7) {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let segment = read(damaged);
        assert_eq!(sequences(&segment), [0; 0], "bit {bit}");
        assert_eq!(segment.damage[0].lost, 1..5, "bit {bit}");
        assert_eq!(segment.next(), 5, "bit {bit}");
    }
    assert_eq!(read(Vec::new()).damage[0].lost, 1..2);
}

#[test]
fn a_segment_without_a_readable_header_is_quarantined_and_the_next_one_counts() {
    let dir = tempfile::tempdir().unwrap();
    let disk = RealDisk::default();
    let (mut bytes, _) = four_frames();
    bytes[0] ^= 1;
    let file = SegmentFile::new(dir.path(), 1);
    std::fs::write(&file.path, &bytes).unwrap();
    let mut frame = vec![0; FRAME_HEADER];
    frame.extend_from_slice(b"five");
    seal_frame(&mut frame, 5);
    let next = [header(Catalog::embedded().schema()), frame].concat();
    std::fs::write(SegmentFile::new(dir.path(), 5).path, next).unwrap();

    let segments = replay::read_all(&disk, dir.path()).unwrap();
    assert_eq!(sequences(&segments[0]), [0; 0]);
    assert_eq!(sequences(&segments[1]), [5]);
    quarantine::keep(&disk, dir.path(), &segments).unwrap();
    let kept = std::fs::read(file.path.with_extension("damaged")).unwrap();
    assert_eq!(kept, bytes);
    // It is removed once its successor is in the tables.
    let sealed = replay::index_fingerprints(&segments[..1], &mut DedupIndex::new(8)).unwrap();
    assert_eq!((sealed[0].file.first, sealed[0].last), (1, 4));
    let beside = replay::read_beside_writer(&disk, dir.path()).unwrap();
    assert_eq!(sequences(&beside[1]), [5]);
}
