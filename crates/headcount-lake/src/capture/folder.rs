//! The files of one folder.

use std::io;
use std::path::Path;

use headcount_log::disk::{Disk, DiskEntry};

use super::file::CapturedFile;
use crate::error::LakeError;

/// How often a folder is listed again because a file vanished before it was read.
const ATTEMPTS: usize = 20;

/// The files of a folder of the data folder, read at once; none where it does not exist.
pub(super) fn read_all(
    disk: &dyn Disk,
    root: &Path,
    folder: &str,
) -> Result<Vec<CapturedFile>, LakeError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match read_once(disk, root, folder) {
            // Renamed or removed meanwhile.
            Err(LakeError::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound && attempt < ATTEMPTS => {}
            read => return read,
        }
    }
}

/// The same; fails where a file vanishes meanwhile.
pub(super) fn read_once(
    disk: &dyn Disk,
    root: &Path,
    folder: &str,
) -> Result<Vec<CapturedFile>, LakeError> {
    let mut files = Vec::new();
    for entry in list(disk, &root.join(folder))? {
        if !is_unfinished(&entry.name) {
            let bytes = disk.read(&entry.path);
            let bytes = bytes.map_err(LakeError::io("read", &entry.path))?;
            files.push(CapturedFile::read(
                format!("{folder}/{}", entry.name),
                bytes,
            ));
        }
    }
    Ok(files)
}

/// The files below `folder`, which is `path` in the data folder, to be read when they are copied.
pub(super) fn below(
    disk: &dyn Disk,
    folder: &Path,
    path: &str,
    files: &mut Vec<CapturedFile>,
) -> Result<(), LakeError> {
    for entry in list(disk, folder)? {
        let path = format!("{path}/{}", entry.name);
        if disk.is_folder(&entry.path) {
            below(disk, &entry.path, &path, files)?;
        } else if !is_unfinished(&entry.name) {
            files.push(CapturedFile::plain(path, entry.path));
        }
    }
    Ok(())
}

/// Whether a file has not got its name yet.
pub(super) fn is_unfinished(name: &str) -> bool {
    name.ends_with(".tmp") || name.starts_with('.')
}

/// The entries of a folder; none where it does not exist.
pub(super) fn list(disk: &dyn Disk, folder: &Path) -> Result<Vec<DiskEntry>, LakeError> {
    match disk.list(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.map_err(LakeError::io("list", folder)),
    }
}

/// A file of the data folder's own level, if it exists.
pub(super) fn optional(
    disk: &dyn Disk,
    root: &Path,
    name: &str,
) -> Result<Option<CapturedFile>, LakeError> {
    let path = root.join(name);
    match disk.read(&path) {
        Ok(bytes) => Ok(Some(CapturedFile::read(name.to_owned(), bytes))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LakeError::io("read", &path)(error)),
    }
}
