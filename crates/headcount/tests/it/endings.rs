//! Promise 4: the client does not change how the host program ends. Twelve endings, with the client and without.
#![cfg(unix)]

use crate::support;
use std::os::unix::process::ExitStatusExt as _;

use crate::support::{Receiver, Subject};

const ENDINGS: [&str; 12] = [
    "return",
    "return-3",
    "exit-0",
    "exit-7",
    "exit-in-thread",
    "panic",
    "panic-in-thread",
    "abort",
    "sigint",
    "sigterm",
    "sighup",
    "sigkill",
];

#[test]
fn never_in_the_way_every_ending_is_the_same_with_and_without_the_client() {
    let receiver = Receiver::new();
    for ending in ENDINGS {
        let home = tempfile::tempdir().unwrap();
        let with = Subject::new(home.path()).endpoint(receiver.endpoint());
        let without = Subject::new(home.path()).variable("SUBJECT_TELEMETRY", "none");
        let (with, without) = (
            with.run(&["ending", ending]),
            without.run(&["ending", ending]),
        );
        assert_eq!(
            (with.status.code(), with.status.signal()),
            (without.status.code(), without.status.signal()),
            "{ending}"
        );
        assert_eq!(with.stdout, without.stdout, "{ending}");
        // A panic's message holds the thread's number, and nothing else may differ.
        let plain = |text: &[u8]| {
            let text = String::from_utf8_lossy(text).into_owned();
            text.chars()
                .filter(|character| !character.is_ascii_digit())
                .collect::<String>()
        };
        assert_eq!(plain(&with.stderr), plain(&without.stderr), "{ending}");
    }
}

/// The dispositions of all signals, as the kernel shows them, and what the process's main thread blocks.
#[test]
fn never_in_the_way_no_signal_is_handled_or_blocked() {
    let home = tempfile::tempdir().unwrap();
    let receiver = Receiver::new();
    let with = Subject::new(home.path()).endpoint(receiver.endpoint());
    let without = Subject::new(home.path()).variable("SUBJECT_TELEMETRY", "none");
    let (with, without) = (
        support::text(&with.run(&["signals"])),
        support::text(&without.run(&["signals"])),
    );
    assert!(with.contains("SigCgt"), "{with}");
    assert_eq!(with, without);
}

/// Events recorded before a program returns, exits or panics are on disk; the end does not wait for a silent collector.
#[test]
fn exit_is_instant_and_what_was_not_sent_waits_on_disk() {
    // Accepts connections and never responds.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    for ending in ["return", "exit-7", "exit-in-thread", "panic"] {
        let home = tempfile::tempdir().unwrap();
        let subject = Subject::new(home.path()).endpoint(&endpoint);
        let mut child = subject.command(&["ending", ending]).spawn().unwrap();
        // Far below any time-out of the network; how short it really is, the benchmark `exit` measures.
        support::wait_until("the end of the program", || {
            child.try_wait().unwrap().is_some()
        });
        let spool: Vec<_> = std::fs::read_dir(subject.folder().join("spool"))
            .unwrap()
            .collect();
        assert_eq!(spool.len(), 1, "{ending}");
    }
}
