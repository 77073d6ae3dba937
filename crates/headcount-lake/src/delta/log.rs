//! A table's log, replayed: which files are active, and up to which sequence number of the write-ahead log they go.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deltalake_core::{DeltaTableBuilder, DeltaTableError};
use headcount_catalog::Table;
use serde_json::Value;
use url::Url;

use super::schema;
use crate::error::LakeError;
use crate::snapshot::Files;

/// A Parquet file that belongs to its table now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ActiveFile {
    /// Relative to the table's folder, decoded.
    pub(crate) path: String,
    /// Bytes.
    pub(crate) size: u64,
    pub(crate) rows: u64,
    /// `YYYY-MM-DD`.
    pub(crate) day: String,
    /// The least and greatest `time`, microseconds since 1970 UTC.
    pub(crate) time: Option<(i64, i64)>,
}

/// The folder of a table: the tiers never share one (promise 2).
pub(crate) fn table_folder(root: &Path, table: &Table) -> PathBuf {
    root.join("tables")
        .join(table.tier.name())
        .join(&table.name)
}

/// The state of a log up to some version.
#[derive(Debug, Clone)]
pub(crate) struct TableLog {
    pub(crate) table: String,
    pub(crate) folder: PathBuf,
    /// Names this collector and table in `txn` actions.
    pub(crate) app_id: String,
    /// The last version applied; `None` before the table exists.
    pub(crate) version: Option<u64>,
    active: BTreeMap<String, ActiveFile>,
    transaction: Option<u64>,
    /// The `metaData` action in force.
    pub(crate) metadata: Value,
}

impl TableLog {
    /// Reads the log; a table that does not exist yet has an empty one.
    pub(crate) async fn open(
        folder: &Path,
        table: &Table,
        collector: &str,
    ) -> Result<Self, LakeError> {
        let mut log = Self {
            table: table.name.clone(),
            folder: folder.to_path_buf(),
            app_id: format!("headcount/{collector}/{}", table.name),
            version: None,
            active: BTreeMap::new(),
            transaction: None,
            metadata: Value::Null,
        };
        if log.begins_with_checkpoint()? {
            log.load().await?;
        }
        log.refresh()?;
        Ok(log)
    }

    /// Whether there is more to the log than its commits: one that still begins at its beginning is a few small files,
    /// read as they are.
    fn begins_with_checkpoint(&self) -> Result<bool, LakeError> {
        let folder = self.log_folder();
        if folder.join("_last_checkpoint").exists() {
            return Ok(true);
        }
        if !folder.exists() || self.commit_path(0).exists() {
            return Ok(false);
        }
        for entry in std::fs::read_dir(&folder).map_err(LakeError::io("list", &folder))? {
            let name = entry.map_err(LakeError::io("list", &folder))?.file_name();
            let name = name.to_string_lossy();
            if name.ends_with(".parquet") || name.ends_with(".json") {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads the log with its checkpoint.
    async fn load(&mut self) -> Result<(), LakeError> {
        let name = self.table.clone();
        let failed = |error: DeltaTableError| LakeError::delta(&name, error);
        let url = Url::from_directory_path(&self.folder)
            .map_err(|()| LakeError::delta(&name, "its folder's path is not absolute"))?;
        let table = DeltaTableBuilder::from_url(url)
            .map_err(failed)?
            .load()
            .await
            .map_err(failed)?;
        let state = table.snapshot().map_err(failed)?;
        for view in state.log_data().iter() {
            let partitions = view.partition_values_map();
            let stats = view
                .stats()
                .and_then(|stats| serde_json::from_str(&stats).ok());
            let file = ActiveFile {
                path: view.object_store_path().to_string(),
                size: view.size().try_into().unwrap_or_default(),
                day: partitions.get("day").cloned().flatten().unwrap_or_default(),
                rows: 0,
                time: None,
            };
            self.insert(file, &stats.unwrap_or_default());
        }
        let store = table.log_store();
        let transaction = state
            .transaction_version(store.as_ref(), &self.app_id)
            .await;
        let transaction = transaction.map_err(failed)?;
        self.transaction = transaction.and_then(|version| version.try_into().ok());
        self.metadata = serde_json::to_value(state.metadata())
            .map_err(|error| LakeError::delta(&name, error))?;
        self.version = Some(state.version());
        Ok(())
    }

    /// Applies the commits that came since.
    pub(crate) fn refresh(&mut self) -> Result<(), LakeError> {
        loop {
            let version = self.next_version();
            let path = self.commit_path(version);
            let commit = match std::fs::read_to_string(&path) {
                Ok(commit) => commit,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(LakeError::io("read", &path)(error)),
            };
            for line in commit.lines().filter(|line| !line.is_empty()) {
                let action: Value =
                    serde_json::from_str(line).map_err(|error| LakeError::Damaged {
                        path: path.clone(),
                        offset: 0,
                        reason: error.to_string(),
                    })?;
                self.apply(&action);
            }
            self.version = Some(version);
        }
    }

    /// Applies one action.
    pub(crate) fn apply(&mut self, action: &Value) {
        if let Some(add) = action.get("add") {
            let stats = add["stats"]
                .as_str()
                .and_then(|stats| serde_json::from_str(stats).ok());
            let file = ActiveFile {
                path: decoded(&add["path"]),
                size: add["size"].as_u64().unwrap_or_default(),
                day: add["partitionValues"]["day"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                rows: 0,
                time: None,
            };
            self.insert(file, &stats.unwrap_or_default());
        } else if let Some(remove) = action.get("remove") {
            let _removed = self.active.remove(&decoded(&remove["path"]));
        } else if let Some(transaction) = action.get("txn") {
            if transaction["appId"] == self.app_id.as_str() {
                self.transaction = transaction["version"].as_u64();
            }
        } else if let Some(metadata) = action.get("metaData") {
            self.metadata = metadata.clone();
        }
    }

    fn insert(&mut self, mut file: ActiveFile, stats: &Value) {
        file.rows = stats["numRecords"].as_u64().unwrap_or_default();
        let bound = |which: &str| {
            let text = stats[which]["time"].as_str()?;
            Some(
                chrono::DateTime::parse_from_rfc3339(text)
                    .ok()?
                    .timestamp_micros(),
            )
        };
        // Others may have cut a bound to milliseconds; a greatest time that was cut must not lose rows.
        file.time = bound("minValues").zip(bound("maxValues").map(|greatest| greatest + 999));
        let _replaced = self.active.insert(file.path.clone(), file);
    }

    /// The version of the next commit.
    pub(crate) fn next_version(&self) -> u64 {
        self.version.map_or(0, |version| version + 1)
    }

    pub(crate) fn log_folder(&self) -> PathBuf {
        self.folder.join("_delta_log")
    }

    pub(crate) fn commit_path(&self, version: u64) -> PathBuf {
        self.log_folder().join(format!("{version:020}.json"))
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

    /// Whether the file is active.
    pub(crate) fn contains(&self, path: &str) -> bool {
        self.active.contains_key(path)
    }

    /// The active files, in the order of their days.
    pub(crate) fn files(&self) -> Files {
        Arc::new(self.active.values().cloned().collect())
    }
}

/// A path in the log is percent-encoded.
fn decoded(path: &Value) -> String {
    let path = path.as_str().unwrap_or_default();
    object_store::path::Path::from_url_path(path)
        .map_or_else(|_| path.to_owned(), |path| path.to_string())
}
