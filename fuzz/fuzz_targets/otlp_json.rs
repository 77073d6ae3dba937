//! Any bytes as a JSON request.
#![no_main]

use headcount_wire::{TraceRequest, json_to_protobuf};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let Ok(transcoded) = json_to_protobuf(body) else {
        return;
    };
    if is_plain(body)
        && let Err(error) = serde_json::from_slice::<serde_json::Value>(body)
    {
        // Numbers that no double holds are well-formed; where they stand for a value, their span is refused. So is what is
        // nested deep.
        let text = error.to_string();
        let is_limit = ["number out of range", "recursion limit exceeded"]
            .iter()
            .any(|limit| text.contains(limit));
        assert!(is_limit, "only we accept: {error}");
    }
    match TraceRequest::parse(&transcoded.bytes) {
        Ok(request) => {
            let mut scratch = Vec::new();
            for raw in request.groups().flat_map(|group| group.spans()) {
                let _ = raw.parse(&mut scratch);
            }
        }
        Err(error) => panic!("the transcoder wrote no request: {error}"),
    }
});

/// Whether nothing is in the text that we tolerate beyond JSON: text that is not UTF-8, escapes and control characters in strings
/// that nobody reads, `NaN` and `Infinity`.
fn is_plain(body: &[u8]) -> bool {
    let is_tolerated = |byte: &u8| matches!(byte, b'\\' | b'N' | b'I') || *byte < 0x20;
    std::str::from_utf8(body).is_ok_and(|text| !text.starts_with('\u{feff}'))
        && !body.iter().any(is_tolerated)
}
