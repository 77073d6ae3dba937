//! A data folder as it is at one moment, as the list of files that a copy of it needs. A collector may be running on the folder;
//! nothing is locked or changed.
//!
//! ```text
//! orders to erase, ledgers, and other small files
//! ─▶ log, fingerprints, watermark          again, until no flush came in between; their last group is the moment
//! ─▶ each table's log, up to the last commit that holds no later group
//! ```
//!
//! So the copy holds every group of requests up to one, and none behind it, in each table. Orders come first: rows that an order
//! had erased by then are in no table that is read later. A ledger that was read before its table is not ahead of it: with the commits
//! behind it, it goes up to the table's end in the copy.

mod file;
mod folder;
mod groups;
mod table;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use headcount_catalog::{Schema, Table, Tier};
use headcount_log::disk::{Disk, RealDisk};
use headcount_log::folder::{CREW_ORDERS, RECEIPT_ORDERS, check_format};

pub use self::file::{CapturedFile, Unreadable};
use self::folder::{below, is_unfinished, list};
use self::groups::Groups;
use self::table::TableCapture;
use crate::account::ledger;
use crate::check::Finding;
use crate::error::LakeError;
use crate::memtable::{Layout, chunks, decode};
use crate::small_files::{self, DamagedSmallFile};

/// Files and folders of the data folder's own level that say something of the running process alone, are captured elsewhere, or
/// belong to the file system.
const LEFT_OUT: [&str; 8] = [
    "lost+found",
    "LOCK",
    "tokens.lock",
    "listening",
    "open.html",
    "collector",
    "watermark",
    "newest-segment",
];
/// Folders that are captured elsewhere.
const OWN_WAY: [&str; 6] = [
    "tables",
    "wal",
    "seen",
    RECEIPT_ORDERS,
    CREW_ORDERS,
    ledger::FOLDER,
];
/// The folder of files that a repair set aside: it is for whoever looks at the damage, and in no copy.
const DAMAGED: &str = "damaged";

/// How often a moment is chosen because the tables' logs no longer say what was in the tables at the last one.
const ATTEMPTS: usize = 10;

/// The files of a data folder at one moment.
#[derive(Debug)]
pub struct Capture {
    /// The data folder's id.
    pub collector: String,
    /// The last group of acknowledged requests that is in the capture.
    pub group: u64,
    /// Every file that a copy needs.
    pub files: Vec<CapturedFile>,
    /// The tables.
    pub tables: Vec<CapturedTable>,
    /// The damage that was met while the files were listed. Files of tables are only read when they are copied.
    pub findings: Vec<Finding>,
}

/// A table at that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapturedTable {
    /// Its name.
    pub name: String,
    /// Its tier.
    pub tier: Tier,
    /// The version of its log; `None` where it has no commit yet, or its log is damaged.
    pub version: Option<u64>,
    /// Its rows, with those of the write-ahead log and of damaged files; `None` where nobody knows. A counter table's number depends
    /// on what has been merged.
    pub rows: Option<u64>,
}

/// Lists the files of the data folder `dir`, whose write-ahead log has the tables of `schema`. Keeps the log and the fingerprints
/// in memory, some 100 MB at most under the default limits; the files of tables are read when they are copied.
///
/// # Errors
///
/// The folder does not exist, the operating system refuses to read a file of it, or the log is flushed faster than it can be read.
pub fn capture_folder(dir: &Path, schema: &Arc<Schema>) -> Result<Capture, LakeError> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::default());
    let root = disk.canonical(dir).map_err(LakeError::io("open", dir))?;
    let _version = check_format(&*disk, &root)?;
    let mut attempt = 0;
    loop {
        attempt += 1;
        let small = small_files(&*disk, &root)?;
        let groups = Groups::read(&*disk, &root)?;
        match assemble(&disk, &root, schema, small, groups) {
            // The moment is over: a later one is captured.
            Err(LakeError::Changing { .. }) if attempt < ATTEMPTS => {}
            captured => return captured,
        }
    }
}

/// The capture with the tables as they were at the last group of `groups`.
fn assemble(
    disk: &Arc<dyn Disk>,
    root: &Path,
    schema: &Arc<Schema>,
    mut files: Vec<CapturedFile>,
    groups: Groups,
) -> Result<Capture, LakeError> {
    let collector = disk.read(&root.join("collector")).unwrap_or_default();
    let id = String::from_utf8_lossy(&collector).trim().to_owned();
    files.push(CapturedFile::read("collector".to_owned(), collector));
    files.extend(groups.files);
    let mut findings = damaged_small_files(disk, root)?;
    findings.extend(groups.findings);
    let mut captured = Vec::new();
    for table in table::all(&**disk, root, schema)? {
        let path = format!("{}/{}", ledger::FOLDER, table.name);
        let place = files.iter().position(|file| file.path == path);
        let ledger = place.map(|place| files.swap_remove(place));
        captured.push(TableCapture::read(
            disk,
            root,
            &table,
            &id,
            groups.until,
            ledger,
        )?);
    }
    let applied = schema.tables.iter().map(|table| {
        let mut tables = captured.iter();
        let found = tables.find(|captured| captured.is_of(table));
        found.map_or(0, |captured| captured.applied)
    });
    let layout = Layout::new(Arc::clone(schema), applied.collect());
    let in_log = decode(&layout, &chunks(&groups.segments, schema))?;
    let mut tables = Vec::with_capacity(captured.len());
    for table in captured {
        let index = schema.tables.iter().position(|known| table.is_of(known));
        let batches = index.map_or(&[][..], |index| &in_log[index]);
        let in_log: usize = batches.iter().map(|batch| batch.num_rows()).sum();
        tables.push(CapturedTable {
            rows: table.rows.map(|rows| rows + in_log as u64),
            version: table.version,
            tier: table.definition.tier,
            name: table.definition.name,
        });
        files.extend(table.files);
        findings.extend(table.findings);
    }
    Ok(Capture {
        collector: id,
        group: groups.until.unwrap_or_default(),
        files,
        tables,
        findings,
    })
}

/// The tables in the folder `root` that `schema` does not describe, or describes as of the other tier. Without columns: nobody knows them.
///
/// # Errors
///
/// The folder cannot be read.
pub fn foreign_tables(root: &Path, schema: &Schema) -> Result<Vec<Table>, LakeError> {
    let mut tables = table::all(&RealDisk::default(), root, schema)?;
    Ok(tables.split_off(schema.tables.len()))
}

/// The small files that are damaged. They are in the capture as they are.
fn damaged_small_files(disk: &Arc<dyn Disk>, root: &Path) -> Result<Vec<Finding>, LakeError> {
    let damaged = small_files::damaged(disk, root)?.into_iter();
    let findings = damaged.map(|DamagedSmallFile { path, problem, .. }| Finding {
        path: path.strip_prefix(root).unwrap_or(&path).to_path_buf(),
        table: None,
        rows: None,
        problem,
    });
    Ok(findings.collect())
}

/// The orders to erase, the ledgers, and the files that other parts of the program keep in the folder: tokens, the secret, the audit log.
fn small_files(disk: &dyn Disk, root: &Path) -> Result<Vec<CapturedFile>, LakeError> {
    let mut files = folder::read_all(disk, root, RECEIPT_ORDERS)?;
    files.extend(folder::read_all(disk, root, CREW_ORDERS)?);
    files.extend(folder::read_all(disk, root, ledger::FOLDER)?);
    for entry in list(disk, root)? {
        let is_left_out = LEFT_OUT.contains(&entry.name.as_str()) || is_unfinished(&entry.name);
        if disk.is_folder(&entry.path) {
            if !OWN_WAY.contains(&entry.name.as_str()) && entry.name != DAMAGED && !is_left_out {
                below(disk, &entry.path, &entry.name, &mut files)?;
            }
        } else if !is_left_out {
            files.push(CapturedFile::plain(entry.name, entry.path));
        }
    }
    Ok(files)
}
