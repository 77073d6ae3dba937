//! A host program that closes all descriptors and opens files of its own: the client never uses a number that is not its own.
#![cfg(unix)]

use std::time::Duration;

use crate::support::{Receiver, SentSpan, Subject, spans, text};

/// Lines of the subject about files of its own that are not as it left them.
fn harmed(subject: &Subject, before_millis: u64) -> Vec<String> {
    let files = tempfile::tempdir().unwrap();
    let millis = before_millis.to_string();
    let words = ["close-all", files.path().to_str().unwrap(), &millis];
    let said = text(&subject.run(&words));
    let (checked, harmed) = said
        .lines()
        .partition::<Vec<_>, _>(|line| line.ends_with("fine") || *line == "closed in a child 0");
    assert_eq!(checked.len() + harmed.len(), 33, "{said}");
    harmed.into_iter().map(str::to_owned).collect()
}

#[test]
fn a_file_of_the_host_under_the_number_of_a_segment_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let subject = Subject::new(home.path());
    assert_eq!(harmed(&subject, 200), [""; 0]);
    // The events before and after are on disk.
    let pending = headcount::Installation::all_in(home.path())[0].pending();
    let recorded = pending.iter().flat_map(|each| spans(&each.body));
    assert_eq!(recorded.filter(SentSpan::is_event).count(), 39);
}

/// The upload waits for a response meanwhile: its connection, its lock and the segment that it sends are closed.
#[test]
fn a_file_of_the_host_under_the_numbers_of_an_upload_is_left_alone() {
    for before_millis in [230, 300, 600] {
        let slow = Receiver::answering(|_| {
            std::thread::sleep(Duration::from_millis(700));
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned()
        });
        let home = tempfile::tempdir().unwrap();
        let subject = Subject::new(home.path()).endpoint(slow.endpoint());
        assert_eq!(harmed(&subject, before_millis), [""; 0]);
    }
}

#[test]
fn the_numbers_of_closed_standard_streams_are_not_used() {
    let home = tempfile::tempdir().unwrap();
    let slow = Receiver::answering(|_| {
        std::thread::sleep(Duration::from_millis(100));
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned()
    });
    let subject = Subject::new(home.path()).endpoint(slow.endpoint());
    assert_eq!(
        text(&subject.run(&["without-standard-streams"])),
        "used []\n"
    );
    assert!(!slow.arrived().is_empty());
}
