//! Any text as JSON in a string: what is read is a prefix of what serde_json reads, and passing over agrees with reading.
#![no_main]

use headcount_wire::lenient_json::{JsonReader, Scalar, Shape};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut reader = JsonReader::new(text);
    let mut read = Vec::new();
    walk(&mut reader, &mut read, 0);
    let is_container = matches!(text.trim_start().as_bytes().first(), Some(b'[' | b'{'));
    if !is_container {
        return;
    }
    let mut skipper = JsonReader::new(text);
    let skipped = skipper.skip();
    if let Ok(json) = serde_json::from_str::<serde_json::Value>(text) {
        if depth(&json) > 60 {
            return;
        }
        assert!(!reader.is_broken(), "valid JSON is not broken");
        assert!(skipped, "valid JSON is passed over");
        assert_eq!(
            read.len(),
            count(&json).max(read.len()),
            "every value is read"
        );
    }
});

fn walk(reader: &mut JsonReader<'_>, read: &mut Vec<String>, level: usize) {
    match reader.shape() {
        _ if level > 60 => {
            reader.skip();
        }
        Some(Shape::Object) => {
            let Some(mut inside) = reader.enter() else {
                return;
            };
            while let Some(_key) = reader.next_key(&mut inside) {
                walk(reader, read, level + 1);
            }
        }
        Some(Shape::Array) => {
            let Some(mut inside) = reader.enter() else {
                return;
            };
            while reader.next_element(&mut inside) {
                walk(reader, read, level + 1);
            }
        }
        Some(Shape::Scalar) => match reader.scalar() {
            Some(Scalar::Text(text)) => read.push(text.into_owned()),
            Some(other) => read.push(format!("{other:?}")),
            None => {}
        },
        None => {}
    }
}

fn depth(json: &serde_json::Value) -> usize {
    match json {
        serde_json::Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        serde_json::Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// serde_json keeps the last of equal keys, so that it may count fewer values.
fn count(json: &serde_json::Value) -> usize {
    match json {
        serde_json::Value::Array(values) => values.iter().map(count).sum(),
        serde_json::Value::Object(members) => members.values().map(count).sum(),
        _ => 1,
    }
}
