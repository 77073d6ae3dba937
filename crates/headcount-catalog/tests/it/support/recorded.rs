//! The recorded bodies of `corpus/genai`.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::OnceLock;

use serde_json::{Map, Value};

/// One body as it was sent.
pub(crate) struct Recorded {
    /// The framework and its instrumentation, with their versions.
    pub(crate) pair: String,
    pub(crate) scenario: String,
    pub(crate) path: String,
    /// As OTLP protobuf, not compressed.
    pub(crate) body: Vec<u8>,
}

/// Every body, in the order in which those of a scenario were sent.
pub(crate) fn recorded() -> &'static [Recorded] {
    static RECORDED: OnceLock<Vec<Recorded>> = OnceLock::new();
    RECORDED.get_or_init(|| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../corpus/genai/bodies.zst");
        let packed = std::fs::read(path).unwrap();
        let mut decoder = zstd::Decoder::new(&packed[..]).unwrap();
        decoder.window_log_max(27).unwrap();
        let mut bytes = Vec::new();
        decoder.read_to_end(&mut bytes).unwrap();
        let mut left = &bytes[..];
        let mut recorded = Vec::new();
        while !left.is_empty() {
            let end = left.iter().position(|&byte| byte == b'\n').unwrap();
            let line = std::str::from_utf8(&left[..end]).unwrap();
            let words: Vec<&str> = line.split(' ').collect();
            let [name, path, content_type, encoding, length] = words[..] else {
                panic!("a line of five words: {line}")
            };
            let (content, after) = left[end + 1..].split_at(length.parse().unwrap());
            left = after;
            let parts: Vec<&str> = name.split('/').collect();
            recorded.push(Recorded {
                pair: parts[0].to_owned(),
                scenario: parts[1].to_owned(),
                path: path.to_owned(),
                body: protobuf(content, content_type, encoding),
            });
        }
        recorded
    })
}

fn protobuf(content: &[u8], content_type: &str, encoding: &str) -> Vec<u8> {
    let mut plain = Vec::new();
    match encoding {
        "gzip" => {
            flate2::read::GzDecoder::new(content)
                .read_to_end(&mut plain)
                .unwrap();
        }
        _ => plain.extend_from_slice(content),
    }
    match content_type {
        "application/json" => {
            let transcoded = headcount_wire::json_to_protobuf(&plain).unwrap();
            transcoded.bytes
        }
        _ => plain,
    }
}

/// After the bodies were recorded.
pub(crate) const RECEIVED_US: i64 = 1_796_200_000_000_000;

/// The rows of each scenario, by pair and scenario.
pub(crate) type Scenarios = BTreeMap<(&'static str, &'static str), Vec<Map<String, Value>>>;

/// What admission makes of the requests for traces, without the counts of what was refused.
pub(crate) fn scenarios() -> &'static Scenarios {
    static SCENARIOS: OnceLock<Scenarios> = OnceLock::new();
    SCENARIOS.get_or_init(|| {
        let mut scenarios = Scenarios::new();
        let admission = super::admission();
        for body in recorded().iter().filter(|body| body.path == "/v1/traces") {
            let outcome = admission.admit(&body.body, 0, RECEIVED_US).unwrap();
            let rows = super::rows(&outcome).into_iter();
            let kept = rows.filter(|row| row["table"] != "refusals");
            let key = (body.pair.as_str(), body.scenario.as_str());
            scenarios.entry(key).or_default().extend(kept);
        }
        scenarios
    })
}
