//! The repair of a data folder that no collector runs on: what is damaged is replaced from a backup, or set aside so that the rest
//! works again, for other programs as well.
//!
//! ```text
//! files of deduplication, orders to erase   from the backup, or set aside as a start does
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

use headcount_catalog::Schema;
use headcount_log::dedup::DedupFiles;
use headcount_log::disk::{Disk, RealDisk};
use headcount_log::erasure::Orders;
use headcount_log::folder::prepare;
use headcount_log::wal::quarantine;

use self::copies::Copies;
pub use self::copies::IntactFiles;
use crate::delta::log::table_folder;
use crate::error::LakeError;
use crate::lost_rows::LostRows;
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
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::default());
    let (root, _lock) = prepare(&*disk, dir)?;
    let collector = disk.read_text(&root.join("collector")).unwrap_or_default();
    let mut repair = Repair {
        copies: Copies::new(Arc::clone(&disk), root.clone(), backup),
        lost: LostRows::read(&*disk, &root),
        watermark: Watermark::read(&*disk, &root).unwrap_or_default(),
        collector: collector.trim().to_owned(),
        done: Vec::new(),
        disk,
        root,
    };
    repair.small_files()?;
    for table in &schema.tables {
        let folder = table_folder(&repair.root, table);
        if let Some(log) = repair.table_log(table, &folder)? {
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
    /// Files of deduplication and orders to erase.
    fn small_files(&mut self) -> Result<(), LakeError> {
        let damaged = |disk: &Arc<dyn Disk>, root: &Path| -> Result<Vec<PathBuf>, LakeError> {
            let seen = DedupFiles::damaged(Arc::clone(disk), root.join("seen"))?;
            let orders = Orders::damaged(&**disk, &root.join("erasures"))?;
            Ok(seen
                .into_iter()
                .chain(orders)
                .map(|(path, _)| path)
                .collect())
        };
        let before = damaged(&self.disk, &self.root)?;
        for path in &before {
            // A copy is as it was when it was backed up, so it is looked at again below.
            self.copies.replace(path, |_| true)?;
        }
        let after = damaged(&self.disk, &self.root)?;
        for path in before {
            match after.contains(&path) {
                false => self.note(
                    &path,
                    None,
                    None,
                    Outcome::Restored,
                    "restored from the backup",
                ),
                true => {
                    quarantine::set_aside(&*self.disk, &path)?;
                    let text = "set aside, under the ending .damaged";
                    self.note(&path, None, None, Outcome::SetAside, text);
                }
            }
        }
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
