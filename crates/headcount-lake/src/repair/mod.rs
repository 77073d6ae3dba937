//! The repair of a data folder that no collector runs on: what is damaged is replaced from a backup, or set aside so that the rest
//! works again, for other programs as well.
//!
//! ```text
//! small files                               from the backup, or set aside as a start does
//! each table's log                          damaged commits from the backup; damaged checkpoints set aside where the rest suffices
//! each table's files                        from the backup; or given up: noted in lost-rows, removed by a commit, set aside
//! ```
//!
//! Each step may be repeated, and a crash between two of them leaves a folder that answers truly.

mod copies;
mod files;
mod table_log;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use headcount_catalog::{Schema, Table};
use headcount_log::disk::{Disk, RealDisk};
use headcount_log::folder::prepare;
use headcount_log::wal::quarantine;

use self::copies::Copies;
pub use self::copies::IntactFiles;
use crate::account::ledger::follow;
use crate::delta::log::table_folder;
use crate::error::LakeError;
use crate::lost_rows::LostRows;
use crate::sealed_line::{self, Found};
use crate::small_files::{self, DamagedSmallFile, SmallFileKind};
use crate::watermark::Watermark;

/// Something that a repair did, or could not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    /// The file, relative to the data folder.
    pub path: PathBuf,
    /// Its table, for a file of a table.
    pub table: Option<String>,
    /// The rows that are in it, or that were lost with it, if somebody knows.
    pub rows: Option<u64>,
    /// What became of it.
    pub outcome: Outcome,
    /// The same in one sentence.
    pub text: String,
}

/// What became of a damaged file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is whole again.
    Restored,
    /// It is out of the way, and nothing but rows that were damaged already is lost.
    SetAside,
    /// It is as it was: somebody has to decide.
    Left,
}

/// Repairs the data folder `dir`, with copies from `backup` where there is one. Returns what was done; nothing where nothing is damaged.
/// Unreadable parts of the write-ahead log stay: the next start quarantines them and keeps all whole groups.
///
/// # Errors
///
/// A collector runs on the folder, or the operating system refuses to read or write a file.
pub fn repair_folder(
    dir: &Path,
    schema: &Schema,
    backup: Option<&dyn IntactFiles>,
) -> Result<Vec<Repaired>, LakeError> {
    repair_on(Arc::new(RealDisk::default()), dir, schema, backup)
}

/// As [`repair_folder`], on `disk`.
pub(crate) fn repair_on(
    disk: Arc<dyn Disk>,
    dir: &Path,
    schema: &Schema,
    backup: Option<&dyn IntactFiles>,
) -> Result<Vec<Repaired>, LakeError> {
    let (root, _lock) = prepare(&*disk, dir)?;
    let collector = disk.read_text(&root.join("collector")).unwrap_or_default();
    let mut repair = Repair {
        copies: Copies::new(Arc::clone(&disk), root.clone(), backup),
        lost: LostRows::default(),
        watermark: Watermark::read(&*disk, &root)?.unwrap_or_default(),
        collector: collector.trim().to_owned(),
        done: Vec::new(),
        disk,
        root,
    };
    repair.small_files()?;
    repair.lost = LostRows::read(&*repair.disk, &repair.root)?;
    for table in &schema.tables {
        let folder = table_folder(&repair.root, table);
        if let Some(log) = repair.table_log(table, &folder)? {
            repair.ledger(table, &folder)?;
            repair.checkpoints(table, &log)?;
            repair.table_files(table, &folder, log)?;
        }
    }
    Ok(repair.done)
}

/// A repair under way.
struct Repair<'a> {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    copies: Copies<'a>,
    lost: LostRows,
    watermark: Watermark,
    collector: String,
    done: Vec<Repaired>,
}

impl Repair<'_> {
    /// Files of deduplication, orders to erase, the watermark and the list of lost rows.
    fn small_files(&mut self) -> Result<(), LakeError> {
        for damaged in small_files::damaged(&self.disk, &self.root)? {
            // A copy is as it was when it was backed up.
            let text = match damaged.kind {
                // With its table: whether a copy is of use depends on the table's log.
                SmallFileKind::Ledger => continue,
                // One that is older than the tables would tell of less, and the next flush writes a new one.
                SmallFileKind::Watermark => None,
                SmallFileKind::Fingerprints | SmallFileKind::Order => {
                    Some("restored from the backup")
                }
                SmallFileKind::CrewOrder => Some(
                    "restored from the backup, as it was then: if it was pending, it is carried out again, also for rows that came since",
                ),
                SmallFileKind::LostRows => Some(
                    "restored from the backup, as it was then: answers do not say what was given up since",
                ),
            };
            let is_whole = |copy: &Path| small_files::is_whole(&self.disk, damaged.kind, copy);
            let restored = match text {
                Some(text) if self.copies.replace(&damaged.path, is_whole)? => Some(text),
                _ => None,
            };
            self.settle_small_file(&damaged, restored)?;
        }
        Ok(())
    }

    /// Replaces the damaged ledger of a table by a copy, if all commits are there that came after it.
    fn ledger(&mut self, table: &Table, folder: &Path) -> Result<(), LakeError> {
        let damaged = small_files::damaged(&self.disk, &self.root)?;
        let of_table = |damaged: &&DamagedSmallFile| {
            damaged.kind == SmallFileKind::Ledger && damaged.path.ends_with(&table.name)
        };
        let Some(damaged) = damaged.iter().find(of_table) else {
            return Ok(());
        };
        let leads_on = |copy: &Path| {
            let Ok(Found::Whole(ledger)) = sealed_line::read(&*self.disk, copy) else {
                return false;
            };
            let followed = follow(&self.disk, folder, table, &self.collector, ledger, None);
            followed.is_ok_and(|followed| followed.gap.is_none())
        };
        let is_restored = self.copies.replace(&damaged.path, leads_on)?;
        self.settle_small_file(damaged, is_restored.then_some("restored from the backup"))
    }

    /// Notes that a damaged file was restored, or else sets it aside.
    fn settle_small_file(
        &mut self,
        damaged: &DamagedSmallFile,
        restored: Option<&str>,
    ) -> Result<(), LakeError> {
        if let Some(text) = restored {
            self.note(&damaged.path, None, None, Outcome::Restored, text);
            return Ok(());
        }
        quarantine::set_aside(&*self.disk, &damaged.path)?;
        let text = format!("set aside, under the ending .damaged: {}", damaged.problem);
        self.note(&damaged.path, None, None, Outcome::SetAside, &text);
        Ok(())
    }

    fn note(
        &mut self,
        path: &Path,
        table: Option<&str>,
        rows: Option<u64>,
        outcome: Outcome,
        text: &str,
    ) {
        self.done.push(Repaired {
            path: path.strip_prefix(&self.root).unwrap_or(path).to_path_buf(),
            table: table.map(str::to_owned),
            rows,
            outcome,
            text: text.to_owned(),
        });
    }
}
