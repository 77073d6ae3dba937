//! The watermark: how far the tables had come at the last flush, so that a table that lost commits, or all of them, is noticed.
//!
//! A Delta table cannot tell that the end of its log is missing, since an older version of a table is a table. The file
//! `watermark` in the data folder says which version of each table held the rows up to which group of the write-ahead log. It is
//! written after the commits of a flush and before the log is trimmed (docs/formats/tables.md).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use headcount_log::disk::Disk;
use serde::{Deserialize, Serialize};

use crate::delta::log::TableLog;
use crate::error::LakeError;
use crate::sealed_line::{self, Found};

/// How far the tables had come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Watermark {
    /// The last group of the write-ahead log that the tables hold.
    pub(crate) sequence: u64,
    /// The version of each table that exists.
    pub(crate) versions: BTreeMap<String, u64>,
}

/// By table: how many commits its log has lost.
pub(crate) type LostCommits = BTreeMap<String, u64>;

impl Watermark {
    /// The folder's watermark; `None` if it has none, or a damaged one.
    ///
    /// # Errors
    ///
    /// The operating system refuses to read it.
    pub(crate) fn read(disk: &dyn Disk, root: &Path) -> Result<Option<Self>, LakeError> {
        let path = path(root);
        let found = sealed_line::read(disk, &path)?;
        if let Found::Damaged(reason) = &found {
            tracing::warn!(
                file = %path.display(),
                reason,
                "the watermark is damaged: until the next flush it is not noticed if a table has lost commits"
            );
        }
        Ok(found.whole())
    }

    /// Raises the watermark to the tables as they are, and writes it durably. A table that has lost commits keeps its mark until it
    /// has as many again, so that every start reports it.
    pub(crate) fn advance<'a>(
        &mut self,
        disk: &dyn Disk,
        root: &Path,
        sequence: u64,
        logs: impl Iterator<Item = &'a (String, Option<u64>)>,
    ) -> Result<(), LakeError> {
        self.sequence = self.sequence.max(sequence);
        for (table, version) in logs {
            if let Some(version) = *version {
                let mark = self.versions.entry(table.clone()).or_default();
                *mark = version.max(*mark);
            }
        }
        sealed_line::write(disk, &path(root), self)
    }

    /// The commits that are missing at the ends of the tables' logs. A log that cannot be read is not asked.
    pub(crate) fn lost_commits(&self, logs: &[TableLog]) -> LostCommits {
        let mut lost = LostCommits::new();
        for log in logs.iter().filter(|log| log.broken().is_none()) {
            let expected = self
                .versions
                .get(&log.table)
                .map_or(0, |version| version + 1);
            let missing = expected.saturating_sub(log.next_version());
            if missing > 0 {
                tracing::error!(
                    table = log.table,
                    commits = missing,
                    "a table has lost its last commits, and with them acknowledged rows; restore its folder from a backup"
                );
                lost.insert(log.table.clone(), missing);
            }
        }
        lost
    }
}

/// The file of the data folder `root`.
pub(crate) fn path(root: &Path) -> PathBuf {
    root.join("watermark")
}
