//! The client's reaction to a collector's responses.

use std::collections::HashMap;

use crate::support::{Receiver, SentSpan, Subject, header, text, wait_until};

fn answer(status: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")
}

fn ledger(subject: &Subject) -> String {
    std::fs::read_to_string(subject.folder().join("ledger.tsv")).unwrap_or_default()
}

fn segments(subject: &Subject) -> usize {
    std::fs::read_dir(subject.folder().join("spool")).map_or(0, Iterator::count)
}

#[test]
fn a_collector_that_is_busy_is_left_alone_for_as_long_as_it_asks() {
    let receiver = Receiver::answering(|_| {
        "HTTP/1.1 503 Busy\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n".to_owned()
    });
    let home = tempfile::tempdir().unwrap();
    let subject = Subject::new(home.path()).endpoint(receiver.endpoint());
    for _ in 0..3 {
        text(&subject.run(&["live", "500"]));
    }
    assert_eq!(receiver.arrived().len(), 1);
    assert!(ledger(&subject).contains("\tpostponed\t503\t"));
    assert!(segments(&subject) > 0);
    let circuit = std::fs::read_to_string(subject.of_collector("circuit")).unwrap();
    assert_eq!(circuit.split(' ').nth(1), Some("1"), "{circuit}");
}

#[test]
fn a_collector_that_is_gone_silences_this_version_and_no_other() {
    let receiver =
        Receiver::answering(|number| answer(if number == 0 { "410 Gone" } else { "200 OK" }));
    let home = tempfile::tempdir().unwrap();
    let subject = Subject::new(home.path()).endpoint(receiver.endpoint());
    text(&subject.run(&["live", "500"]));
    assert_eq!(receiver.arrived().len(), 1);
    let decision = text(&subject.run(&["decide"]));
    assert!(decision.starts_with("off: the collector"), "{decision}");
    assert_eq!(text(&subject.run(&["around"])), "threads 1 sockets 0\n");
    // The version that the file names is another one now.
    std::fs::write(subject.of_collector("gone"), "1.2.2\n").unwrap();
    assert!(text(&subject.run(&["decide"])).starts_with("on: "));
    // Two versions side by side do not wake each other, and what cannot be read may name any version.
    std::fs::write(subject.of_collector("gone"), "1.2.2\n1.2.3\n").unwrap();
    assert!(text(&subject.run(&["decide"])).starts_with("off: "));
    std::fs::write(subject.of_collector("gone"), [0xff, 0xfe]).unwrap();
    assert!(text(&subject.run(&["decide"])).starts_with("off: "));
}

/// A collector that is down, and one that wants no more, keep nothing from another one of the same framework.
#[test]
fn one_collectors_answer_does_not_affect_another_collector() {
    for said in ["503 Busy\r\nRetry-After: 3600", "410 Gone"] {
        let home = tempfile::tempdir().unwrap();
        let well = Receiver::new();
        let other = Subject::new(home.path()).endpoint(well.endpoint());
        // Of the other one something waits, as its program was offline.
        let mark = other.of_collector("x");
        let mark = mark.file_name().unwrap().to_str().unwrap().to_owned();
        let quiet = Subject::new(home.path());
        text(&quiet.run(&["record", "50", "1"]));
        let spool = quiet.folder().join("spool");
        let path = std::fs::read_dir(&spool).unwrap().next().unwrap();
        let path = path.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let marked = spool.join(format!("{name}-{}.spool", mark.trim_start_matches("x-")));
        std::fs::rename(&path, &marked).unwrap();
        let ill = Receiver::answering(move |_| answer(said));
        let subject = Subject::new(home.path()).endpoint(ill.endpoint());
        text(&subject.run(&["live", "600"]));
        assert!(!ill.arrived().is_empty());
        assert!(marked.exists(), "{said}");
        let output = text(&other.run(&["record-and-wait", "5", "1"]));
        assert!(output.contains("sent true"), "{said}: {output}");
        let arrived = well.spans().into_iter();
        let arrived = arrived.filter(|span| span.name == "Tool Usage").count();
        assert_eq!(arrived, 55, "{said}");
    }
}

#[test]
fn refused_events_are_removed_counted_and_reported() {
    let receiver = Receiver::answering(|number| {
        answer(if number == 0 {
            "400 Bad Request"
        } else {
            "200 OK"
        })
    });
    let home = tempfile::tempdir().unwrap();
    let subject = Subject::new(home.path()).endpoint(receiver.endpoint());
    text(&subject.run(&["live", "500"]));
    let refused: u64 = ledger(&subject)
        .lines()
        .filter(|line| line.contains("\trefused\t400\t"))
        .map(|line| line.split('\t').nth(4).unwrap().parse::<u64>().unwrap())
        .sum();
    assert!(refused > 0);
    text(&subject.run(&["record-and-wait", "1", "1"]));
    let losses: Vec<_> = receiver
        .spans()
        .into_iter()
        .filter(|span| span.name == "Losses")
        .collect();
    assert_eq!(losses.len(), 1);
    assert_eq!(losses[0].get("losses.reason"), Some("refused"));
    assert_eq!(
        losses[0].get("losses.count"),
        Some(&*format!("Integer({refused})"))
    );
}

#[test]
fn a_request_without_a_response_is_sent_again_unchanged() {
    // The first answer breaks off.
    let receiver = Receiver::answering(|number| {
        if number == 0 {
            "HTTP/1.1 2".to_owned()
        } else {
            answer("200 OK")
        }
    });
    let home = tempfile::tempdir().unwrap();
    let subject = Subject::new(home.path()).endpoint(receiver.endpoint());
    text(&subject.run(&["live", "500"]));
    assert_eq!(receiver.arrived().len(), 1);
    assert!(ledger(&subject).contains("\tunanswered\t0\t"));
    std::fs::remove_file(subject.of_collector("circuit")).unwrap();
    let output = text(&subject.run(&["record-and-wait", "1", "1"]));
    assert!(output.contains("sent true"), "{output}");
    let arrived = receiver.arrived();
    let key = |number: usize| {
        header(&arrived[number].head, "idempotency-key")
            .unwrap()
            .to_owned()
    };
    assert_eq!(key(0), key(1));
    // The same spans, with the same ids: a collector counts them once.
    assert!(arrived[1].body.starts_with(&arrived[0].body));
}

/// Killed after the answer: before the ledger's line, or after it and before the file is removed.
#[test]
fn a_segment_that_was_sent_before_its_process_was_killed_is_not_sent_again() {
    for has_line in [false, true] {
        let receiver = Receiver::new();
        let home = tempfile::tempdir().unwrap();
        let quiet = Subject::new(home.path());
        text(&quiet.run(&["record", "50", "1"]));
        let path = std::fs::read_dir(quiet.folder().join("spool"))
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        std::fs::rename(&path, path.with_extension("delivered")).unwrap();
        if has_line {
            let line = format!("\n2026-03-02T09:15:04Z\t{name}\tdelivered\t200\t50\t0\t9\t9\t-\n");
            std::fs::write(quiet.folder().join("ledger.tsv"), line).unwrap();
        }
        let totals = || headcount::Installation::all_in(home.path())[0].totals();
        assert_eq!((totals().delivered, totals().pending), (50, 0));
        let loud = Subject::new(home.path()).endpoint(receiver.endpoint());
        let output = text(&loud.run(&["record-and-wait", "5", "1"]));
        assert!(output.contains("sent true"), "{output}");
        assert_eq!(receiver.spans().len(), 5);
        assert_eq!(totals().delivered, 55);
        let lines = ledger(&loud);
        assert_eq!(
            lines.lines().filter(|line| line.contains(&name)).count(),
            1,
            "{lines}"
        );
        assert_eq!(
            std::fs::read_dir(loud.folder().join("spool"))
                .unwrap()
                .count(),
            0
        );
    }
}

/// A ledger that cannot be written (a full disk): what was acknowledged is not sent again, and counts as delivered.
#[test]
fn without_a_ledger_nothing_is_sent_twice() {
    let receiver = Receiver::new();
    let home = tempfile::tempdir().unwrap();
    let subject = Subject::new(home.path()).endpoint(receiver.endpoint());
    std::fs::create_dir_all(subject.folder().join("ledger.tsv")).unwrap();
    for _ in 0..3 {
        text(&subject.run(&["live", "700"]));
    }
    let mut seen = HashMap::new();
    for span in receiver.spans().into_iter().filter(SentSpan::is_event) {
        *seen.entry(span.id).or_insert(0) += 1;
    }
    assert!(seen.len() > 100);
    assert!(seen.values().all(|count| *count == 1));
    let totals = headcount::Installation::all_in(home.path())[0].totals();
    assert_eq!(totals.delivered, seen.len() as u64);
}

/// A folder in place of the ledger does not keep content on this machine.
#[test]
fn an_off_empties_the_spool_even_without_a_ledger() {
    let home = tempfile::tempdir().unwrap();
    let subject = Subject::new(home.path());
    text(&subject.run(&["record", "50", "1"]));
    let in_its_place = subject.folder().join("ledger.tsv/something");
    std::fs::create_dir_all(in_its_place).unwrap();
    text(&subject.run(&["say", "off"]));
    assert_eq!(segments(&subject), 0);
    assert!(ledger(&subject).contains("\tturned_off\t"));
}

#[test]
fn a_segment_that_fails_does_not_block_the_others() {
    use std::sync::{Arc, Mutex};
    let home = tempfile::tempdir().unwrap();
    let quiet = Subject::new(home.path());
    text(&quiet.run(&["record", "900", "2"]));
    // The oldest segment fails, now and later.
    let first: Arc<Mutex<Option<usize>>> = Arc::default();
    let receiver = Receiver::answering(move |number| {
        let mut first = first.lock().unwrap();
        let is_first = *first.get_or_insert(number) == number;
        answer(if is_first { "500 Oops" } else { "200 OK" })
    });
    let subject = Subject::new(home.path()).endpoint(receiver.endpoint());
    text(&subject.run(&["record-and-linger", "1500"]));
    let statuses: Vec<u16> = receiver
        .arrived()
        .iter()
        .map(|request| request.status)
        .collect();
    assert!(statuses.len() > 1, "{statuses:?}");
    assert_eq!(statuses[..2], [500, 200]);
}

#[test]
fn events_for_one_collector_do_not_go_to_another() {
    let home = tempfile::tempdir().unwrap();
    let away = Subject::new(home.path()).endpoint("http://127.0.0.1:9");
    text(&away.run(&["everything", "share"]));
    let receiver = Receiver::new();
    let other = Subject::new(home.path()).endpoint(receiver.endpoint());
    let output = text(&other.run(&["record-and-wait", "5", "1"]));
    assert!(output.contains("sent true"), "{output}");
    assert_eq!(receiver.spans().len(), 5);
    let totals = headcount::Installation::all_in(home.path())[0].totals();
    assert!(totals.pending > 5, "{totals:?}");
}

#[test]
fn turning_it_off_while_a_program_runs_empties_the_spool_and_stops_it() {
    let receiver = Receiver::answering(|_| answer("503 Busy"));
    let home = tempfile::tempdir().unwrap();
    let subject = Subject::new(home.path()).endpoint(receiver.endpoint());
    let mut child = subject.command(&["live", "4000"]).spawn().unwrap();
    wait_until("the first request", || !receiver.arrived().is_empty());
    std::fs::write(home.path().join("consent"), "off\n").unwrap();
    // The next upload asks first.
    let _gone = std::fs::remove_file(subject.of_collector("circuit"));
    assert!(child.wait().unwrap().success());
    let before = receiver.arrived().len();
    assert_eq!(text(&subject.run(&["around"])), "threads 1 sockets 0\n");
    assert_eq!(receiver.arrived().len(), before);
}

/// A program that only keeps events on this machine hears of it too.
#[test]
fn turning_it_off_empties_what_a_running_program_holds() {
    let home = tempfile::tempdir().unwrap();
    let subject = Subject::new(home.path()).variable("SUBJECT_TOLD", "no");
    let mut child = subject.command(&["live", "4000"]).spawn().unwrap();
    wait_until("the first event on disk", || segments(&subject) == 1);
    std::fs::write(home.path().join("consent"), "off\n").unwrap();
    wait_until("the spool to be empty", || segments(&subject) == 0);
    assert!(child.wait().unwrap().success());
    assert_eq!(segments(&subject), 0);
    assert!(ledger(&subject).contains("\tturned_off\t"));
}

#[test]
fn without_a_writable_folder_events_are_sent_from_memory() {
    let receiver = Receiver::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    std::fs::write(&file, b"").unwrap();
    let subject = Subject::new(&file.join("home")).endpoint(receiver.endpoint());
    text(&subject.run(&["live", "600"]));
    assert!(receiver.spans().len() > 10);
    let requests = receiver.arrived();
    let has_receipt = |head: &str| header(head, "headcount-receipt").is_some();
    assert!(
        requests.iter().all(|request| !has_receipt(&request.head)),
        "a receipt could not be redeemed"
    );
    let mut seen = HashMap::new();
    for span in receiver.spans() {
        *seen.entry(span.id).or_insert(0) += 1;
    }
    assert!(seen.values().all(|count| *count == 1));
    // Nor does it need a home at all. An empty variable counts as unset, so that the home of whoever runs the tests would be next.
    let homeless = Subject::new(std::path::Path::new(""))
        .variable("HOME", file.to_str().unwrap())
        .endpoint(receiver.endpoint());
    assert!(homeless.run(&["live", "50"]).status.success());
}

/// recorded = delivered + pending + dropped, and the collector hears of every loss, by reason.
#[test]
fn the_counters_add_up_when_the_spool_overflows() {
    let home = tempfile::tempdir().unwrap();
    let quiet = Subject::new(home.path());
    let mut recorded = 0;
    for _ in 0..3 {
        let output = text(&quiet.run(&["record", "2500", "8"]));
        assert!(output.starts_with("recorded 20000 "), "{output}");
        recorded += 20_000;
    }
    let bytes: u64 = std::fs::read_dir(quiet.folder().join("spool"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert!((6 << 20..=7 << 20).contains(&bytes), "{bytes}");
    let receiver = Receiver::new();
    let loud = Subject::new(home.path()).endpoint(receiver.endpoint());
    wait_until("the spool to be empty", || {
        text(&loud.run(&["record-and-wait", "0", "1"])).contains("sent true")
    });
    let spans = receiver.spans();
    let arrived = spans
        .iter()
        .filter(|span| span.name == "Tool Usage")
        .count() as u64;
    let lost: u64 = spans
        .iter()
        .filter(|span| span.name == "Losses")
        .map(|span| {
            let count = span.get("losses.count").unwrap();
            count
                .trim_start_matches("Integer(")
                .trim_end_matches(')')
                .parse::<u64>()
                .unwrap()
        })
        .sum();
    assert!(lost > 0);
    assert_eq!(arrived + lost, recorded);
    let totals = headcount::Installation::all_in(home.path())[0].totals();
    assert_eq!(
        (totals.delivered, totals.pending, totals.dropped),
        (arrived, 0, lost)
    );
}

#[test]
fn a_token_is_sent_to_the_collector_and_to_no_file() {
    let receiver = Receiver::answering(|_| answer("200 OK"));
    let home = tempfile::tempdir().unwrap();
    let token = "hc_00000000_secret";
    let subject = Subject::new(home.path())
        .endpoint(receiver.endpoint())
        .variable("SUBJECT_TOKEN", token);
    assert!(text(&subject.run(&["record-and-wait", "5", "1"])).contains("sent true"));
    let arrived = receiver.arrived();
    let sent = header(&arrived[0].head, "Authorization");
    assert_eq!(sent, Some("Bearer hc_00000000_secret"));
    let mut folders = vec![home.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let is_in = bytes
                .windows(token.len())
                .any(|part| part == token.as_bytes());
            assert!(!is_in, "{}", path.display());
        }
    }
}

#[test]
fn a_token_that_would_end_its_header_is_named_and_nothing_is_sent() {
    for token in ["", "two words", "a\r\nX: y", "\u{fc}", &"x".repeat(513)] {
        let home = tempfile::tempdir().unwrap();
        let telemetry = headcount::Telemetry::builder("subject", "1.0")
            .home(home.path())
            .endpoint("http://127.0.0.1:4318")
            .ingest_token(token)
            .told_user(true)
            .start();
        let error = telemetry.endpoint_error();
        assert_eq!(error, Some(headcount::EndpointError::Token), "{token:?}");
    }
}
