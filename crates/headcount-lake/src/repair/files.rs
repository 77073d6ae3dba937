//! The repair of a table's Parquet files.

use std::io::ErrorKind;
use std::path::Path;

use chrono::Utc;
use headcount_catalog::Table;

use super::{Outcome, Repair};
use crate::account::Account;
use crate::account::measure::{possible_days, recorded, recorded_days};
use crate::damage::GONE;
use crate::delta::commit::{Change, commit};
use crate::delta::log::{ActiveFile, TableLog};
use crate::error::LakeError;
use crate::lost_rows::LostFile;
use crate::set_aside;
use crate::table_file;

impl Repair<'_> {
    /// Replaces damaged files by their copies, and gives up those that have none: the table, and answers, go on without them.
    pub(super) fn table_files(
        &mut self,
        table: &Table,
        folder: &Path,
        mut log: TableLog,
    ) -> Result<(), LakeError> {
        // A repair noted them, and ended before its commit.
        let mut is_changed = self.lost.forget_active(&table.name, &log.files());
        let mut given_up = Vec::new();
        for file in log.files().iter() {
            let Some(problem) = self.damage_of(folder, file)? else {
                continue;
            };
            if !self.restore_file(table, folder, file)? {
                self.lost.add(lost_file(table, file, problem));
                given_up.push(file.clone());
                is_changed = true;
            }
        }
        if is_changed {
            // Before the commit: an answer never misses rows without saying so.
            self.lost.write(&*self.disk, &self.root)?;
        }
        if given_up.is_empty() {
            return Ok(());
        }
        let change = Change {
            operation: "DELETE",
            add: &[],
            remove: &given_up,
            data_change: true,
            applied: None,
            account: &account_of(table, &given_up),
        };
        commit(&*self.disk, &mut log, table, &change)?;
        for file in given_up {
            self.set_file_aside(table, folder, &file)?;
        }
        Ok(())
    }

    /// Moves a file that has left its table out of the way.
    fn set_file_aside(
        &mut self,
        table: &Table,
        folder: &Path,
        file: &ActiveFile,
    ) -> Result<(), LakeError> {
        let path = folder.join(&file.path);
        let mut text = "removed from its table; answers say that its rows are missing".to_owned();
        if self.disk.exists(&path) {
            let aside = set_aside::put(&*self.disk, &self.root, &table.name, &path)?;
            let aside = aside.strip_prefix(&self.root).unwrap_or(&aside);
            text += &format!(
                "; what is left of it is kept for 30 days as {}",
                aside.display()
            );
        }
        self.note(
            &path,
            Some(&table.name),
            file.rows,
            Outcome::SetAside,
            &text,
        );
        Ok(())
    }

    fn damage_of(&self, folder: &Path, file: &ActiveFile) -> Result<Option<String>, LakeError> {
        match table_file::check(&*self.disk, folder, file) {
            Ok(()) => Ok(None),
            Err(LakeError::UnreadableFile { source, .. }) => Ok(Some(source.to_string())),
            Err(LakeError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                Ok(Some(GONE.to_owned()))
            }
            Err(error) => Err(error),
        }
    }

    fn restore_file(
        &mut self,
        table: &Table,
        folder: &Path,
        file: &ActiveFile,
    ) -> Result<bool, LakeError> {
        let path = folder.join(&file.path);
        let disk = &*self.disk;
        let is_intact = |copy: &Path| {
            let verified = table_file::verified(disk, copy, file.checksums.as_ref());
            verified.is_ok_and(|file| file.verify().is_ok())
        };
        let is_restored = self.copies.replace(&path, is_intact)?;
        if is_restored {
            let text = "restored from the backup";
            self.note(&path, Some(&table.name), file.rows, Outcome::Restored, text);
        }
        Ok(is_restored)
    }
}

fn lost_file(table: &Table, file: &ActiveFile, problem: String) -> LostFile {
    LostFile {
        table: table.name.clone(),
        path: file.path.clone(),
        day: possible_days(file).into_iter().next().unwrap_or_default(),
        rows: file.rows,
        units: recorded(file, table.kind),
        is_counted: true,
        time: file.time,
        problem,
        given_up: Utc::now().timestamp_millis(),
    }
}

/// The account of a commit that gives files up.
fn account_of(table: &Table, given_up: &[ActiveFile]) -> Account {
    let mut account = Account::default();
    for file in given_up {
        match recorded_days(file, table.kind) {
            Some(recorded) => {
                for (day, units) in recorded {
                    account.day(&day).unreadable += units;
                }
            }
            None => {
                for day in possible_days(file) {
                    account.day(&day).unknown = true;
                }
            }
        }
    }
    account
}
