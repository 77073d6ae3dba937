//! Damaged files of a snapshot: queries leave them out, and can tell which rows their answers miss.

use std::io;
use std::path::{Path, PathBuf};

use headcount_catalog::{Table, TableId};
use headcount_log::disk::{Disk, RealDisk};
use serde::{Deserialize, Serialize};

use crate::delta::log::{ActiveFile, TableLog, table_folder};
use crate::error::LakeError;
use crate::snapshot::LakeSnapshot;
use crate::table_file;

/// A file of a table that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DamagedFile {
    /// Its absolute path.
    pub path: PathBuf,
    /// The reader's reason.
    pub reason: String,
}

/// The rows of a table that a query cannot read, because files are damaged or commits are lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingRows {
    /// The number of commits that the end of the table's log has lost.
    pub commits: u64,
    /// The number of damaged files, with those that a repair removed from the table.
    pub files: usize,
    /// The number of rows in the damaged files, by the table's log; `None` if it does not say.
    pub rows: Option<u64>,
    /// The least and greatest `time` of these rows, microseconds since 1970 UTC; `None` if it is not known for each file.
    pub time: Option<(i64, i64)>,
}

impl LakeSnapshot {
    /// The files that are known to be damaged, of all tables of the store.
    pub fn damaged_files(&self) -> Vec<DamagedFile> {
        let damaged = self.unreadable.damaged().into_iter();
        damaged
            .map(|(path, reason)| DamagedFile { path, reason })
            .collect()
    }

    /// A number that is another one once [`Self::damaged_files`] are others.
    pub fn damage_revision(&self) -> u64 {
        self.unreadable.revision()
    }

    /// Notes files that another process found damaged when it read this snapshot. Names that are not files of the snapshot are
    /// ignored.
    pub fn note_damage(&self, damaged: Vec<DamagedFile>) {
        for DamagedFile { path, reason } in damaged {
            let is_ours = self.layout.schema.iter().any(|(id, table)| {
                let folder = table_folder(&self.root, table);
                let mut files = self.files[usize::from(id.0)].iter();
                files.any(|file| folder.join(&file.path) == path)
            });
            if is_ours {
                let source = reason.into();
                self.unreadable
                    .note(&LakeError::UnreadableFile { path, source });
            }
        }
    }

    /// The rows of `table` that queries leave out, because files are damaged or a repair gave them up; `None` if nothing is known to be
    /// missing.
    pub fn missing_rows(&self, table: TableId) -> Option<MissingRows> {
        let definition = self.layout.schema.table(table)?;
        let commits = self
            .lost_commits
            .get(&definition.name)
            .copied()
            .unwrap_or_default();
        let folder = table_folder(&self.root, definition);
        let files = self.files.get(usize::from(table.0))?;
        let damaged = self.unreadable.damaged();
        let damaged = files
            .iter()
            .filter(|file| damaged.contains_key(&folder.join(&file.path)))
            .map(|file| (file.rows, file.time));
        let given_up = self.lost_rows.of_table(&definition.name, files);
        let given_up = given_up.map(|file| (file.rows, file.time));
        let missing: Vec<_> = damaged.chain(given_up).collect();
        let bounds: Option<Vec<(i64, i64)>> = missing.iter().map(|(_, time)| *time).collect();
        let time = bounds.and_then(|bounds| {
            let least = bounds.iter().map(|(least, _)| *least).min();
            least.zip(bounds.iter().map(|(_, greatest)| *greatest).max())
        });
        (!missing.is_empty() || commits > 0).then(|| MissingRows {
            commits,
            files: missing.len(),
            rows: missing.iter().map(|(rows, _)| *rows).sum(),
            time,
        })
    }

    /// Reads files of `tables` that no query verifies, because they have no checksums or are not there, and notes the damaged
    /// ones. Returns whether any was found. Blocks for as long as reading these files takes.
    pub fn find_damage(&self, tables: &[TableId]) -> bool {
        let disk = RealDisk::default();
        let before = self.unreadable.revision();
        for id in tables {
            let Some(table) = self.layout.schema.table(*id) else {
                continue;
            };
            let files = self.files.get(usize::from(id.0));
            for file in files.into_iter().flat_map(|files| files.iter()) {
                let path = table_folder(&self.root, table).join(&file.path);
                let is_suspect = file.checksums.is_none() || !disk.exists(&path);
                if is_suspect && let Some(error) = self.damage_of(&disk, table, file) {
                    self.unreadable.note(&error);
                }
            }
        }
        self.unreadable.revision() != before
    }

    /// The damage of a file that still belongs to its table.
    fn damage_of(&self, disk: &RealDisk, table: &Table, file: &ActiveFile) -> Option<LakeError> {
        let folder = table_folder(&self.root, table);
        match table_file::check(disk, &folder, file) {
            Err(error @ LakeError::UnreadableFile { .. }) => Some(error),
            Err(LakeError::Io { source, path, .. })
                if source.kind() == io::ErrorKind::NotFound
                    && self.is_current(table, &folder, file) =>
            {
                let source = GONE.into();
                Some(LakeError::UnreadableFile { path, source })
            }
            _ => None,
        }
    }

    /// Whether the table's log, as it is now, has the file: one that was merged meanwhile is gone rightly.
    fn is_current(&self, table: &Table, folder: &Path, file: &ActiveFile) -> bool {
        let disk: std::sync::Arc<dyn Disk> = std::sync::Arc::new(RealDisk::default());
        let log = TableLog::open(&disk, folder, table, "");
        log.is_ok_and(|log| log.contains(file))
    }
}

/// The reason for not reading a file that its table's log has and the folder has not.
pub(crate) const GONE: &str = "the file does not exist";
