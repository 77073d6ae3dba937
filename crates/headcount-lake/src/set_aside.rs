//! Damaged files that a repair took out of their tables, in the folder `damaged/` of the data folder.
//!
//! Their names begin with the second in which that was, so that they leave when nobody has looked at them for long, and an erasure
//! removes those of its tables: nobody can tell whose rows are in a damaged file.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use headcount_log::disk::Disk;

use crate::error::LakeError;

/// How long a file is kept: as long as the shared tier's rows are, which it may hold.
const KEPT: Duration = Duration::from_secs(30 * 86_400);

fn folder(root: &Path) -> PathBuf {
    root.join("damaged")
}

/// Moves a file of `table` there, durably; returns its new path.
pub(crate) fn put(
    disk: &dyn Disk,
    root: &Path,
    table: &str,
    path: &Path,
) -> Result<PathBuf, LakeError> {
    let to = place(disk, root, table, path)?;
    disk.rename_durably(path, &to)
        .map_err(LakeError::io("set aside", path))?;
    Ok(to)
}

/// Gives a file of `table` a further name there, durably: it keeps its own until something takes its place.
pub(crate) fn link(
    disk: &dyn Disk,
    root: &Path,
    table: &str,
    path: &Path,
) -> Result<(), LakeError> {
    let to = place(disk, root, table, path)?;
    let linked = match disk.link(path, &to) {
        // By a repair that ended a moment ago.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    };
    linked
        .and_then(|()| disk.sync_folder(&folder(root)))
        .map_err(LakeError::io("set aside", path))
}

/// Where a file of `table` goes; the folder exists afterwards.
fn place(disk: &dyn Disk, root: &Path, table: &str, path: &Path) -> Result<PathBuf, LakeError> {
    let folder = folder(root);
    disk.create_folder(&folder)
        .and_then(|()| disk.set_mode(&folder, 0o700))
        .map_err(LakeError::io("create", &folder))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(folder.join(format!("{}-{table}-{name}", now())))
}

/// The files of `table`.
pub(crate) fn of_table(
    disk: &dyn Disk,
    root: &Path,
    table: &str,
) -> Result<Vec<PathBuf>, LakeError> {
    let mut files = all(disk, root)?;
    files.retain(|(_, rest, _)| {
        let name = rest.strip_prefix(table);
        name.is_some_and(|name| name.starts_with('-'))
    });
    Ok(files.into_iter().map(|(_, _, path)| path).collect())
}

/// Removes those that are old.
pub(crate) fn remove_old(disk: &dyn Disk, root: &Path) -> Result<(), LakeError> {
    for (since, _, path) in all(disk, root)? {
        if now().saturating_sub(since) > KEPT.as_secs() {
            disk.remove(&path).map_err(LakeError::io("remove", &path))?;
        }
    }
    Ok(())
}

/// Each file: the second in which it was set aside, its table with its name, and its path.
fn all(disk: &dyn Disk, root: &Path) -> Result<Vec<(u64, String, PathBuf)>, LakeError> {
    let folder = folder(root);
    if !disk.exists(&folder) {
        return Ok(Vec::new());
    }
    let entries = disk.list(&folder).map_err(LakeError::io("list", &folder))?;
    let parsed = entries.into_iter().filter_map(|entry| {
        let (since, rest) = entry.name.split_once('-')?;
        Some((since.parse().ok()?, rest.to_owned(), entry.path))
    });
    Ok(parsed.collect())
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
