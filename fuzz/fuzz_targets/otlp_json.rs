//! Any bytes as a JSON request.
#![no_main]

use headcount_wire::{TraceRequest, json_to_protobuf};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let Ok(transcoded) = json_to_protobuf(body) else {
        return;
    };
    if let Err(error) = serde_json::from_slice::<serde_json::Value>(body) {
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
        // What a resource may not have, its reader refuses: too many attributes, or a value twice.
        Err(error) => assert_eq!(error.message, "ResourceSpans", "{error}"),
    }
});
