//! The files of the audit log: one for each day in UTC.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use crate::owner::give_to_owner_of;

/// The folder in a data folder.
const FOLDER: &str = "audit";

/// The end of the files' names.
const SUFFIX: &str = ".jsonl";

/// The folder of the audit log of the data folder `data`.
pub(super) fn folder_in(data: &Path) -> PathBuf {
    data.join(FOLDER)
}

/// The file of one day, open for appending. Each write is of whole lines, and the operating system puts it at the end, so
/// that a command may append beside the collector.
#[derive(Debug)]
pub(super) struct DayFile {
    pub(super) day: NaiveDate,
    file: File,
}

impl DayFile {
    /// Opens the file of `day`; creates it, and its folder, if they are missing. A last line that a crash has cut ends here, so
    /// that the next one is whole.
    pub(super) fn open(folder: &Path, day: NaiveDate) -> io::Result<Self> {
        if !folder.exists() {
            let created = fs::DirBuilder::new().mode(0o700).create(folder);
            match created {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            if let Some(data) = folder.parent() {
                give_to_owner_of(data, &File::open(folder)?)?;
            }
            sync_parent(folder)?;
        }
        let path = folder.join(format!("{day}{SUFFIX}"));
        let is_new = !path.exists();
        let mut options = OpenOptions::new();
        options.append(true).read(true).create(true).mode(0o600);
        let mut file = options.open(&path)?;
        if is_new {
            give_to_owner_of(folder, &file)?;
            sync_parent(&path)?;
        } else if is_cut(&mut file)? {
            file.write_all(b"\n")?;
        }
        Ok(Self { day, file })
    }

    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        self.file.write_all(lines)
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

fn is_cut(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last[0] != b'\n')
}

/// The days that have a file, the earliest first.
pub(super) fn days_in(folder: &Path) -> io::Result<Vec<(NaiveDate, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut days = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let day = name.and_then(|name| name.strip_suffix(SUFFIX)?.parse().ok());
        if let Some(day) = day {
            days.push((day, path));
        }
    }
    days.sort();
    Ok(days)
}

/// Removes the files of days before `first`.
pub(super) fn remove_before(folder: &Path, first: NaiveDate) -> io::Result<()> {
    for (day, path) in days_in(folder)? {
        if day < first {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
