//! The weekly beat (`docs/decisions/0049-the-weekly-beat.md`): what it says, when it is said, and who never says it.

use std::path::{Path, PathBuf};
use std::process::Child;

use headcount::Installation;
use headcount_catalog::{Catalog, Rule};
use headcount_wire::{TraceRequest, Value};

use crate::support::{Receiver, SentSpan, Subject, spans, text, wait_until};

const FACTS: [&str; 4] = [
    "activity.age_weeks",
    "activity.active_days",
    "activity.idle_weeks",
    "activity.newer_releases",
];

fn file(subject: &Subject) -> PathBuf {
    subject.folder().join("activity")
}

/// The words of the file, read by rules of this test's own (`docs/formats/spool.md`).
fn words(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let line = text.strip_suffix('\n').expect("one line");
    let (content, checksum) = line.split_at(line.len() - 8);
    let wanted = format!("{:08x}", crc32fast::hash(content.as_bytes()));
    assert_eq!(checksum, wanted, "{line}");
    let words = content.trim_end().split(' ').map(str::to_owned);
    words.collect()
}

/// Lets `weeks` weeks pass: everything in the file happened earlier.
fn let_weeks_pass(path: &Path, weeks: u32) {
    let mut words = words(path);
    for (index, unit) in [(1, 1), (2, 1), (3, 1), (4, 7)] {
        if words[index] != "-" {
            let number: u32 = words[index].parse().unwrap();
            words[index] = (number - weeks * unit).to_string();
        }
    }
    let content = words.join(" ") + " ";
    let checksum = crc32fast::hash(content.as_bytes());
    std::fs::write(path, format!("{content}{checksum:08x}\n")).unwrap();
}

fn beats(spans: Vec<SentSpan>) -> Vec<SentSpan> {
    let beats = spans.into_iter().filter(|span| span.name == "Activity");
    beats.collect()
}

/// The beats that arrive when a process records an event.
fn beats_of_a_run(subject: Subject) -> Vec<SentSpan> {
    let receiver = Receiver::new();
    let subject = subject.endpoint(receiver.endpoint());
    let output = text(&subject.run(&["record-and-wait", "1", "1"]));
    assert!(output.contains("sent true"), "{output}");
    assert!(
        receiver
            .spans()
            .iter()
            .any(|span| span.name == "Tool Usage")
    );
    beats(receiver.spans())
}

fn facts(beat: &SentSpan) -> Vec<(&str, &str)> {
    let attributes = beat.attributes.iter();
    attributes
        .map(|(key, value)| (key.trim_start_matches("activity."), value.as_str()))
        .collect()
}

#[test]
fn a_beat_is_said_once_a_week() {
    let home = tempfile::tempdir().unwrap();
    let subject = || Subject::new(home.path());
    let first = beats_of_a_run(subject());
    assert_eq!(first.len(), 1);
    assert_eq!(
        facts(&first[0]),
        [
            ("age_weeks", "1"),
            ("active_days", "1"),
            ("newer_releases", "0")
        ]
    );
    assert!(beats_of_a_run(subject()).is_empty());
    let_weeks_pass(&file(&subject()), 1);
    let second = beats_of_a_run(subject());
    assert_eq!(second.len(), 1);
    assert_eq!(second[0].get("activity.age_weeks"), Some("2-4"));
    assert_eq!(second[0].get("activity.idle_weeks"), Some("0"));
    assert!(beats_of_a_run(subject()).is_empty());
    let_weeks_pass(&file(&subject()), 30);
    let last = beats_of_a_run(subject());
    assert_eq!(last[0].get("activity.age_weeks"), Some("25+"));
    assert_eq!(last[0].get("activity.idle_weeks"), Some("5+"));
    assert_eq!(last[0].get("activity.active_days"), Some("1"));
}

/// Four facts of four values each, or none; no id; and the day is the only time.
#[test]
fn a_beat_has_no_id_and_less_than_ten_bits() {
    let home = tempfile::tempdir().unwrap();
    let receiver = Receiver::new();
    let subject = Subject::new(home.path()).endpoint(receiver.endpoint());
    for weeks in [0, 1, 3, 9, 40] {
        if weeks > 0 {
            let_weeks_pass(&file(&subject), weeks);
        }
        assert!(text(&subject.run(&["record-and-wait", "1", "1"])).contains("sent true"));
    }
    let catalog = Catalog::embedded();
    let mut categories = catalog.categories().iter();
    let category = categories
        .find(|category| category.id == "activity")
        .unwrap();
    let mut different = 1;
    for field in &category.fields {
        let Rule::Enum(values) = &field.rule else {
            panic!("{} is not one of fixed values", field.name);
        };
        // Or it is absent.
        different *= values.len() + 1;
    }
    assert_eq!(category.fields.len(), FACTS.len());
    assert!(different <= 1 << 10, "{different} different beats");
    let mut found = 0;
    for request in receiver.arrived() {
        for group in TraceRequest::parse(&request.body).unwrap().groups() {
            for raw in group.spans() {
                let mut scratch = Vec::new();
                let span = raw.parse(&mut scratch).unwrap();
                if span.name != "Activity" {
                    continue;
                }
                found += 1;
                let day = 86_400_000_000_000;
                assert_eq!(span.start_unix_nano % day, 0, "more than the day");
                assert_eq!(span.start_unix_nano, span.end_unix_nano);
                for attribute in span.attributes {
                    assert!(FACTS.contains(&attribute.key), "{}", attribute.key);
                    let Value::String(value) = attribute.value else {
                        panic!("{:?}", attribute.value);
                    };
                    assert!(value.len() <= 4, "{value}");
                }
            }
        }
    }
    assert_eq!(found, 5);
}

#[test]
fn a_beat_is_never_sent_alone_and_waits_with_its_events() {
    let home = tempfile::tempdir().unwrap();
    let subject = Subject::new(home.path());
    // Nothing is recorded: nothing is said, and nothing is written about it.
    text(&subject.run(&["record", "0", "1"]));
    assert!(!file(&subject).exists());
    text(&subject.run(&["record", "3", "1"]));
    // As `headcount preview` shows them.
    let waiting = Installation::all_in(home.path()).remove(0).pending();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].events, 3);
    let names: Vec<String> = spans(&waiting[0].body)
        .into_iter()
        .map(|span| span.name)
        .collect();
    assert_eq!(names.iter().filter(|name| *name == "Activity").count(), 1);
    assert_eq!(names.len(), 4);
}

#[test]
fn processes_that_start_at_once_say_one_beat() {
    let home = tempfile::tempdir().unwrap();
    let receiver = Receiver::new();
    let subject = Subject::new(home.path()).endpoint(receiver.endpoint());
    for round in 1..=4 {
        let children: Vec<Child> = (0..10)
            .map(|_| {
                let mut command = subject.command(&["record", "5", "2"]);
                command.stdout(std::process::Stdio::null()).spawn().unwrap()
            })
            .collect();
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
        wait_until("the spool to be empty", || {
            text(&subject.run(&["record-and-wait", "0", "1"])).contains("sent true")
        });
        assert_eq!(beats(receiver.spans()).len(), round);
        let_weeks_pass(&file(&subject), 1);
    }
}

/// A beat may be lost with its process. It is not said twice, and the file stays whole.
#[test]
fn processes_that_are_killed_say_no_beat_twice() {
    let home = tempfile::tempdir().unwrap();
    let receiver = Receiver::new();
    let subject = Subject::new(home.path()).endpoint(receiver.endpoint());
    let mut random = 88_172_645_463_325_252_u64;
    let mut weeks = 0;
    for _round in 0..12 {
        let mut children: Vec<Child> = (0..4)
            .map(|_| subject.command(&["live", "5000"]).spawn().unwrap())
            .collect();
        for child in &mut children {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            std::thread::sleep(std::time::Duration::from_millis(random % 30));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        if std::fs::metadata(file(&subject)).is_ok_and(|metadata| metadata.len() > 0) {
            weeks += 1;
            let_weeks_pass(&file(&subject), 1);
        }
    }
    wait_until("the spool to be empty", || {
        text(&subject.run(&["record-and-wait", "1", "1"])).contains("sent true")
    });
    // One that was killed before the answer came is sent again under the same id.
    let mut ids: Vec<Vec<u8>> = beats(receiver.spans())
        .into_iter()
        .map(|beat| beat.id)
        .collect();
    ids.sort();
    ids.dedup();
    assert!(weeks >= 6, "no process lived long enough");
    assert!(
        (1..=weeks + 1).contains(&ids.len()),
        "{} beats in {weeks} weeks",
        ids.len()
    );
}

#[test]
fn whoever_sends_nothing_says_no_beat() {
    for (name, value) in [
        ("DO_NOT_TRACK", "1"),
        ("HEADCOUNT_DISABLED", "1"),
        // Before the notice was shown, events wait here; the beat is not among them.
        ("SUBJECT_TOLD", "no"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let subject = Subject::new(home.path()).variable(name, value);
        text(&subject.run(&["record", "3", "1"]));
        assert!(!file(&subject).exists(), "{name}");
        let installations = Installation::all_in(home.path());
        for pending in installations.iter().flat_map(Installation::pending) {
            assert!(beats(spans(&pending.body)).is_empty(), "{name}");
        }
    }
}

#[test]
fn an_off_deletes_the_history_and_an_on_brings_no_second_beat() {
    let home = tempfile::tempdir().unwrap();
    let subject = || Subject::new(home.path());
    assert_eq!(beats_of_a_run(subject()).len(), 1);
    text(&subject().run(&["say", "off"]));
    assert!(!file(&subject()).exists());
    text(&subject().run(&["say", "on"]));
    assert!(beats_of_a_run(subject()).is_empty());
    let_weeks_pass(&file(&subject()), 1);
    let next = beats_of_a_run(subject());
    assert_eq!(next[0].get("activity.age_weeks"), Some("2-4"));
}

/// A framework's own folder is unknown to `headcount off`; its history is from before the off all the same.
#[test]
fn a_history_from_before_an_off_is_not_continued() {
    let person = tempfile::tempdir().unwrap();
    let own = tempfile::tempdir().unwrap();
    let subject =
        || Subject::new(person.path()).variable("SUBJECT_HOME", own.path().to_str().unwrap());
    let file = own.path().join("state/subject/activity");
    assert_eq!(beats_of_a_run(subject()).len(), 1);
    let_weeks_pass(&file, 30);
    for word in ["off", "on"] {
        text(&subject().run(&["say", word]));
    }
    assert!(file.exists());
    assert!(beats_of_a_run(subject()).is_empty());
    let_weeks_pass(&file, 1);
    let next = beats_of_a_run(subject());
    assert_eq!(next[0].get("activity.age_weeks"), Some("2-4"));
}

#[test]
fn forget_deletes_the_history() {
    for is_pending in [false, true] {
        let home = tempfile::tempdir().unwrap();
        let subject = Subject::new(home.path());
        text(&subject.run(&["record", "3", "1"]));
        assert!(file(&subject).exists());
        let installation = Installation::all_in(home.path()).remove(0);
        match is_pending {
            true => installation.forget_pending().unwrap(),
            false => installation.forget().unwrap(),
        }
        assert!(!file(&subject).exists());
    }
}

#[test]
fn a_damaged_history_brings_no_beat_in_its_week_and_no_age() {
    for damage in [
        &b"1 2960"[..],
        b"\0\0\0\0\0\0\0\0\0\0\0\0",
        b"1 2 3 4 5 0000001 - 00000000\n",
    ] {
        let home = tempfile::tempdir().unwrap();
        let subject = || Subject::new(home.path());
        assert_eq!(beats_of_a_run(subject()).len(), 1);
        std::fs::write(file(&subject()), damage).unwrap();
        assert!(beats_of_a_run(subject()).is_empty());
        let_weeks_pass(&file(&subject()), 2);
        let next = beats_of_a_run(subject());
        assert_eq!(
            facts(&next[0]),
            [
                ("active_days", "1"),
                ("idle_weeks", "1"),
                ("newer_releases", "0")
            ]
        );
    }
}

/// One of a newer client, which this one cannot read.
#[test]
fn a_history_of_another_form_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let subject = || Subject::new(home.path());
    assert_eq!(beats_of_a_run(subject()).len(), 1);
    let content = "2 another form ";
    let line = format!("{content}{:08x}\n", crc32fast::hash(content.as_bytes()));
    std::fs::write(file(&subject()), &line).unwrap();
    assert!(beats_of_a_run(subject()).is_empty());
    assert_eq!(std::fs::read_to_string(file(&subject())).unwrap(), line);
}

/// An installation that cannot keep a file would be a new one with each process.
#[test]
fn without_a_folder_to_write_to_there_is_no_beat() {
    let home = tempfile::tempdir().unwrap();
    let blocked = home.path().join("a-file");
    std::fs::write(&blocked, b"").unwrap();
    assert!(beats_of_a_run(Subject::new(&blocked.join("home"))).is_empty());
}

/// A process of some milliseconds, whose worker thread may have had no time to begin.
#[test]
fn short_processes_count_as_activity() {
    let home = tempfile::tempdir().unwrap();
    let subject = Subject::new(home.path());
    for _run in 0..10 {
        text(&subject.run(&["record", "1", "1"]));
        assert_eq!(words(&file(&subject))[5], "0000001");
        std::fs::remove_file(file(&subject)).unwrap();
    }
}
