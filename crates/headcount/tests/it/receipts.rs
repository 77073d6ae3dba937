//! Receipts: only this installation can have its events erased.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use crate::support::{Arrived, Receiver, Subject, header, text};
use headcount::{ErasureAnswer, ErasureOutcome, Installation};
use headcount_wire::ErasureToken;

fn answer(status: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")
}

fn send_one(subject: &Subject) {
    let output = text(&subject.run(&["record-and-wait", "1", "1"]));
    assert!(output.contains("sent true"), "{output}");
}

fn installation(subject: &Subject) -> Installation {
    Installation::all_in(&subject.home).remove(0)
}

fn receipt(request: &Arrived) -> String {
    let receipt = header(&request.head, "headcount-receipt");
    receipt.expect("a receipt").to_owned()
}

/// The receipts of the tokens that a request shows.
fn shown(request: &Arrived) -> BTreeSet<String> {
    assert!(request.head.starts_with("POST /v1/erase HTTP/1.1\r\n"));
    assert_eq!(
        header(&request.head, "content-type"),
        Some("application/json")
    );
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    let tokens = body["tokens"].as_array().unwrap().iter();
    let receipt = |token: &serde_json::Value| {
        ErasureToken::parse(token.as_str().unwrap())
            .unwrap()
            .receipt()
    };
    tokens.map(|token| receipt(token).to_string()).collect()
}

#[test]
fn each_request_carries_a_receipt_that_the_ledger_names_and_the_body_does_not() {
    let receiver = Receiver::new();
    let home = tempfile::tempdir().unwrap();
    let subject = Subject::new(home.path()).endpoint(receiver.endpoint());
    send_one(&subject);
    send_one(&subject);
    let requests = receiver.arrived();
    let sent: BTreeSet<String> = requests.iter().map(receipt).collect();
    // One, unless the hour changed meanwhile.
    assert!((1..=2).contains(&sent.len()), "{sent:?}");
    let log = installation(&subject).log();
    let named: BTreeSet<String> = log.iter().map(|entry| entry.receipt.clone()).collect();
    assert_eq!(named, sent);
    let secret = std::fs::read(subject.folder().join("secret")).unwrap();
    for request in &requests {
        let holds = |bytes: &[u8]| request.body.windows(bytes.len()).any(|part| part == bytes);
        assert!(!holds(receipt(request).as_bytes()) && !holds(&secret));
    }
}

#[test]
fn a_collector_is_asked_for_every_hour_since_the_first_sending() {
    let receiver = Receiver::new();
    let home = tempfile::tempdir().unwrap();
    // Erasure works whether or not telemetry is on.
    let subject = Subject::new(home.path()).endpoint(receiver.endpoint());
    send_one(&subject);
    let sent = receipt(&receiver.arrived()[0]);
    let sent_to = subject.folder().join("sent-to");
    let line = std::fs::read_to_string(&sent_to).unwrap();
    let (hour, endpoint) = line.trim().split_once(' ').unwrap();
    let earlier = hour.parse::<u64>().unwrap() - 30;
    std::fs::write(&sent_to, format!("{earlier} {endpoint}\n")).unwrap();
    std::fs::write(home.path().join("consent"), "off\n").unwrap();

    let before = receiver.arrived().len();
    let asked = installation(&subject).request_erasure();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].endpoint, endpoint);
    assert_eq!(asked[0].answer, ErasureAnswer::Accepted);
    let requests = receiver.arrived();
    assert_eq!(requests.len(), before + 1);
    let shown = shown(&requests[before]);
    assert!((32..=33).contains(&shown.len()), "{}", shown.len());
    assert!(shown.contains(&sent));
    // A collector that accepted is not asked again.
    assert_eq!(installation(&subject).request_erasure(), []);
    installation(&subject).forget().unwrap();
    assert!(!subject.folder().join("secret").exists());
    assert!(!subject.folder().join("sent-to").exists());
}

#[test]
fn a_collector_that_did_not_accept_can_be_asked_again() {
    let status = Arc::new(Mutex::new("200 OK"));
    let said = Arc::clone(&status);
    let receiver = Receiver::answering(move |_| answer(*said.lock().unwrap()));
    let home = tempfile::tempdir().unwrap();
    let subject = Subject::new(home.path()).endpoint(receiver.endpoint());
    send_one(&subject);
    let sent = receiver.arrived().len();
    let answers = |asked: Vec<ErasureOutcome>| -> Vec<ErasureAnswer> {
        asked.into_iter().map(|asked| asked.answer).collect()
    };
    for (said, code) in [("503 Busy", 503), ("404 Not Found", 404)] {
        *status.lock().unwrap() = said;
        let asked = installation(&subject).request_erasure();
        assert_eq!(answers(asked), [ErasureAnswer::Refused(code)]);
        installation(&subject).forget_pending().unwrap();
        assert!(!subject.folder().join("ledger.tsv").exists());
    }
    *status.lock().unwrap() = "202 Accepted";
    let asked = installation(&subject).request_erasure();
    assert_eq!(answers(asked), [ErasureAnswer::Accepted]);
    let requests = receiver.arrived();
    assert!(shown(&requests[sent]).is_subset(&shown(&requests[sent + 2])));
    assert!(shown(&requests[sent + 2]).contains(&receipt(&requests[0])));
}

#[test]
fn two_installations_and_a_forgotten_one_have_no_receipt_in_common() {
    let receiver = Receiver::new();
    let homes = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [anna, bert] =
        [0, 1].map(|at: usize| Subject::new(homes[at].path()).endpoint(receiver.endpoint()));
    let mut known = BTreeSet::new();
    for subject in [&anna, &bert, &anna] {
        let before = receiver.arrived().len();
        send_one(subject);
        let new: BTreeSet<String> = receiver.arrived()[before..].iter().map(receipt).collect();
        assert!(!new.is_empty() && known.is_disjoint(&new), "{new:?}");
        known.extend(new);
        installation(subject).forget().unwrap();
    }
}
