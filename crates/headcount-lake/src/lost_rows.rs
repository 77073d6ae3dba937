//! The rows that a repair gave up: their files left the tables, and answers go on to say that they are missing.
//!
//! The file `lost-rows` of the data folder is one line of JSON and the CRC-32 of that line, as the watermark is (docs/formats/tables.md).

use std::path::{Path, PathBuf};

use headcount_log::disk::Disk;
use serde::{Deserialize, Serialize};

use crate::delta::log::ActiveFile;
use crate::error::LakeError;

/// What was given up so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LostRows {
    files: Vec<LostFile>,
}

/// A file that was removed from its table because it was damaged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LostFile {
    pub(crate) table: String,
    /// Relative to the table's folder.
    pub(crate) path: String,
    /// Its partition.
    pub(crate) day: String,
    /// `None` where nobody knows.
    pub(crate) rows: Option<u64>,
    /// The rows, and in a counter table the sum of their counts; `None` where nobody knows. The account of all records counts these.
    pub(crate) units: Option<u64>,
    /// The least and greatest `time`, microseconds since 1970 UTC.
    pub(crate) time: Option<(i64, i64)>,
    /// The damage.
    pub(crate) problem: String,
    /// When it was given up, milliseconds since 1970 UTC.
    pub(crate) given_up: i64,
}

impl LostRows {
    /// What the data folder says; nothing where it has no such file, or a damaged one.
    pub(crate) fn read(disk: &dyn Disk, root: &Path) -> Self {
        let path = path(root);
        let Ok(bytes) = disk.read(&path) else {
            return Self::default();
        };
        Self::parse(&bytes).unwrap_or_else(|| {
            tracing::error!(
                file = %path.display(),
                "the list of rows that a repair gave up is damaged: answers no longer say that they are missing"
            );
            Self::default()
        })
    }

    /// The list in a file's bytes; `None` where they are damaged.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (line, checksum) = std::str::from_utf8(bytes).ok()?.split_once('\n')?;
        let is_whole = checksum.trim_end() == format!("{:08x}", crc32fast::hash(line.as_bytes()));
        serde_json::from_str(line).ok().filter(|_| is_whole)
    }

    /// Writes the list, durably.
    pub(crate) fn write(&self, disk: &dyn Disk, root: &Path) -> Result<(), LakeError> {
        let line = serde_json::to_string(self).map_err(|error| LakeError::delta("all", error))?;
        let text = format!("{line}\n{:08x}\n", crc32fast::hash(line.as_bytes()));
        let path = path(root);
        disk.replace(&path, text.as_bytes())
            .map_err(LakeError::io("write", &path))
    }

    /// Adds a file, once.
    pub(crate) fn add(&mut self, file: LostFile) {
        let is_same = |known: &LostFile| (&known.table, &known.path) == (&file.table, &file.path);
        if !self.files.iter().any(is_same) {
            self.files.push(file);
        }
    }

    /// The files of `table` that are not among its `active` ones: one that is there again is not lost.
    pub(crate) fn of_table<'a>(
        &'a self,
        table: &'a str,
        active: &'a [ActiveFile],
    ) -> impl Iterator<Item = &'a LostFile> {
        let of_table = self.files.iter().filter(move |file| file.table == table);
        of_table.filter(|lost| !active.iter().any(|file| file.path == lost.path))
    }
}

/// The file of the data folder `root`.
pub(crate) fn path(root: &Path) -> PathBuf {
    root.join("lost-rows")
}
