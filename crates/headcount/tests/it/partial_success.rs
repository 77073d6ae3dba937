//! Of a request that a collector took: what it did not take (OTLP specification, "Partial Success").

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use crate::support::{Receiver, Subject, text};
use headcount_wire::ExportResponse;

fn ledger(subject: &Subject) -> String {
    std::fs::read_to_string(subject.folder().join("ledger.tsv")).unwrap_or_default()
}

/// A response that accepts the request and rejects `rejected_spans` of its spans for good.
fn in_part(rejected_spans: i64) -> String {
    let response = ExportResponse {
        rejected_spans,
        message: "not in the catalog".into(),
    };
    let body = String::from_utf8(response.to_protobuf()).unwrap();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The events that the spans named `Losses` speak of, by reason.
fn losses(receiver: &Receiver) -> HashMap<String, u64> {
    let mut losses = HashMap::new();
    for span in receiver.spans() {
        if let (Some(reason), Some(count)) = (span.get("losses.reason"), span.get("losses.count")) {
            let count = count.trim_start_matches("Integer(").trim_end_matches(')');
            *losses.entry(reason.to_owned()).or_insert(0) += count.parse::<u64>().unwrap();
        }
    }
    losses
}

#[test]
fn rejected_spans_of_an_accepted_request_are_counted_and_reported() {
    for (rejected, dropped) in [(0, 0), (3, 3), (90, 50)] {
        let receiver = Receiver::answering(move |number| match number {
            0 => in_part(rejected),
            _ => in_part(0),
        });
        let home = tempfile::tempdir().unwrap();
        let quiet = Subject::new(home.path());
        text(&quiet.run(&["record", "50", "1"]));
        let subject = Subject::new(home.path()).endpoint(receiver.endpoint());
        let output = text(&subject.run(&["record-and-wait", "0", "1"]));
        assert!(output.contains("sent true"), "{output}");
        let totals = headcount::Installation::all_in(home.path())[0].totals();
        assert_eq!(
            (totals.delivered, totals.pending, totals.dropped),
            (50 - dropped, 0, dropped)
        );
        let line = format!("\tdelivered\t200\t{}\t{dropped}\t", 50 - dropped);
        assert!(ledger(&subject).contains(&line), "{}", ledger(&subject));
        text(&subject.run(&["record-and-wait", "1", "1"]));
        let expected = (dropped > 0).then(|| ("refused".to_owned(), dropped));
        assert_eq!(losses(&receiver), HashMap::from_iter(expected));
        // A report of losses is no event: the counters are of the fifty, and the one after them.
        let totals = headcount::Installation::all_in(home.path())[0].totals();
        assert_eq!((totals.recorded(), totals.dropped), (51, dropped));
    }
}

#[test]
fn rejected_spans_sent_from_memory_are_reported_too() {
    let receiver = Receiver::answering(|number| in_part(if number == 0 { 2 } else { 0 }));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    std::fs::write(&file, b"").unwrap();
    let telemetry = headcount::Telemetry::builder("uploads", "1")
        .home(file.join("home"))
        .endpoint(receiver.endpoint())
        .told_user(true)
        .start();
    for _ in 0..2 {
        telemetry.feature_used("memory:save");
        telemetry.feature_used("memory:load");
        assert!(telemetry.flush(Duration::from_secs(20)), "{telemetry:?}");
    }
    assert_eq!(
        losses(&receiver),
        HashMap::from([("refused".to_owned(), 2)])
    );
}

/// Its status is what counts; who waits for the rest does not wait for long.
#[test]
fn a_response_body_that_does_not_come_is_not_waited_for() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _length = stream.read(&mut [0; 65_536]).unwrap();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n\r\n";
            stream.write_all(head.as_bytes()).unwrap();
            open.push(stream);
        }
    });
    let home = tempfile::tempdir().unwrap();
    let subject = Subject::new(home.path()).endpoint(endpoint);
    let begun = Instant::now();
    let output = text(&subject.run(&["record-and-wait", "5", "1"]));
    assert!(output.contains("sent true"), "{output}");
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(ledger(&subject).contains("\tdelivered\t200\t5\t0\t"));
}
