//! Runs that began earlier than they were made, runs that a process shares with its forked child, and the state that a
//! telemetry reports.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::support::{Subject, is_child, text, wait_until};
use headcount::{
    Crew, EndpointError, FlowOrigin, Installation, Task, Telemetry, write_all_to_spool,
};
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
fn a_run_may_have_started_earlier_but_not_in_the_future() {
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

/// Before an end that runs no handler. In a process of its own, because it writes the events of all telemetry in a process.
#[test]
fn events_can_be_written_to_the_spool_while_recording_continues() {
    if !is_child("runs::events_can_be_written_to_the_spool_while_recording_continues") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let telemetry = Telemetry::builder("runs", "1").home(home.path()).start();
    for expected in 1..=3 {
        telemetry.feature_used("memory:save");
        write_all_to_spool();
        assert_eq!(waiting(home.path()).len(), expected);
    }
    assert_eq!(telemetry.counters().written, 3);
}

/// For a host that is about to fork. In a process of its own, because other tests have threads.
#[cfg(target_os = "linux")]
#[test]
fn the_clients_threads_end_on_request_and_begin_again_with_the_next_event() {
    if !is_child("runs::the_clients_threads_end_on_request_and_begin_again_with_the_next_event") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let telemetry = Telemetry::builder("runs", "1").home(home.path()).start();
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let before = threads();
    for expected in 1..=20 {
        telemetry.feature_used("memory:save");
        wait_until("the thread", || threads() == before + 1);
        headcount::end_threads();
        assert_eq!(threads(), before);
        assert_eq!(waiting(home.path()).len(), expected);
        // Nothing to do.
        headcount::end_threads();
    }
}

/// While our thread moves them from one place to the other as well: events are somewhere at every moment.
#[test]
fn the_counters_of_a_process_add_up_at_every_moment() {
    let home = tempfile::tempdir().unwrap();
    let telemetry = Telemetry::builder("counters", "1")
        .home(home.path())
        .start();
    let end = Instant::now() + Duration::from_millis(1_500);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while Instant::now() < end {
                    for _ in 0..50 {
                        telemetry.feature_used("memory:save");
                    }
                    std::thread::sleep(Duration::from_millis(3));
                }
            });
        }
        while Instant::now() < end {
            let counters = telemetry.counters();
            let sum = counters.written + counters.waiting + counters.dropped;
            assert_eq!(counters.recorded, sum, "{counters:?}");
        }
    });
    assert!(telemetry.counters().written > 0);
}

#[test]
fn telemetry_says_why_nothing_is_sent() {
    let home = tempfile::tempdir().unwrap();
    let error = |address: Option<&str>| {
        let builder = Telemetry::builder("endpoints", "1").home(home.path());
        let builder = match address {
            Some(address) => builder.endpoint(address),
            None => builder,
        };
        builder.start().endpoint_error()
    };
    for (address, expected) in [
        (
            Some("https://telemetry.example.com"),
            (!cfg!(feature = "tls")).then_some(EndpointError::WithoutTls),
        ),
        (Some("http://127.0.0.1:4318"), None),
        (None, None),
        (
            Some("telemetry.example.com"),
            Some(EndpointError::Malformed),
        ),
        (Some("http://127.0.0.1:+80"), Some(EndpointError::Malformed)),
        (
            Some("http://telemetry.example.com"),
            Some(EndpointError::PlainHttp),
        ),
        (
            Some("https://anna:secret@example.com"),
            Some(EndpointError::Credentials),
        ),
    ] {
        assert_eq!(error(address), expected, "{address:?}");
    }
    assert_eq!(Telemetry::off().endpoint_error(), None);
}

/// The child's copy goes away with the child, while the crew goes on in the parent.
#[cfg(unix)]
#[test]
fn a_forked_childs_copy_of_a_run_records_nothing() {
    let home = tempfile::tempdir().unwrap();
    let output = text(&Subject::new(home.path()).run(&["fork-in-a-run"]));
    assert_eq!(output, "");
    let mut found: Vec<(String, bool)> = waiting(home.path())
        .into_iter()
        .map(|(name, _, failed)| (name, failed))
        .filter(|(name, _)| !["Flow", "Crew Created", "Activity"].contains(&name.as_str()))
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
