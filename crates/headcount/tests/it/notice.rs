//! The first run, on a terminal.
#![allow(unsafe_code, reason = "a pseudo-terminal has no safe form")]
#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::Read as _;
use std::os::fd::FromRawFd as _;
use std::process::Stdio;

use crate::support::{Receiver, Subject};

/// Runs the subject with its standard error on a terminal; gives what it wrote there and to standard output.
fn on_terminal(subject: &Subject, words: &[&str]) -> (String, String) {
    let (mut ours, mut theirs) = (0, 0);
    // SAFETY: `openpty` fills both descriptors, which nothing else owns yet; the other pointers may be null.
    let (mut terminal, slave) = unsafe {
        let opened = libc::openpty(
            &raw mut ours,
            &raw mut theirs,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        );
        assert_eq!(opened, 0);
        (File::from_raw_fd(ours), File::from_raw_fd(theirs))
    };
    let mut command = subject.command(words);
    let child = command
        .stderr(Stdio::from(slave))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // The terminal ends when the last process that has it open does.
    drop(command);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let mut shown = Vec::new();
    let _ended = terminal.read_to_end(&mut shown);
    (
        String::from_utf8(shown).unwrap(),
        String::from_utf8(output.stdout).unwrap(),
    )
}

#[test]
fn the_first_run_shows_the_notice_and_the_second_sends() {
    let home = tempfile::tempdir().unwrap();
    let receiver = Receiver::new();
    let subject = Subject::new(home.path())
        .endpoint(receiver.endpoint())
        .variable("SUBJECT_TOLD", "no");
    let (notice, _) = on_terminal(&subject, &["live", "600"]);
    assert!(
        notice.contains("headcount off") && notice.contains("headcount preview"),
        "{notice}"
    );
    assert!(
        receiver.arrived().is_empty(),
        "something left in the run that told"
    );
    let (notice, decision) = on_terminal(&subject, &["decide"]);
    assert_eq!(
        (notice.as_str(), decision.as_str()),
        ("", "on: you have seen the notice\n")
    );
    let (notice, output) = on_terminal(&subject, &["record-and-wait", "1", "1"]);
    assert_eq!(notice, "");
    assert!(output.contains("sent true"), "{output}");
    assert!(receiver.spans().len() > 1);
}

#[test]
fn a_second_start_in_the_first_run_sends_nothing() {
    let home = tempfile::tempdir().unwrap();
    let receiver = Receiver::new();
    let subject = Subject::new(home.path())
        .endpoint(receiver.endpoint())
        .variable("SUBJECT_TOLD", "no");
    let (notice, decisions) = on_terminal(&subject, &["decide-twice"]);
    assert!(notice.contains("headcount off"), "{notice}");
    assert_eq!(decisions.lines().count(), 2);
    assert!(
        decisions.lines().all(|line| line.starts_with("local: ")),
        "{decisions}"
    );
    assert!(receiver.arrived().is_empty());
}

#[test]
fn child_processes_of_the_first_run_send_nothing() {
    let home = tempfile::tempdir().unwrap();
    let subject = Subject::new(home.path())
        .variable("SUBJECT_TOLD", "no")
        .variable("PATH", "/usr/bin:/bin");
    let (_, decisions) = on_terminal(&subject, &["decide-with-children"]);
    assert_eq!(decisions.lines().count(), 4, "{decisions}");
    assert!(
        decisions.lines().all(|line| line.starts_with("local: ")),
        "{decisions}"
    );
    let (_, decision) = on_terminal(&subject, &["decide"]);
    assert_eq!(decision, "on: you have seen the notice\n");
}

/// The first program of a container is process 1, again and again.
#[test]
fn another_process_with_the_same_id_is_another_run() {
    let home = tempfile::tempdir().unwrap();
    let subject = Subject::new(home.path()).variable("SUBJECT_TOLD", "no");
    let (_, _) = on_terminal(&subject, &["decide"]);
    let marker = subject.folder().join("notice-shown");
    let shown = std::fs::read_to_string(&marker).unwrap();
    let after_the_number = shown.split_once(' ').map_or("", |(_, rest)| rest);
    // Of a process that lives, and began at another time.
    let ours = std::process::id();
    std::fs::write(&marker, format!("{ours} 1{after_the_number}")).unwrap();
    let (_, decision) = on_terminal(&subject, &["decide"]);
    assert_eq!(decision, "on: you have seen the notice\n");
}

#[test]
fn a_framework_that_informed_its_user_is_named_as_the_reason() {
    let home = tempfile::tempdir().unwrap();
    let subject = Subject::new(home.path());
    let (notice, decision) = on_terminal(&subject, &["decide"]);
    assert_eq!(notice, "");
    assert_eq!(
        decision,
        "on: the framework states that it has informed you\n"
    );
}

#[test]
fn after_an_opt_out_no_notice_is_shown() {
    let home = tempfile::tempdir().unwrap();
    let subject = Subject::new(home.path())
        .variable("SUBJECT_TOLD", "no")
        .variable("DO_NOT_TRACK", "1");
    let (notice, decision) = on_terminal(&subject, &["decide"]);
    assert_eq!(notice, "");
    assert!(decision.starts_with("off: "), "{decision}");
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}
