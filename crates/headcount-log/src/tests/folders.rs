//! Folders are as durable as the files in them.

use std::path::Path;

use crate::disk::Disk;
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
