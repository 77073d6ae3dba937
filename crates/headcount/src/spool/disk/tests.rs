use std::fs::File;
use std::path::Path;

use super::*;
use crate::spool::found::Found;
use crate::spool::limits::SPOOL_LIMIT;

fn record(payload: &[u8]) -> Record<'_> {
    Record {
        time_millis: 1,
        events: 1,
        dropped: 0,
        payload,
    }
}

fn bodies(folder: &Path) -> Vec<Vec<u8>> {
    list(folder)
        .iter()
        .filter_map(Found::take)
        .map(|(_file, bytes)| segment::read(&bytes).body())
        .collect()
}

#[test]
fn other_processes_can_take_a_segment_only_after_it_is_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = DiskSpool::new(folder.path().join("spool"));
    spool.append(&record(b"one"), Room::Ordinary).unwrap();
    assert!(bodies(&folder.path().join("spool")).is_empty());
    spool.seal();
    assert_eq!(bodies(&folder.path().join("spool")), [b"one"]);
}

#[test]
fn the_next_process_appends_to_the_segment_of_the_last_one() {
    let folder = tempfile::tempdir().unwrap();
    for payload in [b"a", b"b", b"c"] {
        DiskSpool::new(folder.path().to_owned())
            .append(&record(payload), Room::Ordinary)
            .unwrap();
    }
    assert_eq!(bodies(folder.path()), [b"abc"]);
}

#[test]
fn segments_are_kept_apart_by_collector() {
    let folder = tempfile::tempdir().unwrap();
    for mark in [None, Some("aaaaaaaa"), Some("bbbbbbbb"), Some("aaaaaaaa")] {
        DiskSpool::new(folder.path().to_owned())
            .marked(mark.map(str::to_owned))
            .append(&record(b"one"), Room::Ordinary)
            .unwrap();
    }
    let found = list(folder.path());
    assert_eq!(found.len(), 3);
    let for_a = found.iter().filter(|found| found.is_for(Some("aaaaaaaa")));
    assert_eq!(for_a.count(), 2);
    assert_eq!(found.iter().filter(|found| found.is_for(None)).count(), 1);
}

#[test]
fn a_torn_end_is_cut_off_before_appending() {
    let folder = tempfile::tempdir().unwrap();
    DiskSpool::new(folder.path().to_owned())
        .append(&record(b"whole"), Room::Ordinary)
        .unwrap();
    let path = list(folder.path())[0].path.clone();
    let mut file = File::options().append(true).open(&path).unwrap();
    file.write_all(&[9, 0, 0, 0, 1, 2, 3]).unwrap();
    drop(file);
    DiskSpool::new(folder.path().to_owned())
        .append(&record(b" again"), Room::Ordinary)
        .unwrap();
    assert_eq!(bodies(folder.path()), [b"whole again"]);
}

#[test]
fn a_segment_that_is_newer_or_damaged_is_left_alone() {
    let newer = {
        let mut bytes = segment::header(7).to_vec();
        bytes[8] = 2;
        bytes.extend_from_slice(b"of a version that is yet to come");
        bytes
    };
    let mut damaged = segment::header(7).to_vec();
    for payload in [b"first", b"other", b"third"] {
        assert!(record(payload).write(&mut damaged));
    }
    damaged[SEGMENT_HEADER + 30] ^= 1;
    for bytes in [newer, damaged] {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("{:013}-0011223344556677.spool", clock::now_millis());
        let path = folder.path().join(name);
        std::fs::write(&path, &bytes).unwrap();
        DiskSpool::new(folder.path().to_owned())
            .append(&record(b"mine"), Room::Ordinary)
            .unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
        assert_eq!(list(folder.path()).len(), 2);
    }
}

#[test]
fn a_retired_segment_that_was_not_removed_takes_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = DiskSpool::new(folder.path().to_owned());
    spool.append(&record(b"one"), Room::Ordinary).unwrap();
    let settled = folder
        .path()
        .join("1772442904000-0011223344556677.delivered");
    std::fs::write(settled, vec![0; SPOOL_LIMIT as usize]).unwrap();
    let refused = spool.append(&record(b"two"), Room::Ordinary);
    assert!(matches!(refused, Err(SpoolError::Full)));
}

#[test]
fn two_writers_at_once_have_two_segments() {
    let folder = tempfile::tempdir().unwrap();
    let mut one = DiskSpool::new(folder.path().to_owned());
    let mut other = DiskSpool::new(folder.path().to_owned());
    one.append(&record(b"1"), Room::Ordinary).unwrap();
    other.append(&record(b"2"), Room::Ordinary).unwrap();
    drop((one, other));
    let mut bodies = bodies(folder.path());
    bodies.sort();
    assert_eq!(bodies, [b"1", b"2"]);
}

#[test]
fn the_folder_never_holds_more_than_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = DiskSpool::new(folder.path().to_owned());
    let payload = vec![7; 60_000];
    let mut taken = 0_u64;
    while spool.append(&record(&payload), Room::Ordinary).is_ok() {
        taken += 1;
        assert!(taken < 1_000, "the spool has no limit");
    }
    let bytes: u64 = list(folder.path()).iter().map(|found| found.bytes).sum();
    let limit = Room::Ordinary.limit();
    assert!(bytes <= limit && bytes > limit - 100_000, "{bytes}");
    // A loss report still finds room, up to the whole limit.
    spool.append(&record(b"losses"), Room::Reserved).unwrap();
    let largest = list(folder.path()).iter().map(|found| found.bytes).max();
    assert!(largest.unwrap() < SEGMENT_LIMIT + 61_000);
}

#[cfg(unix)]
#[test]
fn a_linked_folder_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let theirs = elsewhere.join("1772442904000-0011223344556677.spool");
    std::fs::write(theirs, "somebody's").unwrap();
    let link = folder.path().join("spool");
    std::os::unix::fs::symlink(&elsewhere, &link).unwrap();
    let mut spool = DiskSpool::new(link.clone());
    let refused = spool.append(&record(b"one"), Room::Ordinary);
    assert!(matches!(refused, Err(SpoolError::Disk)));
    assert!(list(&link).is_empty());
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 1);
}
