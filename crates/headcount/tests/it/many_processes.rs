//! Many processes on one spool: threads, forks, and `kill -9`.
#![cfg(unix)]

use std::collections::{HashMap, HashSet};

use crate::support::{Receiver, Subject, header, spans, text, wait_until};

/// In how many requests each span arrived, by its id. One that is sent again, under the same name, because its process ended
/// before the answer came, is one: a collector counts its spans once.
fn arrivals(receiver: &Receiver) -> HashMap<Vec<u8>, usize> {
    let mut arrivals: HashMap<Vec<u8>, HashSet<String>> = HashMap::new();
    for request in receiver.arrived() {
        let name = header(&request.head, "idempotency-key").unwrap();
        for span in spans(&request.body) {
            if request.status == 200 && span.name == "Tool Usage" {
                arrivals.entry(span.id).or_default().insert(name.to_owned());
            }
        }
    }
    let count = |(id, names): (Vec<u8>, HashSet<String>)| (id, names.len());
    arrivals.into_iter().map(count).collect()
}

/// Starts processes until the spool is empty.
fn empty_the_spool(subject: &Subject) {
    wait_until("the spool to be empty", || {
        text(&subject.run(&["record-and-wait", "0", "1"])).contains("sent true")
    });
}

fn field(text: &str, name: &str) -> u64 {
    let mut words = text.split_whitespace();
    let _name = words.find(|word| *word == name);
    words.next().unwrap().parse().unwrap()
}

#[test]
fn sixteen_processes_of_eight_threads_lose_nothing_and_count_nothing_twice() {
    let home = tempfile::tempdir().unwrap();
    let receiver = Receiver::new();
    let subject = Subject::new(home.path()).endpoint(receiver.endpoint());
    let children: Vec<_> = (0..16)
        .map(|_| {
            let mut command = subject.command(&["record", "200", "8"]);
            command
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut recorded = 0;
    let mut dropped = 0;
    for child in children {
        let output = text(&child.wait_with_output().unwrap());
        recorded += field(&output, "recorded");
        dropped += field(&output, "dropped");
    }
    assert_eq!(recorded, 16 * 8 * 200);
    empty_the_spool(&subject);
    let arrivals = arrivals(&receiver);
    assert!(arrivals.values().all(|count| *count == 1));
    assert_eq!(arrivals.len() as u64 + dropped, recorded);
    assert_eq!(dropped, 0, "a queue or the spool overflowed");
}

#[test]
fn a_thousand_forks_lose_nothing_and_count_nothing_twice() {
    let home = tempfile::tempdir().unwrap();
    let receiver = Receiver::new();
    let subject = Subject::new(home.path()).endpoint(receiver.endpoint());
    let output = text(&subject.run(&["forks", "1000", "5"]));
    let recorded = field(&output, "parent") + field(&output, "children");
    assert_eq!(field(&output, "children"), 5_000);
    empty_the_spool(&subject);
    let arrivals = arrivals(&receiver);
    assert!(arrivals.values().all(|count| *count == 1));
    assert_eq!(arrivals.len() as u64, recorded);
}

/// Records that reached the disk before the kill arrive once; the counters add up.
#[test]
fn processes_that_are_killed_leave_whole_records_which_arrive_once() {
    let home = tempfile::tempdir().unwrap();
    let receiver = Receiver::new();
    let subject = Subject::new(home.path()).endpoint(receiver.endpoint());
    let mut random = 88_172_645_463_325_252_u64;
    for _round in 0..12 {
        let mut children: Vec<_> = (0..4)
            .map(|_| subject.command(&["live", "5000"]).spawn().unwrap())
            .collect();
        for child in &mut children {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            std::thread::sleep(std::time::Duration::from_millis(20 + random % 60));
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
    empty_the_spool(&subject);
    let arrivals = arrivals(&receiver);
    assert!(arrivals.len() > 100, "{} arrived", arrivals.len());
    let ledger = std::fs::read_to_string(subject.folder().join("ledger.tsv")).unwrap();
    let sum = |status: &str| -> u64 {
        let lines = ledger
            .lines()
            .filter(|line| line.contains(&format!("\t{status}\t")));
        lines
            .map(|line| line.split('\t').nth(4).unwrap().parse::<u64>().unwrap())
            .sum()
    };
    assert_eq!(sum("unreadable"), 0, "{ledger}");
    // A process that was killed after its request had left, and before its line was written, sent it twice with the same
    // ids: a collector counts it once, and so do the counters.
    assert_eq!(sum("delivered"), arrivals.len() as u64, "{ledger}");
}

/// A child that is forked off in the middle of an upload shares the open files, and must not keep their locks.
#[test]
fn a_child_of_an_uploader_does_not_keep_its_locks() {
    for is_killed in [false, true] {
        let home = tempfile::tempdir().unwrap();
        // Each answer takes a while, so that the fork comes in between.
        let slow = Receiver::answering(|_| {
            std::thread::sleep(std::time::Duration::from_millis(800));
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned()
        });
        let subject = Subject::new(home.path()).endpoint(slow.endpoint());
        let mut command = subject.command(&["fork-and-linger", "500", "20000"]);
        let mut parent = command
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut child = String::new();
        let mut output = std::io::BufReader::new(parent.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut output, &mut child).unwrap();
        if is_killed {
            parent.kill().unwrap();
        }
        parent.wait().unwrap();
        let _gone = std::fs::remove_file(subject.of_collector("circuit"));
        let output = text(&subject.run(&["record-and-wait", "5", "1"]));
        let stopped = std::process::Command::new("kill")
            .args(["-9", child.trim()])
            .status();
        assert!(stopped.unwrap().success(), "the child had ended already");
        assert!(output.contains("sent true"), "{output}");
    }
}
