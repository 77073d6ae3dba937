//! While an upload waits for a collector, events reach the disk and an off is noticed.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Receiver, Subject, text, wait_until};

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// A collector that takes everything and does not answer before a test has ended.
fn silent() -> Receiver {
    Receiver::answering(|_| {
        std::thread::sleep(Duration::from_secs(60));
        String::new()
    })
}

/// A program that records all the time, and the lines that it writes.
fn steady(subject: &Subject) -> (Child, impl Iterator<Item = String>) {
    let mut command = subject.command(&["steady", "30000"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines.map_while(Result::ok))
}

#[test]
fn events_recorded_while_a_collector_is_silent_survive_a_kill() {
    let home = tempfile::tempdir().unwrap();
    let subject = Subject::new(home.path()).endpoint(silent().endpoint());
    let (mut child, lines) = steady(&subject);
    let end = Instant::now() + Duration::from_secs(3);
    let before_the_end = |_: &String| Instant::now() < end;
    let last = lines.take_while(before_the_end).last().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let recorded: u64 = last.split(' ').next().unwrap().parse().unwrap();
    let pending = headcount::Installation::all_in(home.path())[0]
        .totals()
        .pending;
    assert!(recorded > 100, "{recorded}");
    // A twentieth of a second of them, and as much again for a machine that is busy.
    assert!(pending + 60 >= recorded, "{pending} of {recorded}");
}

#[test]
fn an_off_is_noticed_while_a_collector_is_silent() {
    let home = tempfile::tempdir().unwrap();
    let subject = Subject::new(home.path()).endpoint(silent().endpoint());
    let (mut child, mut lines) = steady(&subject);
    let begun = Instant::now();
    let _line = lines.find(|_| begun.elapsed() > Duration::from_secs(1));
    std::fs::write(home.path().join("consent"), "off\n").unwrap();
    let said = Instant::now();
    let heard = lines.find(|line| line.ends_with("Off"));
    assert!(heard.is_some());
    assert!(
        said.elapsed() < Duration::from_secs(5),
        "{:?}",
        said.elapsed()
    );
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn an_off_ends_an_upload_of_many_segments() {
    let home = tempfile::tempdir().unwrap();
    let quiet = Subject::new(home.path());
    text(&quiet.run(&["record", "2500", "6"]));
    let receiver = Receiver::answering(|_| {
        std::thread::sleep(Duration::from_millis(700));
        FINE.to_owned()
    });
    let subject = Subject::new(home.path()).endpoint(receiver.endpoint());
    let mut child = subject
        .command(&["record-and-linger", "8000"])
        .spawn()
        .unwrap();
    wait_until("the first request", || !receiver.arrived().is_empty());
    std::fs::write(home.path().join("consent"), "off\n").unwrap();
    let before = receiver.arrived().len();
    assert!(child.wait().unwrap().success());
    let after = receiver.arrived().len();
    // The one that was on its way, and one that the count above was too early for.
    assert!(after <= before + 2, "{before} and then {after}");
    let left = std::fs::read_dir(subject.folder().join("spool")).unwrap();
    assert_eq!(left.count(), 0);
}

/// A command that lives for some milliseconds sends what earlier ones left.
#[test]
fn events_of_earlier_runs_are_sent_at_once() {
    let home = tempfile::tempdir().unwrap();
    let receiver = Receiver::new();
    let subject = Subject::new(home.path()).endpoint(receiver.endpoint());
    for _ in 0..5 {
        text(&subject.run(&["record-and-linger", "120"]));
    }
    assert!(!receiver.spans().is_empty());
}

/// On a machine that lets us write nowhere all that waits is in memory.
#[test]
fn flush_waits_for_events_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    std::fs::write(&file, b"").unwrap();
    let slow = Receiver::answering(|_| {
        std::thread::sleep(Duration::from_millis(400));
        FINE.to_owned()
    });
    let start = |framework: &str, endpoint: String| {
        let builder = headcount::Telemetry::builder(framework, "1").endpoint(endpoint);
        builder.home(file.join("home")).told_user(true).start()
    };
    let telemetry = start("slow", slow.endpoint());
    for expected in 1..=3 {
        telemetry.feature_used("memory:save");
        assert!(telemetry.flush(Duration::from_secs(20)));
        assert_eq!(slow.spans().len(), expected);
    }
    let telemetry = start("silent", silent().endpoint());
    telemetry.feature_used("memory:save");
    assert!(!telemetry.flush(Duration::from_millis(600)));
}
