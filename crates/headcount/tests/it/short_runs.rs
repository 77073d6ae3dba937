//! Programs that end as soon as they have recorded: their events leave with a later run, although each run is short, and no
//! run ends late.

use std::time::{Duration, Instant};

use crate::support::{Receiver, Subject, text};
use headcount::{Installation, UploadFailure};

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

fn tools(receiver: &Receiver) -> usize {
    let spans = receiver.spans().into_iter();
    spans.filter(|span| span.name == "Tool Usage").count()
}

#[test]
fn events_of_short_runs_are_sent_by_a_later_short_run() {
    // Also of a collector that is far away.
    for millis in [0, 200] {
        let home = tempfile::tempdir().unwrap();
        let receiver = Receiver::answering(move |_| {
            std::thread::sleep(Duration::from_millis(millis));
            FINE.to_owned()
        });
        let subject = Subject::new(home.path()).endpoint(receiver.endpoint());
        text(&subject.run(&["record", "6", "1"]));
        assert_eq!(
            tools(&receiver),
            0,
            "the first run has nothing of earlier ones to send"
        );
        text(&subject.run(&["record", "6", "1"]));
        assert_eq!(tools(&receiver), 12, "{millis}");
        let [installation] = Installation::all_in(home.path()).try_into().unwrap();
        let totals = installation.totals();
        assert_eq!((totals.delivered, totals.pending), (12, 0), "{millis}");
        // A collector that accepted events a moment ago is not waited for again.
        text(&subject.run(&["record", "6", "1"]));
        text(&subject.run(&["record", "6", "1"]));
        assert_eq!(receiver.arrived().len(), 1, "{millis}");
    }
}

/// Each ending that runs exit handlers; a process that is killed runs none.
#[test]
fn every_ending_by_exit_sends_events_of_earlier_runs() {
    for ending in ["return", "exit-7", "exit-in-thread", "panic"] {
        let home = tempfile::tempdir().unwrap();
        let receiver = Receiver::new();
        let quiet = Subject::new(home.path());
        text(&quiet.run(&["record", "6", "1"]));
        let subject = Subject::new(home.path()).endpoint(receiver.endpoint());
        let output = subject.run(&["ending", ending]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(tools(&receiver) >= 6, "{ending}: {told}");
    }
}

/// A collector that accepts connections and never responds delays one end for half a second, and then none for a while.
#[test]
fn a_silent_collector_delays_one_end_a_little() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let home = tempfile::tempdir().unwrap();
    let subject = Subject::new(home.path()).endpoint(&endpoint);
    text(&subject.run(&["record", "6", "1"]));
    let begun = Instant::now();
    text(&subject.run(&["record", "6", "1"]));
    // The limit is half a second; this machine may be busy.
    assert!(begun.elapsed() < Duration::from_secs(5));
    let [installation] = Installation::all_in(home.path()).try_into().unwrap();
    let failed = installation.last_failure().unwrap();
    assert_eq!(failed.failure, UploadFailure::Unfinished);
    assert!(failed.next_attempt_millis >= failed.time_millis + 5_000);
    assert_eq!(installation.totals().pending, 12);
    text(&subject.run(&["record", "6", "1"]));
    assert_eq!(
        installation.last_failure(),
        Some(failed),
        "the pause was not respected"
    );
    // Nobody waits for the end of the exchange either.
    silent.set_nonblocking(true).unwrap();
    let connections = std::iter::from_fn(|| silent.accept().ok()).count();
    assert_eq!(connections, 1);
}

#[test]
fn a_collector_that_is_down_is_named_by_the_next_status() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let home = tempfile::tempdir().unwrap();
    let subject = Subject::new(home.path()).endpoint(&endpoint);
    for _ in 0..2 {
        text(&subject.run(&["record", "6", "1"]));
    }
    let [installation] = Installation::all_in(home.path()).try_into().unwrap();
    let failed = installation.last_failure().unwrap();
    assert_eq!(failed.failure, UploadFailure::Connection);
}

/// Telemetry that is dropped while the program goes on does not delay it, and its last upload still ends.
#[test]
fn a_drop_does_not_wait() {
    let home = tempfile::tempdir().unwrap();
    let receiver = Receiver::answering(|_| {
        std::thread::sleep(Duration::from_millis(300));
        FINE.to_owned()
    });
    let subject = Subject::new(home.path()).endpoint(receiver.endpoint());
    text(&subject.run(&["record", "6", "1"]));
    let said = text(&subject.run(&["timed-drop"]));
    let millis: u64 = said.trim().parse().unwrap();
    assert!(millis < 200, "the drop took {millis} ms");
    assert_eq!(tools(&receiver), 7);
}

/// A pool of workers must not end slowly.
#[cfg(unix)]
#[test]
fn forked_children_send_nothing_at_their_end() {
    let home = tempfile::tempdir().unwrap();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let subject = Subject::new(home.path()).endpoint(&endpoint);
    text(&subject.run(&["record", "6", "1"]));
    let circuit = subject.of_collector("circuit");
    let said = text(&subject.run(&["children-at-their-end", "20"]));
    assert_eq!(said, "ended\n");
    assert!(!circuit.exists());
}
