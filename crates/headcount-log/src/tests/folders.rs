//! Folders are as durable as the files in them.

use std::path::Path;

use crate::disk::Disk;
use crate::folder::load_or_create_collector;
use crate::testing::SimulatedDisk;

/// Whether a file survives every crash whose folder was made by `make`.
fn survives(make: impl Fn(&SimulatedDisk, &Path)) -> bool {
    (0..32).all(|seed| {
        let dir = tempfile::tempdir().unwrap();
        let disk = SimulatedDisk::new(seed);
        disk.create_root(dir.path()).unwrap();
        let folder = dir.path().join("a/b");
        make(&disk, &folder);
        disk.replace(&folder.join("file"), b"bytes").unwrap();
        disk.crash();
        disk.exists(&folder.join("file"))
    })
}

#[test]
fn a_created_folder_keeps_its_files_and_one_without_a_synced_name_does_not() {
    assert!(survives(|disk, folder| disk.create_folder(folder).unwrap()));
    assert!(!survives(|disk, folder| {
        disk.make_folder(folder.parent().unwrap()).unwrap();
        disk.make_folder(folder).unwrap();
    }));
}

#[test]
fn a_folder_that_an_earlier_process_did_not_sync_is_synced_by_the_next() {
    assert!(survives(|disk, folder| {
        disk.make_folder(folder.parent().unwrap()).unwrap();
        disk.make_folder(folder).unwrap();
        disk.create_folder(folder).unwrap();
    }));
}

#[test]
fn a_folder_whose_sync_failed_is_synced_by_the_next_attempt() {
    assert!(survives(|disk, folder| {
        disk.fail_sync_after(Some(0));
        assert!(disk.create_folder(folder).is_err());
        disk.create_folder(folder).unwrap();
    }));
}

#[test]
fn a_damaged_id_of_the_collector_is_replaced_and_a_whole_one_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let disk = SimulatedDisk::new(1);
    let load = || load_or_create_collector(&disk, dir.path()).unwrap();
    let first = load();
    assert_eq!(load(), first);
    for damaged in [&b""[..], &first.as_bytes()[..20], &[0xff; 36]] {
        std::fs::write(dir.path().join("collector"), damaged).unwrap();
        let other = load();
        assert_eq!(other.len(), first.len(), "{damaged:?}");
        assert_ne!(other, first);
        assert_eq!(load(), other);
    }
}
