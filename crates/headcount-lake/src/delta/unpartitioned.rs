//! Makes a table that an older layout partitioned by day one without partitions, in one commit: the files stay as they are.
//!
//! No file holds the column `day`: its value was in the log alone. So the commit has the schema without it, and every active file's `add` once
//! more, without a partition (Delta protocol, "Action Reconciliation": the newest `add` of a path is the one in force).

use std::collections::BTreeMap;
use std::io;

use headcount_catalog::Table;
use headcount_log::disk::Disk;
use serde_json::{Value, json};

use super::actions::file_key;
use super::checkpoint;
use super::commit::{Change, commit_info, put_if_absent};
use super::log::{DAYS, DayUnits, TableLog};
use super::schema;
use crate::account::Account;
use crate::error::LakeError;

/// By the path of a file that has a partition: what is to be written down of its days; `None` where its rows are of the partition's day.
pub(crate) type MeasuredFiles = BTreeMap<String, Option<DayUnits>>;

/// Removes the partitions of the table, if its partitioned files are the `measured` ones; returns whether it did. `account` says which rows
/// count under another day from now on.
///
/// It does nothing where another program commits meanwhile: whoever calls tries again later.
pub(crate) fn remove_partitions(
    disk: &dyn Disk,
    log: &mut TableLog,
    table: &Table,
    measured: &MeasuredFiles,
    account: &Account,
) -> Result<bool, LakeError> {
    log.refresh()?;
    let metadata = schema::unpartitioned(&log.metadata, &table.name)?;
    let (Some(metadata), Some(version)) = (metadata, log.version) else {
        return Ok(false);
    };
    let files = log.files();
    let partitioned = files.iter().filter(|file| !file.day.is_empty());
    if !partitioned.map(|file| &file.path).eq(measured.keys()) {
        return Ok(false);
    }
    let mut actions = vec![json!({ "metaData": metadata })];
    for mut add in checkpoint::active_adds(disk, &log.log_folder(), version)? {
        if let Some(Some(days)) = measured.get(&file_key(&add).path) {
            add["tags"][DAYS] = json!(json!(days).to_string());
        }
        add["partitionValues"] = json!({});
        add["dataChange"] = json!(false);
        actions.push(json!({ "add": add }));
    }
    let change = Change {
        operation: "REMOVE PARTITIONS",
        add: &[],
        remove: &[],
        data_change: false,
        applied: None,
        account,
    };
    let mut info = commit_info(&change);
    info["isBlindAppend"] = Value::Bool(false);
    match put_if_absent(disk, log, info, &actions) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(LakeError::io("commit to", log.log_folder())(error)),
    }
    for action in &actions {
        log.apply(action);
    }
    log.version = Some(log.next_version());
    Ok(true)
}
