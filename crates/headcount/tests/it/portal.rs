//! A captive portal, a proxy or a web site between the client and its collector.

use crate::support::{Receiver, Subject, text};
use headcount::{ErasureAnswer, Installation, UploadFailure};

const PAGE: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 12\r\n\r\n<p>Hello</p>";

#[test]
fn a_page_delivers_nothing_and_the_failure_is_named() {
    let portal = Receiver::answering(|_| PAGE.to_owned());
    let home = tempfile::tempdir().unwrap();
    let subject = Subject::new(home.path()).endpoint(portal.endpoint());
    text(&subject.run(&["live", "500"]));
    assert_eq!(portal.arrived().len(), 1);
    let [installation] = Installation::all_in(home.path()).try_into().unwrap();
    let totals = installation.totals();
    assert_eq!((totals.delivered, totals.dropped), (0, 0));
    assert!(totals.pending > 0);
    let failure = installation.last_failure().unwrap();
    assert_eq!(failure.failure, UploadFailure::NotACollector(200));
    assert!(failure.next_attempt_millis > failure.time_millis);
    let ledger = std::fs::read_to_string(subject.folder().join("ledger.tsv")).unwrap();
    assert!(ledger.contains("\tpostponed\t200\t"), "{ledger}");
    // Nor does it erase anything.
    let [asked] = installation.request_erasure().try_into().unwrap();
    assert_eq!(asked.answer, ErasureAnswer::NotACollector(200));
}
