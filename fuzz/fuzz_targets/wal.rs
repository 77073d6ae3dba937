//! A segment of the write-ahead log, damaged in any way: reading it ends, only frames that were written are read, and the rows
//! of any catalog's numbering get a number that our catalog has, or none.
#![no_main]

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use headcount_catalog::{Catalog, Entries, Schema};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

use headcount_log::wal::Renumbering;
use headcount_log::wal::format::{
    FRAME_HEADER, LAST_SEQUENCE, claimed_sequence, header, read_frame, read_header, seal_frame,
};
use headcount_log::wal::replay::read;
use headcount_log::wal::segment::{Segment, SegmentFile};

#[derive(Debug, Arbitrary)]
enum Input<'a> {
    /// Bytes that nobody wrote.
    Any(u64, &'a [u8]),
    /// Frames that the writer wrote, and then damage.
    Written {
        first: u64,
        payloads: Vec<&'a [u8]>,
        until: Option<u64>,
        damage: Vec<Damage<'a>>,
    },
    /// A segment under another catalog.
    Foreign {
        dictionary: &'a str,
        payloads: Vec<&'a [u8]>,
    },
}

#[derive(Debug, Arbitrary)]
enum Damage<'a> {
    /// One byte is another.
    Flip(u16, u8),
    /// The end is missing.
    Cut(u16),
    /// The end is followed by something.
    Tail(&'a [u8]),
}

static OURS: LazyLock<Arc<Schema>> = LazyLock::new(|| Arc::clone(Catalog::embedded().schema()));

fuzz_target!(|input: Input<'_>| match input {
    Input::Any(first, bytes) => {
        if let Ok((segment, (offset, _))) = read(&file(first), &Bytes::copy_from_slice(bytes), None)
        {
            assert!(offset <= bytes.len() as u64);
            look_at(&segment);
        }
    }
    Input::Written {
        first,
        payloads,
        until,
        damage,
    } => {
        let whole = written(&header(&OURS), first, &payloads);
        let damaged = damaged(whole.clone(), &damage);
        let Ok((segment, _)) = read(&file(first), &damaged.clone().into(), until) else {
            let is_whole = damaged == whole && first <= LAST_SEQUENCE;
            assert!(!is_whole, "a whole segment is read");
            return;
        };
        let count = payloads
            .iter()
            .filter(|payload| !payload.is_empty())
            .count();
        let filled = payloads.iter().filter(|payload| !payload.is_empty());
        let expected: Vec<&[u8]> = filled.copied().collect();
        // A tail may follow with frames of its own, rightly numbered; without one there is nothing new.
        let is_tailed = damage.iter().any(|one| matches!(one, Damage::Tail(_)));
        if !is_tailed {
            assert!(segment.frames.len() <= count);
            for frame in &segment.frames {
                let written = usize::try_from(frame.sequence - first).expect("few frames");
                // One flip may bring a payload's own text into the place of a frame, if the text is one.
                let is_forged = payloads.iter().any(|text| holds_a_frame(text));
                assert!(
                    is_forged || frame.payload[..] == *expected[written],
                    "only frames that were written are read"
                );
            }
        }
        if damage.is_empty() && until.is_none() {
            assert_eq!(segment.frames.len(), count);
        }
        look_at(&segment);
    }
    Input::Foreign {
        dictionary,
        payloads,
    } => {
        let mut head = header(&Schema::default());
        head.extend_from_slice(dictionary.as_bytes());
        let length = u32::try_from(dictionary.len()).expect("short");
        head[12..16].copy_from_slice(&length.to_le_bytes());
        head[16..20].copy_from_slice(&crc32fast::hash(dictionary.as_bytes()).to_le_bytes());
        let Ok((schema, end)) = read_header(&head) else {
            return;
        };
        assert_eq!(end, head.len());
        let again = header(&schema);
        assert_eq!(read_header(&again), Ok((schema, again.len())));
        let bytes = written(&head, 1, &payloads);
        let (segment, _) = read(&file(1), &bytes.into(), None).expect("it was written so");
        look_at(&segment);
    }
});

fn file(first: u64) -> SegmentFile {
    SegmentFile {
        first,
        path: PathBuf::new(),
    }
}

fn written(head: &[u8], first: u64, payloads: &[&[u8]]) -> Vec<u8> {
    let mut bytes = head.to_vec();
    // The writer writes no frame without a payload.
    let filled = payloads.iter().filter(|payload| !payload.is_empty());
    for (index, payload) in filled.enumerate() {
        let mut frame = vec![0; FRAME_HEADER];
        frame.extend_from_slice(payload);
        seal_frame(&mut frame, first.wrapping_add(index as u64));
        bytes.extend_from_slice(&frame);
    }
    bytes
}

fn damaged(mut bytes: Vec<u8>, damage: &[Damage<'_>]) -> Vec<u8> {
    // Two flips may undo each other, or hide from the checksum; one may not.
    let mut is_flipped = false;
    for one in damage {
        match one {
            Damage::Flip(at, with) if !is_flipped && !bytes.is_empty() => {
                is_flipped = true;
                let at = usize::from(*at) % bytes.len();
                bytes[at] ^= with;
            }
            Damage::Flip(..) => {}
            Damage::Cut(at) => bytes.truncate(usize::from(*at)),
            Damage::Tail(tail) => bytes.extend_from_slice(tail),
        }
    }
    bytes
}

fn holds_a_frame(text: &[u8]) -> bool {
    (0..text.len()).any(|at| {
        let sequence = claimed_sequence(&text[at..]);
        sequence.is_some_and(|sequence| read_frame(&text[at..], sequence).is_ok())
    })
}

/// Reads every cell, and gives it our numbers, as a start after a crash does.
fn look_at(segment: &Segment) {
    segment.next();
    let renumbering = Renumbering::between(&segment.schema, &OURS);
    for frame in &segment.frames {
        for entry in Entries::new(&frame.payload).map_while(Result::ok) {
            for row in entry.rows().map_while(Result::ok) {
                let theirs = renumbering.as_deref().map(|all| all.table(row.table));
                if let Some(Some(table)) = theirs {
                    let ours = OURS.table(table.id).expect("a table of our catalog");
                    for (column, _) in row.cells().map_while(Result::ok) {
                        let column = table.column(column);
                        assert!(column.is_none_or(|column| column < ours.columns.len()));
                    }
                }
            }
        }
    }
}
