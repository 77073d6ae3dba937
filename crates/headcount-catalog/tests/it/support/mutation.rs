//! Recorded requests with their attributes dropped, doubled, retyped or cut. Everything else of them stays as it was: events, links,
//! status messages, parents.

use proptest::prelude::Rng;
use proptest::test_runner::TestRng;

/// `ExportTraceServiceRequest` → `ResourceSpans` → `ScopeSpans` → `Span`: the field of each that holds the next.
const PATH: [u64; 3] = [1, 2, 2];
const ATTRIBUTE: u64 = 9;

/// The request with its spans' attributes mutated.
pub(crate) fn mutated(request: &[u8], random: &mut TestRng) -> Vec<u8> {
    rewrite(request, &PATH, random)
}

fn rewrite(message: &[u8], path: &[u64], random: &mut TestRng) -> Vec<u8> {
    let mut written = Vec::with_capacity(message.len());
    let mut left = message;
    while !left.is_empty() {
        let (whole, key, content) = field(&mut left);
        match (content, path.split_first()) {
            (Some(content), Some((next, below))) if key >> 3 == *next => {
                let inner = rewrite(content, below, random);
                bytes(&mut written, key, &inner);
            }
            (Some(content), None) if key >> 3 == ATTRIBUTE => {
                attribute(&mut written, key, content, random);
            }
            _ => written.extend_from_slice(whole),
        }
    }
    written
}

fn attribute(written: &mut Vec<u8>, key: u64, content: &[u8], random: &mut TestRng) {
    let mut left = content;
    let (mut name, mut value): (&[u8], &[u8]) = (&[], &[]);
    while !left.is_empty() {
        match field(&mut left) {
            (_, 10, Some(content)) => name = content,
            (_, 18, Some(content)) => value = content,
            _ => {}
        }
    }
    let mut write = |name: &[u8], value: &[u8]| {
        let mut pair = Vec::new();
        bytes(&mut pair, 10, name);
        bytes(&mut pair, 18, value);
        bytes(written, key, &pair);
    };
    let text = match value.first() {
        Some(10) => field(&mut &value[..]).2,
        _ => None,
    };
    match random.next_u32() % 24 {
        0 => {}
        1 => {
            write(name, value);
            write(name, value);
        }
        2 => write(name, &[0x18, 0xff, 0xff, 0xff, 0xff, 0x7f]),
        3 => write(name, &[0x10, 1]),
        4 => write(name, &[&[0x21][..], &f64::NAN.to_le_bytes()].concat()),
        5 => write(name, &[10, 0]),
        6 => {
            let text = text.and_then(|text| std::str::from_utf8(text).ok());
            let mut cut = Vec::new();
            match text {
                Some(text) => bytes(&mut cut, 10, shortened(text, random.next_u32()).as_bytes()),
                None => cut.extend_from_slice(value),
            }
            write(name, &cut);
        }
        // A list of what it was.
        7 => {
            let (mut list, mut array) = (Vec::new(), Vec::new());
            bytes(&mut array, 10, value);
            bytes(&mut list, 42, &array);
            write(name, &list);
        }
        8 => write(&[b"CANARY.", name].concat(), value),
        // Bytes.
        9 => write(name, &[&[0x3a, 3][..], b"\xff\x00\xfe"].concat()),
        _ => write(name, value),
    }
}

fn shortened(text: &str, random: u32) -> &str {
    let mut end = random as usize % (text.len() + 1);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The next field: all of it, its key, and its content if it has a length.
fn field<'m>(left: &mut &'m [u8]) -> (&'m [u8], u64, Option<&'m [u8]>) {
    let start = *left;
    let key = varint(left);
    let content = match key & 7 {
        0 => {
            varint(left);
            None
        }
        1 => {
            *left = &left[8..];
            None
        }
        2 => {
            let length = varint(left) as usize;
            let (content, after) = left.split_at(length);
            *left = after;
            Some(content)
        }
        5 => {
            *left = &left[4..];
            None
        }
        _ => panic!("a recorded request is well-formed"),
    };
    (&start[..start.len() - left.len()], key, content)
}

fn varint(left: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let byte = left[0];
        *left = &left[1..];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}

fn bytes(written: &mut Vec<u8>, key: u64, content: &[u8]) {
    for mut value in [key, content.len() as u64] {
        while value >= 0x80 {
            written.push(value as u8 | 0x80);
            value >>= 7;
        }
        written.push(value as u8);
    }
    written.extend_from_slice(content);
}
