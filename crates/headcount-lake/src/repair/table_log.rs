//! The repair of a table's log.

use std::path::Path;

use headcount_catalog::Table;

use super::{Outcome, Repair};
use crate::delta::checkpoint;
use crate::delta::log::TableLog;
use crate::delta::replay::read_commit;
use crate::error::LakeError;
use crate::set_aside;

impl Repair<'_> {
    /// Makes the table's log readable, and returns it; `None` where that needs somebody to decide.
    pub(super) fn table_log(
        &mut self,
        table: &Table,
        folder: &Path,
    ) -> Result<Option<TableLog>, LakeError> {
        loop {
            let opened = TableLog::open(&self.disk, folder, table, &self.collector);
            let (path, problem) = match opened {
                Ok(log) => {
                    let mark = self.watermark.versions.get(&table.name);
                    let is_short = mark.is_some_and(|mark| log.next_version() <= *mark);
                    let next = log.commit_path(log.next_version());
                    if is_short && self.commit(table, &next)? {
                        continue;
                    }
                    if is_short {
                        let text =
                            "the last commits of the table are missing, and no backup has them";
                        self.note(&next, Some(&table.name), None, Outcome::Left, text);
                    }
                    self.checkpoints(table, &log)?;
                    return Ok(Some(log));
                }
                Err(error @ LakeError::Io { .. }) => return Err(error),
                Err(LakeError::Damaged { path, reason, .. }) => {
                    if self.commit(table, &path)? {
                        continue;
                    }
                    (path, reason)
                }
                Err(error) => (folder.join("_delta_log"), error.with_causes()),
            };
            let text = format!(
                "the table's log is damaged, and left as it is: {problem}; give a backup that has this file with --from, or restore \
                 the table's whole folder. Other tables are answered, and the rows of this one are kept"
            );
            self.note(&path, Some(&table.name), None, Outcome::Left, &text);
            return Ok(None);
        }
    }

    /// Replaces a commit by its copy.
    fn commit(&mut self, table: &Table, path: &Path) -> Result<bool, LakeError> {
        let disk = &*self.disk;
        let is_intact = |copy: &Path| matches!(read_commit(disk, copy), Ok(Some(_)));
        let is_commit = path.extension().is_some_and(|ending| ending == "json");
        let is_restored = is_commit && self.copies.replace(path, is_intact)?;
        if is_restored {
            let text = "restored from the backup";
            self.note(path, Some(&table.name), None, Outcome::Restored, text);
        }
        Ok(is_restored)
    }

    /// Sets damaged checkpoints aside: the log can be read without them, but other programs trust the one that `_last_checkpoint`
    /// names. A new one takes their place.
    fn checkpoints(&mut self, table: &Table, log: &TableLog) -> Result<(), LakeError> {
        let (folder, Some(version)) = (log.log_folder(), log.version) else {
            return Ok(());
        };
        let mut is_one_damaged = false;
        let entries = self.disk.list(&folder);
        for entry in entries.map_err(LakeError::io("list", &folder))? {
            // Checkpoints in several files are other programs' own.
            let number = entry.name.strip_suffix(".checkpoint.parquet");
            if number.is_none_or(|number| number.len() != 20) {
                continue;
            }
            if let Err(LakeError::Damaged { .. }) =
                checkpoint::read(&*self.disk, std::slice::from_ref(&entry.path))
            {
                set_aside::put(&*self.disk, &self.root, &table.name, &entry.path)?;
                is_one_damaged = true;
                let text = "the checkpoint was set aside, and a new one written; it cost no row";
                self.note(
                    &entry.path,
                    Some(&table.name),
                    None,
                    Outcome::SetAside,
                    text,
                );
            }
        }
        match is_one_damaged {
            true => checkpoint::write(&*self.disk, &folder, version),
            false => Ok(()),
        }
    }
}
