//! The check of a data folder: reads all that counts in it and names what is damaged. Changes nothing.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headcount_catalog::{Schema, Table};
use headcount_log::LogError;
use headcount_log::disk::{Disk, RealDisk};
use headcount_log::folder::check_format;
use headcount_log::wal::segment::{self, Segment};
use headcount_log::wal::{newest_segment, quarantine, replay};

use crate::damage::GONE;
use crate::delta::log::{ActiveFile, TableLog, table_folder};
use crate::erasure::CREW_ORDERS;
use crate::error::LakeError;
use crate::lost_rows::LostRows;
use crate::small_files::{self, DamagedSmallFile};
use crate::table_file;
use crate::watermark::Watermark;

/// The result of a check.
#[derive(Debug, Default)]
pub struct FolderCheck {
    /// The number of files that were read.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files of tables that were written without checksums, by another program or an older version. Such a file was decoded: a
    /// flipped bit that leaves it readable stays unnoticed.
    pub without_checksums: u64,
    /// The damage, in the order of the folder's parts: log, deduplication, orders to erase, tables.
    pub findings: Vec<Finding>,
}

/// A damaged file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, relative to the data folder.
    pub path: PathBuf,
    /// Its table, for a file of a table.
    pub table: Option<String>,
    /// The rows that are missing, if the table's log says how many.
    pub rows: Option<u64>,
    /// The problem, in one sentence.
    pub problem: String,
}

/// Reads the write-ahead log, the files of deduplication, the orders to erase, the watermark, each table's log from its newest
/// checkpoint on and each of its files, in the data folder `dir`, also beside a running collector.
///
/// # Errors
///
/// The folder does not exist, or the operating system refuses to read a file of it.
pub fn check_folder(dir: &Path, schema: &Schema) -> Result<FolderCheck, LakeError> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::default());
    let root = disk.canonical(dir).map_err(LakeError::io("open", dir))?;
    let _version = check_format(&*disk, &root)?;
    let mut check = Check {
        lost: LostRows::read(&*disk, &root)?,
        disk,
        root,
        done: FolderCheck::default(),
    };
    let newest = newest_segment(&*check.disk, &check.root);
    let segments = check.log()?;
    check.small_files()?;
    // Before the tables: it must not be ahead of what is read of them.
    let watermark = Watermark::read(&*check.disk, &check.root)?.unwrap_or_default();
    let mut applied = watermark.sequence;
    for table in &schema.tables {
        applied = applied.max(check.table(table, &watermark)?);
    }
    let missing = replay::missing_groups(newest, &segments, applied);
    if missing > 0 {
        let problem = format!(
            "{missing} groups of acknowledged requests are missing between the tables, which end at group {applied}, and the log"
        );
        check.find(&check.root.join("wal"), None, None, problem);
    }
    Ok(check.done)
}

struct Check {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    lost: LostRows,
    done: FolderCheck,
}

impl Check {
    /// The write-ahead log.
    fn log(&mut self) -> Result<Vec<Segment>, LakeError> {
        let folder = self.root.join("wal");
        if !self.disk.exists(&folder) {
            return Ok(Vec::new());
        }
        let files = segment::list(&*self.disk, &folder)?;
        let mut segments = Vec::with_capacity(files.len());
        for (index, file) in files.iter().enumerate() {
            let bytes = match self.disk.read(&file.path) {
                Ok(bytes) => bytes,
                // The writer has flushed it.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(LakeError::io("read", &file.path)(error)),
            };
            self.count(bytes.len() as u64);
            let until = files.get(index + 1).map(|next| next.first);
            // The last is being written.
            let read = match until {
                Some(_) => replay::read_whole(file, &bytes.into(), until),
                None => replay::read(file, &bytes.into(), None).map(|(segment, _)| segment),
            };
            match read {
                Ok(segment) => segments.push(segment),
                Err(error @ LogError::Damaged { .. }) => {
                    self.find(&file.path, None, None, error.to_string());
                }
                Err(error) => return Err(error.into()),
            }
        }
        for damage in segments.iter().flat_map(|segment| &segment.damage) {
            let problem = format!(
                "damaged at byte {}: {}; {} groups of acknowledged requests are lost",
                damage.offset,
                damage.reason,
                damage.lost.end - damage.lost.start
            );
            self.find(&damage.segment, None, None, problem);
        }
        self.set_aside(
            &folder,
            "part of the log; check the medium, then remove the file",
        )?;
        Ok(segments)
    }

    /// What a start found damaged and kept.
    fn set_aside(&mut self, folder: &Path, what: &str) -> Result<(), LakeError> {
        for path in quarantine::files(&*self.disk, folder)? {
            let problem = format!("was found damaged at a start and set aside: {what}");
            self.find(&path, None, None, problem);
        }
        Ok(())
    }

    /// Files of deduplication, orders to erase, and the other small files.
    fn small_files(&mut self) -> Result<(), LakeError> {
        let [seen, orders, crews, ledger] =
            ["seen", "erasures", CREW_ORDERS, "ledger"].map(|folder| self.root.join(folder));
        let set_aside = [
            (
                seen,
                "spans that it remembers count twice if they are sent again; remove it when you know why",
            ),
            (
                orders,
                "the rows that this order to erase names are not erased; restore it under the ending .order",
            ),
            (
                crews,
                "what this order to erase crews names may not be erased; restore it under the ending .order",
            ),
            (
                ledger,
                "what it says of the table's rows is not in the account; remove it when you know why",
            ),
        ];
        for (folder, what) in set_aside {
            if self.disk.exists(&folder) {
                self.set_aside(&folder, what)?;
            }
        }
        let root = self.root.clone();
        self.set_aside(
            &root,
            "what it said is not known; look at it, then remove it",
        )?;
        for DamagedSmallFile { path, problem, .. } in small_files::damaged(&self.disk, &self.root)?
        {
            self.find(&path, None, None, problem);
        }
        Ok(())
    }

    /// One table: its log and its files. Returns the last group of the write-ahead log that is in it.
    fn table(&mut self, table: &Table, watermark: &Watermark) -> Result<u64, LakeError> {
        let folder = table_folder(&self.root, table);
        let log = match TableLog::open(&self.disk, &folder, table, &self.collector()) {
            Ok(log) => log,
            Err(error @ LakeError::Io { .. }) => return Err(error),
            Err(error) => {
                let path = match &error {
                    LakeError::Damaged { path, .. } => path.clone(),
                    _ => folder.join("_delta_log"),
                };
                self.find(&path, Some(table), None, error.with_causes());
                return Ok(0);
            }
        };
        for (_, commits) in watermark.lost_commits(std::slice::from_ref(&log)) {
            let problem = format!(
                "the last {commits} commits of the table are missing, and the rows that they added"
            );
            self.find(&folder.join("_delta_log"), Some(table), None, problem);
        }
        for file in log.files().iter() {
            self.table_file(table, &folder, file)?;
        }
        for lost in self.lost.clone().of_table(&table.name, &log.files()) {
            let problem = format!(
                "given up by a repair at {}: {}; answers say that its rows are missing until the file lost-rows is removed",
                lost.given_up, lost.problem
            );
            self.find(&folder.join(&lost.path), Some(table), lost.rows, problem);
        }
        Ok(log.applied())
    }

    fn table_file(
        &mut self,
        table: &Table,
        folder: &Path,
        file: &ActiveFile,
    ) -> Result<(), LakeError> {
        let path = folder.join(&file.path);
        let problem = match table_file::check(&*self.disk, folder, file) {
            Ok(()) => {
                self.count(file.size);
                self.done.without_checksums += u64::from(file.checksums.is_none());
                return Ok(());
            }
            Err(LakeError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                let log = TableLog::open(&self.disk, folder, table, &self.collector())?;
                if !log.contains(file) {
                    // It was merged meanwhile, by a running collector.
                    return Ok(());
                }
                GONE.to_owned()
            }
            Err(LakeError::UnreadableFile { source, .. }) => source.to_string(),
            Err(error) => return Err(error),
        };
        self.find(&path, Some(table), file.rows, problem);
        Ok(())
    }

    /// The name of the collector in transactions.
    fn collector(&self) -> String {
        let text = self.disk.read_text(&self.root.join("collector"));
        text.unwrap_or_default().trim().to_owned()
    }

    fn count(&mut self, bytes: u64) {
        self.done.files += 1;
        self.done.bytes += bytes;
    }

    fn find(&mut self, path: &Path, table: Option<&Table>, rows: Option<u64>, problem: String) {
        let path = path.strip_prefix(&self.root).unwrap_or(path);
        self.done.findings.push(Finding {
            path: path.to_path_buf(),
            table: table.map(|table| table.name.clone()),
            rows,
            problem,
        });
    }
}
