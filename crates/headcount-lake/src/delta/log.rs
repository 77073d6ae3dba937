//! A table's log, replayed: which files are active, and up to which sequence number of the write-ahead log they go.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headcount_catalog::Table;
use headcount_log::disk::Disk;
use parquet::file::metadata::ParquetMetaDataReader;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::actions::{FileKey, file_key};
use super::replay::{commit_path, read_commit, replay};
use super::{protocol, schema};
use crate::checksum::{self, BlockChecksums};
use crate::error::LakeError;

/// A Parquet file that belongs to its table now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ActiveFile {
    /// Relative to the table's folder, decoded.
    pub(crate) path: String,
    /// The same as the log writes it: a `remove` has to repeat it to the letter.
    pub(crate) log_path: String,
    /// Bytes.
    pub(crate) size: u64,
    /// Rows that belong to the table; `None` where neither the log nor the file's footer could say.
    pub(crate) rows: Option<u64>,
    /// The partition of a file of an older layout, `YYYY-MM-DD`, under which its rows count; empty for a file of ours since. Only
    /// until the table is [made one](crate::upkeep) without partitions.
    pub(crate) day: String,
    /// Where its rows are of several days, how many count under each, in the units of the account; `None` where they are of one day, or
    /// nobody wrote it down.
    pub(crate) days: Option<DayUnits>,
    /// The least and greatest `time`, microseconds since 1970 UTC.
    pub(crate) time: Option<(i64, i64)>,
    /// The sum of the rows' `count`s, for a file of a counter table that we wrote.
    pub(crate) counted: Option<u64>,
    /// The id of the deletion vector that says which rows do not belong to the table any more. We write none and cannot apply
    /// one: such a file is neither read nor rewritten.
    pub(crate) deletion_vector: Option<String>,
    /// `None` for a file of another program, or of an older version of this one.
    pub(crate) checksums: Option<BlockChecksums>,
}

/// The tag of a counter table's file that has the sum of its counts, in decimal.
pub(crate) const COUNTED: &str = "headcount.count";

/// The tag of a file whose rows are of several days: how many count under each, a JSON object by day.
pub(crate) const DAYS: &str = "headcount.days";

/// How many rows there are of each day, `YYYY-MM-DD`; of a counter table the sums of their counts.
pub(crate) type DayUnits = BTreeMap<String, u64>;

/// The active files of one table.
pub(crate) type Files = Arc<Vec<ActiveFile>>;

/// The folder of a table: the tiers never share one (promise 2).
pub(crate) fn table_folder(root: &Path, table: &Table) -> PathBuf {
    root.join("tables")
        .join(table.tier.name())
        .join(&table.name)
}

/// The state of a log up to some version.
#[derive(Debug, Clone)]
pub(crate) struct TableLog {
    disk: Arc<dyn Disk>,
    pub(crate) table: String,
    pub(crate) folder: PathBuf,
    /// This collector.
    pub(crate) collector: String,
    /// Names this collector and table in `txn` actions.
    pub(crate) app_id: String,
    /// The last version applied; `None` before the table exists.
    pub(crate) version: Option<u64>,
    active: BTreeMap<FileKey, ActiveFile>,
    transaction: Option<u64>,
    /// The `metaData` action in force.
    pub(crate) metadata: Value,
    protocol: Value,
    /// Why the log could not be read when it was opened. Nothing is known of such a table, and nothing is committed to it.
    broken: Option<Arc<LakeError>>,
}

impl TableLog {
    /// Reads the log; a table that does not exist yet has an empty one.
    ///
    /// Fails if the log is damaged, or if the table uses a feature of the protocol that is not implemented here.
    pub(crate) fn open(
        disk: &Arc<dyn Disk>,
        folder: &Path,
        table: &Table,
        collector: &str,
    ) -> Result<Self, LakeError> {
        Self::open_at(disk, folder, table, collector, None)
    }

    /// As [`TableLog::open`], up to the commit `last`, as if the log ended there.
    pub(crate) fn open_at(
        disk: &Arc<dyn Disk>,
        folder: &Path,
        table: &Table,
        collector: &str,
        last: Option<u64>,
    ) -> Result<Self, LakeError> {
        let empty = || Self::empty(disk, folder, table, collector);
        let log_folder = folder.join("_delta_log");
        let (mut log, version) = replay(&**disk, &log_folder, last, empty, Self::apply)?;
        log.version = version;
        log.complete()?;
        Ok(log)
    }

    /// As [`TableLog::open`], for the store: a log that is damaged or not understood must not keep the other tables from opening.
    /// Fails only where the operating system refuses to read.
    pub(crate) fn open_or_broken(
        disk: &Arc<dyn Disk>,
        folder: &Path,
        table: &Table,
        collector: &str,
    ) -> Result<Self, LakeError> {
        let opened = Self::open(disk, folder, table, collector);
        match opened {
            Err(
                error @ (LakeError::Damaged { .. }
                | LakeError::Delta { .. }
                | LakeError::UnsupportedFeature { .. }),
            ) => Ok(Self {
                broken: Some(Arc::new(error)),
                ..Self::empty(disk, folder, table, collector)
            }),
            opened => opened,
        }
    }

    /// The log of a table that does not exist.
    pub(crate) fn empty(
        disk: &Arc<dyn Disk>,
        folder: &Path,
        table: &Table,
        collector: &str,
    ) -> Self {
        Self {
            disk: Arc::clone(disk),
            table: table.name.clone(),
            folder: folder.to_path_buf(),
            collector: collector.to_owned(),
            app_id: format!("headcount/{collector}/{}", table.name),
            version: None,
            active: BTreeMap::new(),
            transaction: None,
            metadata: Value::Null,
            protocol: Value::Null,
            broken: None,
        }
    }

    /// Why nothing is known of the table.
    pub(crate) fn broken(&self) -> Option<&Arc<LakeError>> {
        self.broken.as_ref()
    }

    /// Applies the commits that came since; returns whether there were any.
    ///
    /// After an error the state is as before: a later call meets the same commits again, and nobody commits on top of one
    /// that was not understood.
    pub(crate) fn refresh(&mut self) -> Result<bool, LakeError> {
        if let Some(error) = &self.broken {
            return Err(LakeError::Broken(Arc::clone(error)));
        }
        let Some(first) = self.read_next()? else {
            return Ok(false);
        };
        let mut next = self.clone();
        let mut actions = Some(first);
        while let Some(read) = actions {
            for action in &read {
                next.apply(action);
            }
            next.version = Some(next.next_version());
            actions = next.read_next()?;
        }
        next.complete()?;
        *self = next;
        Ok(true)
    }

    /// The log with the actions of its next commit applied.
    pub(crate) fn advanced(&self, actions: &[Value]) -> Result<Self, LakeError> {
        let mut next = self.clone();
        for action in actions {
            next.apply(action);
        }
        next.version = Some(self.next_version());
        next.complete()?;
        Ok(next)
    }

    /// The actions of the next commit; `None` where there is none yet.
    pub(crate) fn read_next(&self) -> Result<Option<Vec<Value>>, LakeError> {
        read_commit(&*self.disk, &self.commit_path(self.next_version()))
    }

    /// Checks the protocol, and reads the row counts that the log lacks from the files' footers: statistics are optional in the
    /// protocol, and a missing count must not read as zero.
    fn complete(&mut self) -> Result<(), LakeError> {
        protocol::check(&self.table, &self.protocol, &self.metadata)?;
        for file in self.active.values_mut() {
            if file.rows.is_none() && file.deletion_vector.is_none() {
                file.rows = rows_in(&*self.disk, &self.folder.join(&file.path));
            }
        }
        Ok(())
    }

    /// Applies one action.
    pub(crate) fn apply(&mut self, action: &Value) {
        if let Some(add) = action.get("add") {
            let key = file_key(add);
            let file = active_file(&key, add);
            self.active.insert(key, file);
        } else if let Some(remove) = action.get("remove") {
            self.active.remove(&file_key(remove));
        } else if let Some(transaction) = action.get("txn") {
            if transaction["appId"] == self.app_id.as_str() {
                self.transaction = transaction["version"].as_u64();
            }
        } else if let Some(metadata) = action.get("metaData") {
            self.metadata = metadata.clone();
        } else if let Some(protocol) = action.get("protocol") {
            self.protocol = protocol.clone();
        }
    }

    /// The version of the next commit.
    pub(crate) fn next_version(&self) -> u64 {
        self.version.map_or(0, |version| version + 1)
    }

    pub(crate) fn log_folder(&self) -> PathBuf {
        self.folder.join("_delta_log")
    }

    pub(crate) fn commit_path(&self, version: u64) -> PathBuf {
        commit_path(&self.log_folder(), version)
    }

    /// The last sequence number of the write-ahead log that is in the table; 0 if none is.
    pub(crate) fn applied(&self) -> u64 {
        self.transaction.unwrap_or_default()
    }

    /// Fails if a column of the catalog has another type in the table.
    pub(crate) fn accepts(&self, table: &Table) -> Result<(), LakeError> {
        match self.version {
            Some(_) => schema::grown(&self.metadata, table).map(|_grown| ()),
            None => Ok(()),
        }
    }

    /// Whether a file of this path is active, with a deletion vector or without.
    pub(crate) fn contains_path(&self, path: &str) -> bool {
        let mut files = self.active.range(FileKey::first(path)..);
        files.next().is_some_and(|(key, _)| key.path == path)
    }

    /// Whether `file` is active with the deletion vector that it has. It is another file once somebody deleted rows of it.
    pub(crate) fn contains(&self, file: &ActiveFile) -> bool {
        let key = FileKey {
            path: file.path.clone(),
            deletion_vector: file.deletion_vector.clone(),
        };
        self.active.contains_key(&key)
    }

    /// The active files, in the order of their names.
    pub(crate) fn files(&self) -> Files {
        Arc::new(self.active.values().cloned().collect())
    }
}

fn active_file(key: &FileKey, add: &Value) -> ActiveFile {
    let stats: Value = add["stats"]
        .as_str()
        .and_then(|stats| serde_json::from_str(stats).ok())
        .unwrap_or_default();
    let bound = |which: &str| {
        let text = stats[which]["time"].as_str()?;
        let time = chrono::DateTime::parse_from_rfc3339(text).ok()?;
        Some(time.timestamp_micros())
    };
    let deleted = match key.deletion_vector {
        Some(_) => add["deletionVector"]["cardinality"].as_u64(),
        None => Some(0),
    };
    let physical = stats["numRecords"].as_u64();
    ActiveFile {
        path: key.path.clone(),
        log_path: add["path"].as_str().unwrap_or_default().to_owned(),
        size: add["size"].as_u64().unwrap_or_default(),
        rows: physical
            .zip(deleted)
            .and_then(|(all, deleted)| all.checked_sub(deleted)),
        day: add["partitionValues"]["day"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        // Others may have cut a bound to milliseconds; a greatest time that was cut must not lose rows.
        time: bound("minValues").zip(bound("maxValues").map(|greatest| greatest + 999)),
        // With a deletion vector, nobody knows which counts are left.
        counted: add["tags"][COUNTED]
            .as_str()
            .filter(|_| key.deletion_vector.is_none())
            .and_then(|counted| counted.parse().ok()),
        days: add["tags"][DAYS]
            .as_str()
            .filter(|_| key.deletion_vector.is_none())
            .and_then(|days| serde_json::from_str(days).ok()),
        deletion_vector: key.deletion_vector.clone(),
        checksums: add["tags"][checksum::TAG]
            .as_str()
            .and_then(|checksums| checksums.parse().ok()),
    }
}

/// How many rows a Parquet file has by its footer.
fn rows_in(disk: &dyn Disk, path: &Path) -> Option<u64> {
    let file = disk.open(path).ok()?;
    let footer = ParquetMetaDataReader::new().parse_and_finish(&file).ok()?;
    footer.file_metadata().num_rows().try_into().ok()
}
