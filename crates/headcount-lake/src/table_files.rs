//! The Parquet files in a table's folder, whether the table has them or not.

use std::path::{Path, PathBuf};

use headcount_log::disk::{Disk, DiskEntry};

use crate::error::LakeError;

/// The folders of an older layout: each had the files of one day.
const OF_A_DAY: &str = "day=";

/// A file in a table's folder.
#[derive(Debug)]
pub(crate) struct FoundFile {
    /// Relative to the table's folder, as the table's log names files.
    pub(crate) relative: String,
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

/// The files in a table's folder that may be a table's: Parquet files in it, and everything in the folders of days that an older layout had.
pub(crate) fn list(disk: &dyn Disk, folder: &Path) -> Result<Vec<FoundFile>, LakeError> {
    let mut found = Vec::new();
    for DiskEntry { name, path } in entries(disk, folder)? {
        if name.starts_with(OF_A_DAY) {
            for entry in entries(disk, &path)? {
                found.push(FoundFile {
                    relative: format!("{name}/{}", entry.name),
                    name: entry.name,
                    path: entry.path,
                });
            }
        } else if name.ends_with(".parquet") {
            found.push(FoundFile {
                relative: name.clone(),
                name,
                path,
            });
        }
    }
    Ok(found)
}

/// The folders that [`list`] looks in.
pub(crate) fn folders(disk: &dyn Disk, folder: &Path) -> Result<Vec<PathBuf>, LakeError> {
    let days = entries(disk, folder)?.into_iter();
    let days = days.filter(|entry| entry.name.starts_with(OF_A_DAY));
    let mut folders = vec![folder.to_path_buf()];
    folders.extend(days.map(|day| day.path));
    Ok(folders)
}

fn entries(disk: &dyn Disk, folder: &Path) -> Result<Vec<DiskEntry>, LakeError> {
    disk.list(folder).map_err(LakeError::io("list", folder))
}
