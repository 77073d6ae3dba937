//! A home folder on a file system without locks: a `flock` that fails, and one that succeeds for everybody.
#![cfg(target_os = "linux")]

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use crate::support::{Receiver, Subject, spans, text, wait_until};
use headcount::Installation;

/// Lustre without `flock`, NFS without a lock manager, some FUSE file systems; and locks that do nothing.
const FAILURES: [i32; 4] = [libc::ENOSYS, libc::ENOLCK, libc::EOPNOTSUPP, 0];

/// A library to be preloaded, whose `flock` gives the error of `FLOCK_ERROR`.
fn library(folder: &Path) -> PathBuf {
    let source = folder.join("flock.c");
    let code = "#include <errno.h>\n#include <stdlib.h>\n\
                int flock(int file, int operation) {\n\
                (void)file; (void)operation;\n\
                int error = atoi(getenv(\"FLOCK_ERROR\"));\n\
                if (error) { errno = error; return -1; }\n\
                return 0; }\n";
    std::fs::write(&source, code).unwrap();
    let library = folder.join("flock.so");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status();
    assert!(built.unwrap().success());
    library
}

fn subject(home: &Path, library: &Path, error: i32) -> Subject {
    Subject::new(home)
        .variable("LD_PRELOAD", library.to_str().unwrap())
        .variable("FLOCK_ERROR", &error.to_string())
}

fn installation(home: &Path) -> Installation {
    Installation::all_in(home).remove(0)
}

#[test]
fn events_are_sent_with_receipts_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(folder.path());
    for error in FAILURES {
        let home = tempfile::tempdir().unwrap();
        let receiver = Receiver::new();
        let subject = subject(home.path(), &library, error).endpoint(receiver.endpoint());
        let output = text(&subject.run(&["record-and-wait", "20", "1"]));
        assert!(output.contains("sent true"), "{error}: {output}");
        let totals = installation(home.path()).totals();
        assert_eq!(
            (totals.delivered, totals.pending, totals.dropped),
            (20, 0, 0),
            "{error}"
        );
        // Without a lock two processes could say the same beat.
        assert!(receiver.spans().iter().all(|span| span.name != "Activity"));
        let log = installation(home.path()).log();
        assert!(
            log.iter().all(|entry| entry.receipt != "-"),
            "{error}: {log:?}"
        );
        assert_eq!(text(&subject.run(&["lacks-locks"])), "true\n", "{error}");
    }
    let home = tempfile::tempdir().unwrap();
    let ordinary = Subject::new(home.path());
    text(&ordinary.run(&["record", "1", "1"]));
    assert_eq!(text(&ordinary.run(&["lacks-locks"])), "false\n");
}

#[test]
fn many_processes_damage_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(folder.path());
    for error in FAILURES {
        let home = tempfile::tempdir().unwrap();
        let quiet = subject(home.path(), &library, error);
        let children: Vec<_> = (0..4)
            .map(|_| {
                let mut command = quiet.command(&["record", "1000", "2"]);
                command.stdout(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        for child in children {
            let said = text(&child.wait_with_output().unwrap());
            assert!(
                said.contains("recorded 2000 ") && said.contains("dropped 0"),
                "{said}"
            );
        }
        let totals = installation(home.path()).totals();
        assert_eq!((totals.pending, totals.dropped), (8_000, 0), "{error}");
        // Nothing is counted twice although two processes may send the same segment.
        let receiver = Receiver::new();
        let loud = subject(home.path(), &library, error).endpoint(receiver.endpoint());
        let mut senders: Vec<_> = (0..2)
            .map(|_| {
                let mut command = loud.command(&["record-and-wait", "1", "1"]);
                command.stdout(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        for sender in &mut senders {
            assert!(sender.wait().unwrap().success());
        }
        wait_until("the spool to be empty", || {
            text(&loud.run(&["record-and-wait", "0", "1"])).contains("sent true")
        });
        let ids: HashSet<_> = receiver.spans().into_iter().map(|span| span.id).collect();
        assert_eq!(ids.len(), 8_002, "{error}");
    }
}

#[test]
fn a_segment_that_another_process_may_be_writing_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(folder.path());
    for error in FAILURES {
        let home = tempfile::tempdir().unwrap();
        let owner = Subject::new(home.path());
        owner.run(&["record", "3", "1"]);
        let spool = owner.folder().join("spool");
        let mut segments = std::fs::read_dir(&spool).unwrap();
        let segment = segments.next().unwrap().unwrap().path();
        // Its owner is in the middle of a record.
        let whole = std::fs::read(&segment).unwrap();
        let so_far = &whole[..whole.len() - 3];
        std::fs::write(&segment, so_far).unwrap();
        subject(home.path(), &library, error).run(&["record", "1", "1"]);
        assert_eq!(std::fs::read(&segment).unwrap(), so_far, "{error}");
    }
}

#[test]
fn a_segment_of_a_killed_process_is_shown_and_sent_later() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(folder.path());
    let home = tempfile::tempdir().unwrap();
    let quiet = subject(home.path(), &library, libc::ENOSYS);
    let mut child = quiet.command(&["live", "20000"]).spawn().unwrap();
    let spool = quiet.folder().join("spool");
    let open = || -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&spool).into_iter().flatten();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .filter(|path| path.extension().is_some_and(|ending| ending == "open"))
            .collect()
    };
    wait_until("a record", || {
        open()
            .iter()
            .any(|path| std::fs::metadata(path).is_ok_and(|file| file.len() > 1_000))
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let shown: usize = installation(home.path())
        .pending()
        .iter()
        .map(|each| spans(&each.body).len())
        .sum();
    assert!(shown > 0);
    text(&quiet.run(&["record", "1", "1"]));
    let [abandoned] = open().try_into().unwrap();
    let earlier = SystemTime::now() - Duration::from_secs(11 * 60);
    let file = std::fs::File::options().write(true).open(&abandoned);
    file.unwrap().set_modified(earlier).unwrap();
    let receiver = Receiver::new();
    let loud = subject(home.path(), &library, libc::ENOSYS).endpoint(receiver.endpoint());
    let output = text(&loud.run(&["record-and-wait", "1", "1"]));
    assert!(output.contains("sent true"), "{output}");
    assert_eq!(receiver.spans().len(), shown + 2);
}
