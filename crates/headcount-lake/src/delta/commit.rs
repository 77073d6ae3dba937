//! Commits of our own: one small JSON file, durable before it counts.

use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use headcount_catalog::Table;
use headcount_log::disk::Disk;
use serde_json::{Value, json};

use super::actions::sealed_text;
use super::log::{ActiveFile, COUNTED, DAYS, TableLog};
use super::schema;
use crate::account::Account;
use crate::checksum;
use crate::error::LakeError;

/// Lost races after which a commit is given up; each means that another program committed in between.
const ATTEMPTS: usize = 20;

/// The content of a commit.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    /// The operation's name in the table's history.
    pub(crate) operation: &'static str,
    pub(crate) add: &'a [ActiveFile],
    pub(crate) remove: &'a [ActiveFile],
    /// Whether the rows differ afterwards (not when files are merely merged).
    pub(crate) data_change: bool,
    /// The last sequence number of the write-ahead log that is in the table afterwards.
    pub(crate) applied: Option<u64>,
    /// How many rows came and went, by day, and why: empty where files are merely merged. Whoever adds or removes rows says so here, and
    /// `headcount audit` compares it with the rows that the files have.
    pub(crate) account: &'a Account,
}

/// How a commit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Committed {
    /// It is in the log.
    Now,
    /// The log says that these rows are in the table already.
    Before,
    /// A file that it would remove is no longer active; nothing was committed.
    Obsolete,
}

/// Commits `change` exactly once.
///
/// A transaction number in a Delta log is a record, not a guard: so it is read before each attempt, and an attempt that
/// failed in a way that leaves its fate unknown is followed by reading it again.
pub(crate) fn commit(
    disk: &dyn Disk,
    log: &mut TableLog,
    table: &Table,
    change: &Change<'_>,
) -> Result<Committed, LakeError> {
    let folder = log.log_folder();
    disk.create_folder(&folder)
        .map_err(LakeError::io("create", &folder))?;
    for _ in 0..ATTEMPTS {
        log.refresh()?;
        if change
            .applied
            .is_some_and(|applied| log.applied() >= applied)
        {
            // An earlier attempt may have failed after its file got its name and before the name was durable.
            disk.sync_folder(&folder)
                .map_err(LakeError::io("sync", &folder))?;
            return Ok(Committed::Before);
        }
        if change.remove.iter().any(|file| !log.contains(file)) {
            return Ok(Committed::Obsolete);
        }
        let actions = actions(log, table, change)?;
        match put_if_absent(disk, log, commit_info(change), &actions) {
            Ok(()) => {
                for action in &actions {
                    log.apply(action);
                }
                log.version = Some(log.next_version());
                return Ok(Committed::Now);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(LakeError::io("commit to", &folder)(error)),
        }
    }
    Err(LakeError::delta(
        &table.name,
        "another program commits to it without a pause",
    ))
}

/// Writes the next version's file unless it exists; returns when it is durable under its name.
pub(super) fn put_if_absent(
    disk: &dyn Disk,
    log: &TableLog,
    commit_info: Value,
    actions: &[Value],
) -> io::Result<()> {
    let text = sealed_text(commit_info, actions);
    let folder = log.log_folder();
    let name = format!("_commit_{}.json.tmp", uuid::Uuid::new_v4());
    let unfinished = folder.join(name);
    let mut file = disk.create(&unfinished)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync());
    let linked =
        written.and_then(|()| disk.link(&unfinished, &log.commit_path(log.next_version())));
    // One that stays is harmless: its name is never used again.
    let _ = disk.remove(&unfinished);
    linked?;
    disk.sync_folder(&folder)
}

pub(super) fn commit_info(change: &Change<'_>) -> Value {
    let mut info = json!({
        "timestamp": Utc::now().timestamp_millis(),
        "operation": change.operation,
        "operationParameters": {},
        "engineInfo": concat!("headcount/", env!("CARGO_PKG_VERSION")),
        "isBlindAppend": change.remove.is_empty(),
    });
    change.account.write_into(&mut info);
    info
}

fn actions(log: &TableLog, table: &Table, change: &Change<'_>) -> Result<Vec<Value>, LakeError> {
    let now_ms = Utc::now().timestamp_millis();
    let mut actions = Vec::new();
    if log.version.is_none() {
        actions.push(json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}));
        actions.push(json!({"metaData": schema::metadata(table, now_ms)}));
    } else if let Some(metadata) = schema::grown(&log.metadata, table)? {
        actions.push(json!({"metaData": metadata}));
    }
    if let Some(applied) = change.applied {
        actions.push(json!({"txn": {
            "appId": log.app_id, "version": applied, "lastUpdated": now_ms,
        }}));
    }
    for file in change.remove {
        actions.push(json!({"remove": {
            "path": file.log_path, "deletionTimestamp": now_ms, "dataChange": change.data_change,
            "extendedFileMetadata": true, "size": file.size,
            "partitionValues": schema::partition_values(&log.metadata, &file.day),
        }}));
    }
    for file in change.add {
        let mut add = json!({
            "path": file.log_path, "size": file.size,
            "partitionValues": schema::partition_values(&log.metadata, &file.day),
            "modificationTime": now_ms, "dataChange": change.data_change,
            "stats": stats(file).to_string(),
        });
        if let Some(checksums) = &file.checksums {
            add["tags"][checksum::TAG] = json!(checksums.to_string());
        }
        if let Some(counted) = file.counted {
            add["tags"][COUNTED] = json!(counted.to_string());
        }
        if let Some(days) = &file.days {
            add["tags"][DAYS] = json!(json!(days).to_string());
        }
        actions.push(json!({ "add": add }));
    }
    Ok(actions)
}

/// Bounds in milliseconds, which the protocol keeps: rounded outwards.
pub(crate) fn rounded(least: i64, greatest: i64) -> (i64, i64) {
    (least.div_euclid(1000), greatest.div_euclid(1000) + 1)
}

fn stats(file: &ActiveFile) -> Value {
    let mut stats = json!({});
    if let Some(rows) = file.rows {
        stats["numRecords"] = json!(rows);
    }
    let bounds = file.time.and_then(|(least, greatest)| {
        let (least, greatest) = rounded(least, greatest);
        let least = DateTime::from_timestamp_millis(least)?;
        Some((least, DateTime::from_timestamp_millis(greatest)?))
    });
    if let Some((least, greatest)) = bounds {
        let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
        stats["minValues"] = json!({"time": text(least)});
        stats["maxValues"] = json!({"time": text(greatest)});
    }
    stats
}
