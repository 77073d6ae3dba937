//! The repair of a table's log.

use std::path::{Path, PathBuf};

use headcount_catalog::Table;

use super::{Outcome, Repair};
use crate::account::ledger;
use crate::delta::checkpoint::{self, LAST_CHECKPOINT};
use crate::delta::log::TableLog;
use crate::delta::replay::read_commit;
use crate::error::{LakeError, is_bad_medium};
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
    ///
    /// A damaged one keeps its name until the new one is there: whenever this ends, `_last_checkpoint` names a file that exists, and
    /// the next repair finds what is left to do.
    pub(super) fn checkpoints(&mut self, table: &Table, log: &TableLog) -> Result<(), LakeError> {
        let (folder, Some(version)) = (log.log_folder(), log.version) else {
            return Ok(());
        };
        let damaged = self.damaged_checkpoints(&folder)?;
        if damaged.is_empty() && !self.is_last_checkpoint_missing(&folder) {
            return Ok(());
        }
        for path in &damaged {
            set_aside::link(&*self.disk, &self.root, &table.name, path)?;
        }
        checkpoint::write(&*self.disk, &folder, version)?;
        ledger::take_over(&self.disk, &self.root, table, log, version)?;
        let new = folder.join(checkpoint::name(version));
        for path in damaged.iter().filter(|path| **path != new) {
            self.disk
                .remove(path)
                .map_err(LakeError::io("remove", path))?;
        }
        self.disk
            .sync_folder(&folder)
            .map_err(LakeError::io("sync", &folder))?;
        let (name, outcome) = (Some(table.name.as_str()), Outcome::SetAside);
        for path in &damaged {
            let text = "the checkpoint was set aside, and a new one written; it cost no row";
            self.note(path, name, None, outcome, text);
        }
        if damaged.is_empty() {
            let text = "the checkpoint that it names was missing; a new one was written, and it cost no row";
            let path = folder.join(LAST_CHECKPOINT);
            self.note(&path, name, None, Outcome::Restored, text);
        }
        Ok(())
    }

    fn damaged_checkpoints(&self, folder: &Path) -> Result<Vec<PathBuf>, LakeError> {
        let mut damaged = Vec::new();
        let entries = self.disk.list(folder);
        for entry in entries.map_err(LakeError::io("list", folder))? {
            // Checkpoints in several files are other programs' own.
            let number = entry.name.strip_suffix(".checkpoint.parquet");
            if number.is_none_or(|number| number.len() != 20) {
                continue;
            }
            match checkpoint::read(&*self.disk, std::slice::from_ref(&entry.path)) {
                Err(LakeError::Damaged { .. }) => damaged.push(entry.path),
                Err(LakeError::Io { source, .. }) if is_bad_medium(&source) => {
                    damaged.push(entry.path);
                }
                _ => {}
            }
        }
        Ok(damaged)
    }

    /// Whether `_last_checkpoint` names a checkpoint of ours that does not exist.
    fn is_last_checkpoint_missing(&self, folder: &Path) -> bool {
        let hint = self.disk.read(&folder.join(LAST_CHECKPOINT));
        let hint = hint
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok());
        let hint: serde_json::Value = hint.unwrap_or_default();
        // One in several parts, or of the second specification, has other names.
        let is_classic = hint["parts"].is_null() && hint["v2Checkpoint"].is_null();
        let version = hint["version"].as_u64().filter(|_| is_classic);
        version.is_some_and(|version| !self.disk.exists(&folder.join(checkpoint::name(version))))
    }
}
