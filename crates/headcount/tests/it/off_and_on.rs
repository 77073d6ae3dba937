//! Events from before an off are never sent, however the off was set and ended.

use crate::support::{Receiver, Subject, text};

/// Events that arrive once one more is recorded, and the collector is there.
fn arriving(subject: Subject) -> usize {
    let receiver = Receiver::new();
    let subject = subject.endpoint(receiver.endpoint());
    let output = text(&subject.run(&["record-and-wait", "1", "1"]));
    assert!(output.contains("sent true"), "{output}");
    let spans = receiver.spans();
    spans.iter().filter(|span| span.is_event()).count()
}

#[test]
fn a_framework_with_its_own_folder_honours_an_off_that_has_ended() {
    let person = tempfile::tempdir().unwrap();
    let own = tempfile::tempdir().unwrap();
    let subject =
        || Subject::new(person.path()).variable("SUBJECT_HOME", own.path().to_str().unwrap());
    text(&subject().run(&["record", "50", "1"]));
    assert!(own.path().join("state/subject/spool").exists());
    for word in ["off", "on"] {
        text(&subject().run(&["say", word]));
    }
    assert_eq!(arriving(subject()), 1);
    // A second on does not forget that.
    text(&subject().run(&["say", "on"]));
    let consent = std::fs::read_to_string(person.path().join("consent")).unwrap();
    assert!(consent.contains("off until "), "{consent}");
}

#[test]
fn an_off_empties_folders_that_hold_nothing_but_a_spool() {
    for about in [None, Some(&b"1.2.3\n\xff\n"[..])] {
        let home = tempfile::tempdir().unwrap();
        let subject = Subject::new(home.path());
        text(&subject.run(&["record", "50", "1"]));
        let path = subject.folder().join("about");
        match about {
            Some(about) => std::fs::write(&path, about).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        let known = headcount::Installation::all_in(home.path());
        assert_eq!(known.len(), 1);
        assert_eq!(known[0].totals().pending, 50);
        text(&subject.run(&["say", "off"]));
        let left = std::fs::read_dir(subject.folder().join("spool")).unwrap();
        assert_eq!(left.count(), 0, "{about:?}");
    }
}

#[test]
fn an_off_written_by_hand_counts_from_the_next_start_on() {
    let home = tempfile::tempdir().unwrap();
    let subject = Subject::new(home.path());
    text(&subject.run(&["record", "50", "1"]));
    std::fs::write(home.path().join("consent"), "off\n").unwrap();
    assert!(text(&subject.run(&["decide"])).starts_with("off: "));
    std::fs::write(home.path().join("consent"), "on\n").unwrap();
    assert_eq!(arriving(subject), 1);
}

#[test]
fn a_switch_that_is_set_during_a_run_counts_at_the_next_step() {
    for step in ["task", "end-of-task", "end-of-crew", "end-of-flow", "flush"] {
        let home = tempfile::tempdir().unwrap();
        let subject = Subject::new(home.path()).variable("SUBJECT_SWITCHES_AT", step);
        assert_eq!(text(&subject.run(&["switch-in-a-run"])), "Off\n", "{step}");
    }
}
