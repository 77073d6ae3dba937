//! The rows that a repair gave up: their files left the tables, and answers go on to say that they are missing.
//!
//! The file `lost-rows` of the data folder is one line of JSON and the CRC-32 of that line, as the watermark is (docs/formats/tables.md).

use std::path::{Path, PathBuf};

use headcount_log::disk::Disk;
use serde::{Deserialize, Serialize};

use crate::delta::log::ActiveFile;
use crate::error::LakeError;
use crate::sealed_line::{self, Found};

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
    /// The day of its rows; the first of them where they are of several.
    pub(crate) day: String,
    /// `None` where nobody knows.
    pub(crate) rows: Option<u64>,
    /// The rows, and in a counter table the sum of their counts; `None` where nobody knows.
    pub(crate) units: Option<u64>,
    /// Whether the account of the commit that removed it has these units. An older version left that to this list.
    #[serde(default, rename = "counted")]
    pub(crate) is_counted: bool,
    /// The least and greatest `time`, microseconds since 1970 UTC.
    pub(crate) time: Option<(i64, i64)>,
    /// The damage.
    pub(crate) problem: String,
    /// When it was given up, milliseconds since 1970 UTC.
    pub(crate) given_up: i64,
}

impl LostRows {
    /// What the data folder says; nothing where it has no such file, or a damaged one.
    ///
    /// # Errors
    ///
    /// The operating system refuses to read it.
    pub(crate) fn read(disk: &dyn Disk, root: &Path) -> Result<Self, LakeError> {
        let path = path(root);
        let found = sealed_line::read(disk, &path)?;
        if let Found::Damaged(reason) = &found {
            tracing::error!(
                file = %path.display(),
                reason,
                "the list of rows that a repair gave up is damaged: answers no longer say that they are missing"
            );
        }
        Ok(found.whole().unwrap_or_default())
    }

    /// Writes the list, durably.
    pub(crate) fn write(&self, disk: &dyn Disk, root: &Path) -> Result<(), LakeError> {
        sealed_line::write(disk, &path(root), self)
    }

    /// Adds a file, once.
    pub(crate) fn add(&mut self, file: LostFile) {
        let is_same = |known: &LostFile| (&known.table, &known.path) == (&file.table, &file.path);
        if !self.files.iter().any(is_same) {
            self.files.push(file);
        }
    }

    /// Leaves out the files of `table` that are among its `active` ones: the repair that noted one ended before its commit, or somebody has
    /// put the file back. Once such a file is merged, nobody could tell that its rows are there. Returns whether there were any.
    pub(crate) fn forget_active(&mut self, table: &str, active: &[ActiveFile]) -> bool {
        let before = self.files.len();
        self.files.retain(|lost| {
            lost.table != table || !active.iter().any(|file| file.path == lost.path)
        });
        self.files.len() < before
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
