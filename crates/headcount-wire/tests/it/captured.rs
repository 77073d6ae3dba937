//! Requests that unmodified releases of CrewAI sent.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use crate::model::{from_prost, read_all};

pub(crate) fn bodies() -> Vec<(String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
    let bodies: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.display().to_string(), std::fs::read(&path).unwrap())
        })
        .collect();
    assert!(bodies.len() >= 6);
    bodies
}

#[test]
fn captured_requests_are_read_as_prost_reads_them() {
    for (path, body) in bodies() {
        let ours = read_all(&body);
        let theirs = from_prost(&ExportTraceServiceRequest::decode(body.as_slice()).unwrap());
        assert_eq!(ours, theirs, "{path}");
        assert!(ours.iter().any(|group| !group.spans.is_empty()), "{path}");
    }
}

#[test]
fn no_prefix_of_a_captured_request_makes_the_reader_panic_or_invent_spans() {
    for (path, body) in bodies() {
        let whole: usize = read_all(&body).iter().map(|group| group.spans.len()).sum();
        for end in 0..body.len() {
            if let Ok(groups) = crate::model::read(&body[..end]) {
                let spans: usize = groups.iter().map(|group| group.spans.len()).sum();
                assert!(spans < whole, "{path} cut at {end}");
            }
        }
    }
}
