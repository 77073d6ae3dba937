//! Runs that began earlier than they were made, and runs that a process shares with its forked child.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod ground;

use std::path::Path;
use std::time::{Duration, SystemTime};

use ground::{Subject, text};
use headcount::{Crew, FlowOrigin, Installation, Task, Telemetry, write_down_all};
use headcount_wire::{StatusCode, TraceRequest};

/// Name, duration in nanoseconds, and whether it failed, of each span that waits.
fn waiting(home: &Path) -> Vec<(String, u64, bool)> {
    let mut found = Vec::new();
    for installation in Installation::all_in(home) {
        for pending in installation.pending() {
            for group in TraceRequest::parse(&pending.body).unwrap().groups() {
                for raw in group.spans() {
                    let mut scratch = Vec::new();
                    let span = raw.parse(&mut scratch).unwrap();
                    found.push((
                        span.name.to_owned(),
                        span.end_unix_nano - span.start_unix_nano,
                        span.status == StatusCode::Error,
                    ));
                }
            }
        }
    }
    found
}

#[test]
fn a_run_may_have_begun_earlier_and_never_later() {
    let home = tempfile::tempdir().unwrap();
    let telemetry = Telemetry::builder("runs", "1").home(home.path()).start();
    let now = SystemTime::now();
    let (earlier, later) = (
        now - Duration::from_secs(90),
        now + Duration::from_secs(3_600),
    );
    let task = Task::new("Find papers");
    for start in [earlier, later] {
        let run = telemetry.crew_started(&Crew::new()).since(start);
        run.task_started(&task).since(start).complete();
        run.complete();
        telemetry
            .flow_started("Flow", FlowOrigin::User)
            .since(start)
            .complete();
    }
    drop(telemetry);
    let seconds: Vec<u64> = waiting(home.path())
        .into_iter()
        .filter(|(name, ..)| matches!(name.as_str(), "Task Execution" | "Crew Completed"))
        .map(|(_, nanos, _)| nanos / 10_000_000_000)
        .collect();
    assert_eq!(seconds, [9, 9, 0, 0]);
}

/// Before an end that runs no handler.
#[test]
fn what_waits_can_be_written_down_and_recording_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let telemetry = Telemetry::builder("runs", "1").home(home.path()).start();
    for expected in 1..=3 {
        telemetry.feature_used("memory:save");
        write_down_all();
        assert_eq!(waiting(home.path()).len(), expected);
    }
    assert_eq!(telemetry.books().written, 3);
}

/// The child's copy goes away with the child, while the crew goes on in the parent.
#[cfg(unix)]
#[test]
fn a_forked_childs_copy_of_a_run_says_nothing() {
    let home = tempfile::tempdir().unwrap();
    let output = text(&Subject::new(home.path()).run(&["fork-in-a-run"]));
    assert_eq!(output, "");
    let mut found: Vec<(String, bool)> = waiting(home.path())
        .into_iter()
        .map(|(name, _, failed)| (name, failed))
        .filter(|(name, _)| name != "Flow" && name != "Crew Created")
        .collect();
    found.sort();
    // The child ended a task by its own word.
    let expected = [
        ("Crew Completed", false),
        ("Task Execution", false),
        ("Task Execution", true),
    ];
    assert_eq!(
        found,
        expected.map(|(name, failed)| (name.to_owned(), failed))
    );
}
