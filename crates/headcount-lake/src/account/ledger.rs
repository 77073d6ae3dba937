//! The ledger of a table: the sums of its commits' accounts, up to a version, in a file of its own.
//!
//! Commits are removed an hour after a checkpoint, and their accounts with them. So before that the ledger takes over what they say
//! (`ledger/{table}` in the data folder; `docs/formats/tables.md`). Folding in the same commits again is no change, because
//! the ledger says up to which version it goes.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::Utc;
use headcount_catalog::{Table, TableKind};
use headcount_log::disk::Disk;
use headcount_log::wal::quarantine;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Account;
use super::measure;
use crate::delta::log::{ActiveFile, TableLog};
use crate::delta::replay::{commit_path, read_commit};
use crate::error::LakeError;
use crate::sealed_line::{self, Found};

/// The sums of a table's accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Ledger {
    /// The version up to which it goes; `None` before the first commit.
    pub(crate) version: Option<u64>,
    /// When counting began, milliseconds since 1970 UTC.
    pub(crate) since: Option<i64>,
    /// What the table held when counting began, by day.
    pub(crate) opening: BTreeMap<String, u64>,
    /// What our commits say, by day.
    pub(crate) account: Account,
    /// By day: how much the commits without an account removed, less what they added.
    pub(crate) others: BTreeMap<String, i64>,
    /// Days of which it is not known how much such a commit added or removed.
    pub(crate) unknown: BTreeSet<String>,
}

impl Ledger {
    /// The ledger of `table`, whose log is in `log_folder`: its file; or an empty one, where the table is so young that it needs none yet.
    ///
    /// None, where the commits that it would need are gone or have no account: the table is older than accounts are.
    pub(crate) fn find(
        disk: &dyn Disk,
        root: &Path,
        table: &Table,
        log_folder: &Path,
    ) -> Result<Found<Self>, LakeError> {
        match sealed_line::read(disk, &path(root, &table.name))? {
            Found::None => Ok(match Self::of_first_commit(disk, log_folder)? {
                Some(ledger) => Found::Whole(ledger),
                None => Found::None,
            }),
            found => Ok(found),
        }
    }

    /// An empty ledger, to be followed from the first commit on: if that is there and has an account, or there is no table yet.
    fn of_first_commit(disk: &dyn Disk, log_folder: &Path) -> Result<Option<Self>, LakeError> {
        // The first commit is there, and so are those behind it: they go with it, the oldest first.
        let first = first_commit(disk, log_folder)?;
        let is_enough = matches!(first, FirstCommit::Counted | FirstCommit::NoTable);
        Ok(is_enough.then(Self::default))
    }

    /// Begins counting with the table as it is.
    pub(crate) fn begin(disk: &dyn Disk, log: &TableLog, kind: TableKind) -> Self {
        let mut ledger = Self {
            version: log.version,
            since: Some(Utc::now().timestamp_millis()),
            ..Self::default()
        };
        for file in log.files().iter() {
            match measure::days_or_recorded(disk, &log.folder, file, kind) {
                Some(days) => {
                    for (day, units) in days {
                        *ledger.opening.entry(day).or_default() += units;
                    }
                }
                None => ledger.unknown.extend(measure::possible_days(file)),
            }
        }
        ledger
    }

    /// Writes it durably.
    pub(crate) fn write(
        &self,
        disk: &dyn Disk,
        root: &Path,
        table: &Table,
    ) -> Result<(), LakeError> {
        let folder = folder(root);
        disk.create_folder(&folder)
            .map_err(LakeError::io("create", &folder))?;
        sealed_line::write(disk, &path(root, &table.name), self)
    }

    /// The text of its file.
    pub(crate) fn text(&self, root: &Path, table: &Table) -> Result<String, LakeError> {
        sealed_line::text(&path(root, &table.name), self)
    }

    /// Whether it knows commits behind the end of `log`: the table has lost them.
    fn is_ahead_of(&self, log: &TableLog) -> bool {
        self.version > log.version
    }

    /// Adds the commit that leads from `before` to `after`.
    pub(crate) fn fold(
        &mut self,
        disk: &dyn Disk,
        before: &TableLog,
        after: &TableLog,
        actions: &[Value],
        kind: TableKind,
    ) {
        self.version = after.version;
        match Account::of_commit(actions) {
            Some(account) => self.account.merge(&account),
            None => self.fold_uncounted(disk, before, after, kind),
        }
        if self.since.is_none() {
            let commit_infos = actions.iter().filter_map(|action| action.get("commitInfo"));
            self.since = commit_infos
                .filter_map(|info| info["timestamp"].as_i64())
                .next();
        }
    }

    /// Adds a commit without an account, by the files that came and went.
    fn fold_uncounted(
        &mut self,
        disk: &dyn Disk,
        before: &TableLog,
        after: &TableLog,
        kind: TableKind,
    ) {
        let mut note = |file: &ActiveFile, sign: i64| match measure::days_or_recorded(
            disk,
            &after.folder,
            file,
            kind,
        ) {
            Some(days) => {
                for (day, units) in days {
                    let others = self.others.entry(day).or_default();
                    *others += sign * i64::try_from(units).unwrap_or(i64::MAX);
                }
            }
            None => self.unknown.extend(measure::possible_days(file)),
        };
        let (files_before, files_after) = (before.files(), after.files());
        for added in files_after.iter().filter(|file| !before.contains(file)) {
            note(added, -1);
        }
        for removed in files_before.iter().filter(|file| !after.contains(file)) {
            note(removed, 1);
        }
    }
}

/// A table's log from the ledger's version to its end, and the ledger with all of it.
#[derive(Debug)]
pub(crate) struct Followed {
    pub(crate) ledger: Ledger,
    pub(crate) log: TableLog,
    /// Why the ledger does not go up to the log's end.
    pub(crate) gap: Option<String>,
}

/// Reads the log in `folder` from the ledger's version on, up to `last` or its end, and adds its commits to the ledger.
pub(crate) fn follow(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    table: &Table,
    collector: &str,
    mut ledger: Ledger,
    last: Option<u64>,
) -> Result<Followed, LakeError> {
    let open = |last| TableLog::open_at(disk, folder, table, collector, last);
    let mut log = match ledger.version {
        None => TableLog::empty(disk, folder, table, collector),
        Some(version) => match open(Some(version)) {
            Ok(log) => log,
            Err(error @ LakeError::Io { .. }) => return Err(error),
            Err(error) => return with_gap(ledger, open(last)?, error.to_string()),
        },
    };
    if log.version != ledger.version {
        let reason = format!(
            "its log ends at version {:?}, before version {:?} of the ledger",
            log.version.unwrap_or_default(),
            ledger.version.unwrap_or_default()
        );
        return with_gap(ledger, log, reason);
    }
    while last.is_none_or(|last| log.version.is_none_or(|version| version < last)) {
        let Some(actions) = log.read_next()? else {
            break;
        };
        let after = log.advanced(&actions)?;
        ledger.fold(&**disk, &log, &after, &actions, table.kind);
        log = after;
    }
    // Commits that are missing in the middle, because another program removed them.
    let newest = open(last)?;
    if newest.version > log.version {
        let reason = format!(
            "commit {} is gone, and what it says was not taken over",
            log.next_version()
        );
        return with_gap(ledger, newest, reason);
    }
    Ok(Followed {
        ledger,
        log,
        gap: None,
    })
}

fn with_gap(ledger: Ledger, log: TableLog, reason: String) -> Result<Followed, LakeError> {
    Ok(Followed {
        ledger,
        log,
        gap: Some(reason),
    })
}

/// The ledger for a copy of the table that ends with `log`: one that goes exactly up to its end. It begins with the newest of `known` that
/// leads there without a gap, or else with the first commit. `None` where none does: the account of the copy begins with what the copy holds.
///
/// # Errors
///
/// The operating system refuses to read a commit, or one was removed meanwhile.
pub(crate) fn of_copy(
    disk: &Arc<dyn Disk>,
    table: &Table,
    log: &TableLog,
    known: impl IntoIterator<Item = Ledger>,
) -> Result<Option<Ledger>, LakeError> {
    let Some(last) = log.version else {
        return Ok(None);
    };
    let mut begins: Vec<Ledger> = known.into_iter().collect();
    begins.extend(Ledger::of_first_commit(&**disk, &log.log_folder())?);
    begins.retain(|ledger| !ledger.is_ahead_of(log));
    begins.sort_by_key(|ledger| std::cmp::Reverse(ledger.version));
    for ledger in begins {
        match follow(disk, &log.folder, table, &log.collector, ledger, Some(last)) {
            Ok(Followed {
                ledger, gap: None, ..
            }) if ledger.version == Some(last) => return Ok(Some(ledger)),
            Err(error @ LakeError::Io { .. }) => return Err(error),
            // A gap, or commits in between that nobody can read.
            Ok(_) | Err(_) => {}
        }
    }
    Ok(None)
}

/// The ledger in the bytes of its file, if they are whole.
pub(crate) fn parse(bytes: &[u8]) -> Option<Ledger> {
    sealed_line::parse(bytes)
}

/// Takes over what the commits up to version `last` say, durably: after that they may be removed.
pub(crate) fn take_over(
    disk: &Arc<dyn Disk>,
    root: &Path,
    table: &Table,
    log: &TableLog,
    last: u64,
) -> Result<(), LakeError> {
    let ledger = match Ledger::find(&**disk, root, table, &log.log_folder())? {
        Found::Whole(ledger) if !ledger.is_ahead_of(log) => ledger,
        Found::Whole(_) => {
            set_aside(&**disk, root, table, AHEAD)?;
            Ledger::begin(&**disk, log, table.kind)
        }
        Found::None => Ledger::begin(&**disk, log, table.kind),
        Found::Damaged(reason) => {
            set_aside(&**disk, root, table, &reason)?;
            Ledger::begin(&**disk, log, table.kind)
        }
    };
    if ledger.version >= Some(last) {
        return ledger.write(&**disk, root, table);
    }
    let followed = follow(disk, &log.folder, table, &log.collector, ledger, Some(last))?;
    let ledger = match followed.gap {
        None => followed.ledger,
        Some(reason) => {
            set_aside(&**disk, root, table, &reason)?;
            Ledger::begin(&**disk, &followed.log, table.kind)
        }
    };
    ledger.write(&**disk, root, table)
}

/// Begins the ledger of a table that is older than accounts are, and of one whose ledger cannot be continued; leaves any other alone.
pub(crate) fn begin_where_missing(
    disk: &dyn Disk,
    root: &Path,
    table: &Table,
    log: &TableLog,
) -> Result<(), LakeError> {
    if log.broken().is_some() {
        return Ok(());
    }
    match Ledger::find(disk, root, table, &log.log_folder())? {
        Found::Whole(ledger) if !ledger.is_ahead_of(log) => return Ok(()),
        Found::Whole(_) => set_aside(disk, root, table, AHEAD)?,
        Found::None => {}
        Found::Damaged(reason) => set_aside(disk, root, table, &reason)?,
    }
    match log.version {
        Some(_) => Ledger::begin(disk, log, table.kind).write(disk, root, table),
        // It begins with the first commit.
        None => Ok(()),
    }
}

/// Why a ledger is set aside that says more than the table's log.
const AHEAD: &str = "the table has lost commits that it knows";

fn set_aside(disk: &dyn Disk, root: &Path, table: &Table, reason: &str) -> Result<(), LakeError> {
    let path = path(root, &table.name);
    if !disk.exists(&path) {
        return Ok(());
    }
    let kept_as = quarantine::set_aside(disk, &path)?;
    tracing::error!(
        table = table.name, reason, kept_as = %kept_as.display(),
        "the ledger of a table cannot be continued; its account begins anew, and says nothing of what was before"
    );
    Ok(())
}

enum FirstCommit {
    NoTable,
    Counted,
    NotCounted,
}

/// What is known of the first commit of a log.
fn first_commit(disk: &dyn Disk, log_folder: &Path) -> Result<FirstCommit, LakeError> {
    match read_commit(disk, &commit_path(log_folder, 0)) {
        Ok(Some(actions)) if Account::of_commit(&actions).is_some() => Ok(FirstCommit::Counted),
        Ok(None) => {
            let entries = disk.list(log_folder).unwrap_or_default();
            let is_log = entries
                .iter()
                .any(|entry| entry.name.starts_with(|first: char| first.is_ascii_digit()));
            Ok(match is_log {
                true => FirstCommit::NotCounted,
                false => FirstCommit::NoTable,
            })
        }
        Ok(Some(_)) | Err(LakeError::Damaged { .. }) => Ok(FirstCommit::NotCounted),
        Err(error) => Err(error),
    }
}

/// The folder of the ledgers, in a data folder.
pub(crate) const FOLDER: &str = "ledger";

fn folder(root: &Path) -> PathBuf {
    root.join(FOLDER)
}

/// The file of the ledger of the table of that name.
fn path(root: &Path, table: &str) -> PathBuf {
    folder(root).join(table)
}

/// The ledgers of the data folder `root`, with the names of their tables.
pub(crate) fn files(disk: &dyn Disk, root: &Path) -> Result<Vec<(String, PathBuf)>, LakeError> {
    let folder = folder(root);
    let entries = match disk.list(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(LakeError::io("list", &folder))?,
    };
    let tables = entries
        .into_iter()
        .filter(|entry| !entry.name.contains('.'));
    Ok(tables.map(|entry| (entry.name, entry.path)).collect())
}
