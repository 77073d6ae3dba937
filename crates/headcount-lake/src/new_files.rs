//! Parquet files that no commit names yet.

use std::path::Path;

use headcount_log::disk::Disk;

use crate::account::Account;
use crate::delta::commit::Committed;
use crate::delta::log::{ActiveFile, TableLog};
use crate::error::LakeError;

/// Complete files of a table that no commit names yet. They are removed when this is dropped: a merge that failed because the
/// disk is full must give back what it took.
pub(crate) struct NewFiles<'a> {
    disk: &'a dyn Disk,
    folder: &'a Path,
    files: Vec<ActiveFile>,
    account: Account,
}

impl<'a> NewFiles<'a> {
    /// None yet, of the table in `folder`.
    pub(crate) fn new(disk: &'a dyn Disk, folder: &'a Path) -> Self {
        Self {
            disk,
            folder,
            files: Vec::new(),
            account: Account::default(),
        }
    }

    pub(crate) fn push(&mut self, file: ActiveFile) {
        self.files.push(file);
    }

    pub(crate) fn append(&mut self, mut others: Self) {
        self.files.append(&mut others.files);
        self.account.merge(&others.account);
    }

    /// The rows that are in none of the files any more, and why: for the commit that names the files.
    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    /// The same, to be added to.
    pub(crate) fn account_mut(&mut self) -> &mut Account {
        &mut self.account
    }

    pub(crate) fn as_slice(&self) -> &[ActiveFile] {
        &self.files
    }

    /// Keeps the files where `result`, of the commit that names them, says that they count or may count.
    ///
    /// A commit that failed may have got its name before it failed; then its files are in use.
    pub(crate) fn settle(mut self, result: &Result<Committed, LakeError>, log: &TableLog) {
        let is_kept = match result {
            Ok(Committed::Now) => true,
            Ok(Committed::Before | Committed::Obsolete) => false,
            Err(_) => self.disk.exists(&log.commit_path(log.next_version())),
        };
        if is_kept {
            self.files.clear();
        }
    }
}

impl Drop for NewFiles<'_> {
    fn drop(&mut self) {
        for file in &self.files {
            // One that stays is vacuumed later.
            let _ = self.disk.remove(&self.folder.join(&file.path));
        }
    }
}
