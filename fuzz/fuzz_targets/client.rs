//! What the client reads on the builder's machine and off the network: its own files, which anybody may have changed, a
//! collector's answer, an endpoint's address. The first byte says which of them the rest is.
#![no_main]

use headcount::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else {
        return;
    };
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    match kind % 4 {
        0 => fuzzing::segment(bytes),
        1 => fuzzing::answer(bytes),
        2 => fuzzing::endpoint(text),
        _ => fuzzing::ledger(text),
    }
});
