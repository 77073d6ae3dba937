//! One table of a capture: its log, cut off at the moment of the capture, and the files that belong to it there.

use std::io;
use std::path::Path;
use std::sync::Arc;

use headcount_catalog::{Schema, Table, TableKind, Tier};
use headcount_log::disk::Disk;
use serde_json::Value;

use super::file::CapturedFile;
use super::folder::{below, list};
use crate::account::ledger::{self, Ledger};
use crate::check::Finding;
use crate::delta::checkpoint::{self, LAST_CHECKPOINT};
use crate::delta::log::{TableLog, table_folder};
use crate::delta::replay::files_up_to;
use crate::error::LakeError;

/// How often a log is read again because entries of it vanished meanwhile.
const ATTEMPTS: usize = 5;

/// A table at the moment of the capture.
pub(super) struct TableCapture {
    pub(super) definition: Table,
    /// Its log, cut off at the moment; `None` where every file in its folder is captured.
    log: Option<TableLog>,
    /// The version of the checkpoint that it begins with; `None` where it begins with the first commit.
    first: Option<u64>,
    pub(super) version: Option<u64>,
    /// The last group of the write-ahead log that is in its files.
    pub(super) applied: u64,
    /// The rows in its files; `None` where nobody knows.
    pub(super) rows: Option<u64>,
    pub(super) files: Vec<CapturedFile>,
    pub(super) findings: Vec<Finding>,
}

/// The tables of the schema, and the others that are in the folder: those of a catalog that was newer or older.
pub(super) fn all(disk: &dyn Disk, root: &Path, schema: &Schema) -> Result<Vec<Table>, LakeError> {
    let mut tables = schema.tables.clone();
    for tier in [Tier::Default, Tier::Shared] {
        for entry in list(disk, &root.join("tables").join(tier.name()))? {
            let is_known = |table: &Table| table.tier == tier && table.name == entry.name;
            if !tables.iter().any(is_known) && disk.is_folder(&entry.path) {
                tables.push(Table {
                    name: entry.name,
                    tier,
                    kind: TableKind::Event,
                    columns: Vec::new(),
                });
            }
        }
    }
    Ok(tables)
}

impl TableCapture {
    /// Reads the table's log up to the last commit that holds no group behind `until`.
    ///
    /// A table whose log cannot be read, or that holds what other programs keep beside Parquet files, is captured with every file in
    /// its folder. `ledger` is its ledger, as it was read before the moment.
    pub(super) fn read(
        disk: &Arc<dyn Disk>,
        root: &Path,
        definition: &Table,
        collector: &str,
        until: Option<u64>,
        ledger: Option<CapturedFile>,
    ) -> Result<Self, LakeError> {
        let mut attempt = 0;
        let read_once = || Self::read_once(disk, root, definition.clone(), collector, until);
        loop {
            attempt += 1;
            let read =
                read_once().and_then(|captured| captured.with_ledger(disk, root, ledger.as_ref()));
            match read {
                // The collector removed old entries of the log, having written a checkpoint.
                Err(LakeError::Io { source, path, .. })
                    if source.kind() == io::ErrorKind::NotFound =>
                {
                    if attempt == ATTEMPTS {
                        return Err(LakeError::Changing { folder: path });
                    }
                }
                read => return read,
            }
        }
    }

    fn read_once(
        disk: &Arc<dyn Disk>,
        root: &Path,
        definition: Table,
        collector: &str,
        until: Option<u64>,
    ) -> Result<Self, LakeError> {
        let folder = table_folder(root, &definition);
        let mut captured = Self {
            definition,
            log: None,
            first: None,
            version: None,
            applied: 0,
            rows: Some(0),
            files: Vec::new(),
            findings: Vec::new(),
        };
        let log = match log_until(disk, &folder, &captured.definition, collector, until) {
            Ok(log) => log,
            Err(error @ (LakeError::Io { .. } | LakeError::Changing { .. })) => return Err(error),
            Err(error) => {
                captured.broken(root, &folder, &error);
                captured.everything(&**disk, &folder)?;
                return Ok(captured);
            }
        };
        let Some(version) = log.version else {
            captured.log = Some(log);
            return Ok(captured);
        };
        let active = log.files();
        captured.version = Some(version);
        captured.applied = log.applied();
        captured.rows = active.iter().map(|file| file.rows).sum();
        if active.iter().any(|file| file.deletion_vector.is_some()) {
            captured.everything(&**disk, &folder)?;
            return Ok(captured);
        }
        captured.log_files(&**disk, &log, version)?;
        for file in active.iter() {
            let path = captured.path(&file.path);
            let file = CapturedFile::of_table(path, &folder, &captured.definition, file.clone());
            captured.files.push(file);
        }
        captured.log = Some(log);
        Ok(captured)
    }

    /// With the table's ledger: as it was read before the moment, where the commits behind it are in the copy; or else one that goes up to the
    /// end of the copy.
    ///
    /// What is not cut off has it as it was read. So has one that is damaged, for whoever looks.
    fn with_ledger(
        mut self,
        disk: &Arc<dyn Disk>,
        root: &Path,
        before: Option<&CapturedFile>,
    ) -> Result<Self, LakeError> {
        let bytes = before.map(|file| file.bytes().to_vec());
        let known = bytes.as_deref().and_then(ledger::parse);
        let is_usable = match (&known, &bytes) {
            (Some(known), _) => self.first <= known.version && known.version <= self.version,
            (None, Some(_)) => true,
            (None, None) => self.first.is_none(),
        };
        let copied = match &self.log {
            Some(log) if !is_usable => {
                // Commits behind the one that was read before may be gone, because the collector has taken them over since.
                let now = Ledger::find(&**disk, root, &self.definition, &log.log_folder())?;
                let known = known.into_iter().chain(now.whole());
                let ledger = ledger::of_copy(disk, &self.definition, log, known)?;
                let text = ledger.map(|ledger| ledger.text(root, &self.definition));
                text.transpose()?.map(String::into_bytes)
            }
            _ => bytes,
        };
        if let Some(bytes) = copied {
            let path = format!("{}/{}", ledger::FOLDER, self.definition.name);
            self.files.push(CapturedFile::read(path, bytes));
        }
        Ok(self)
    }

    /// Whether this is the table of that name and tier.
    pub(super) fn is_of(&self, table: &Table) -> bool {
        (self.definition.tier, &self.definition.name) == (table.tier, &table.name)
    }

    /// The files of its log that lead to `version`.
    fn log_files(
        &mut self,
        disk: &dyn Disk,
        log: &TableLog,
        version: u64,
    ) -> Result<(), LakeError> {
        let folder = log.log_folder();
        let (first, files) = files_up_to(disk, &folder, version)?;
        self.first = first;
        let is_checkpoint = |number: u64| {
            let name = checkpoint::name(number);
            files.first().is_some_and(|file| file.ends_with(&name))
        };
        // The checkpoint's checksum is in it, so it goes with that checkpoint alone.
        let hint = folder.join(LAST_CHECKPOINT);
        let text = disk.read(&hint).unwrap_or_default();
        let of = serde_json::from_slice::<Value>(&text).unwrap_or_default()["version"].as_u64();
        if of.is_some_and(is_checkpoint) {
            let path = self.path(&format!("_delta_log/{LAST_CHECKPOINT}"));
            self.files.push(CapturedFile::read(path, text));
        }
        for file in files {
            let bytes = disk.read(&file).map_err(LakeError::io("read", &file))?;
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let path = self.path(&format!("_delta_log/{name}"));
            self.files.push(CapturedFile::read(path, bytes));
        }
        let (sidecars, path) = (folder.join("_sidecars"), self.path("_delta_log/_sidecars"));
        below(disk, &sidecars, &path, &mut self.files)
    }

    fn broken(&mut self, root: &Path, folder: &Path, error: &LakeError) {
        let path = match error {
            LakeError::Damaged { path, .. } => path.clone(),
            _ => folder.join("_delta_log"),
        };
        self.rows = None;
        self.findings.push(Finding {
            path: path.strip_prefix(root).unwrap_or(&path).to_path_buf(),
            table: Some(self.definition.name.clone()),
            rows: None,
            problem: error.with_causes(),
        });
    }

    fn everything(&mut self, disk: &dyn Disk, folder: &Path) -> Result<(), LakeError> {
        let path = self.path("");
        below(disk, folder, path.trim_end_matches('/'), &mut self.files)
    }

    /// The path in the data folder of one in the table's folder.
    fn path(&self, in_table: &str) -> String {
        let (tier, name) = (self.definition.tier.name(), &self.definition.name);
        format!("tables/{tier}/{name}/{in_table}")
    }
}

/// The log up to the last commit that holds no group behind `until`.
///
/// Fails with [`LakeError::Changing`] where the entries that lead there were removed, because a checkpoint behind it was written since.
fn log_until(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    table: &Table,
    collector: &str,
    until: Option<u64>,
) -> Result<TableLog, LakeError> {
    let mut log = TableLog::open(disk, folder, table, collector)?;
    while let (Some(version), Some(until)) = (log.version, until) {
        if log.applied() <= until {
            break;
        }
        let Some(last) = version.checked_sub(1) else {
            // A flush behind the moment made the table.
            return Ok(TableLog::empty(disk, folder, table, collector));
        };
        let earlier = TableLog::open_at(disk, folder, table, collector, Some(last));
        let earlier = earlier.ok().filter(|log| log.version == Some(last));
        log = earlier.ok_or_else(|| LakeError::Changing {
            folder: folder.to_path_buf(),
        })?;
    }
    Ok(log)
}
