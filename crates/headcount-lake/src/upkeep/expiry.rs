//! Retention: rows leave their table when they are older than the catalog, or whoever runs the collector, allows.

use chrono::{DateTime, TimeDelta, Utc};
use headcount_catalog::{TableId, TableKind};

use crate::account::measure;
use crate::delta::commit::{Change, Committed, commit};
use crate::delta::log::{ActiveFile, table_folder};
use crate::error::LakeError;
use crate::new_files::NewFiles;
use crate::rewrite::{Cut, LeftOut, Rewrite};
use crate::state::LakeState;

/// A file of so many bytes whose rows expire in part is cut in two: rows that will expire soon lie apart, so that the others are not written again
/// each hour.
const CUT: u64 = 256 << 10;
/// Rows that expire within this time will do so soon.
const NEXT: TimeDelta = TimeDelta::days(2);

/// Files that one commit removes or replaces.
const FILES: usize = 32;

/// Removes the rows of a table whose time is over. A file that cannot be read, or whose rows another program deleted by a deletion
/// vector, goes as a whole when all of its rows are too old, and stays until then.
pub(crate) fn expire(state: &LakeState, id: TableId) -> Result<(), LakeError> {
    let (Some(retention), Some(table)) = (state.options.retention, state.schema.table(id)) else {
        return Ok(());
    };
    let oldest = Utc::now() - TimeDelta::days(i64::from(retention.days(table.tier)));
    while expire_some(state, id, oldest)? {}
    Ok(())
}

/// Removes the expired rows of some files; returns whether there were any.
fn expire_some(state: &LakeState, id: TableId, oldest: DateTime<Utc>) -> Result<bool, LakeError> {
    let table = state.schema.table(id).ok_or(LakeError::Closed)?;
    let folder = table_folder(&state.root, table);
    let files = state.refresh(id)?;
    let mut old = Vec::new();
    let mut added = NewFiles::new(&*state.disk, &folder);
    for file in files.iter() {
        if old.len() == FILES {
            break;
        }
        match age(file, oldest) {
            Age::Kept => {}
            Age::Expired => {
                let days = measure::days_or_recorded(&*state.disk, &folder, file, table.kind);
                for (day, units) in days.unwrap_or_default() {
                    added.account_mut().day(&day).expired += units;
                }
                old.push(file.clone());
            }
            Age::Mixed if file.deletion_vector.is_some() => {}
            Age::Mixed => {
                let mut rewrite = Rewrite::new(state, id, &folder)?;
                rewrite.left_out = LeftOut::Before(oldest.timestamp_micros());
                if file.size >= CUT {
                    rewrite.cut = Cut::At((oldest + NEXT).timestamp_micros());
                }
                match rewrite.run(std::slice::from_ref(file)) {
                    Ok(rewritten) => {
                        added.append(rewritten);
                        old.push(file.clone());
                    }
                    Err(error) if state.unreadable.note(&error) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
    if old.is_empty() {
        return Ok(false);
    }
    let kept: Option<u64> = added.as_slice().iter().map(|file| file.rows).sum();
    let before: Option<u64> = old.iter().map(|file| file.rows).sum();
    let change = Change {
        operation: "DELETE",
        add: added.as_slice(),
        remove: &old,
        data_change: true,
        applied: None,
        account: added.account(),
    };
    let mut log = state.logs[usize::from(id.0)].lock();
    let committed = commit(&*state.disk, &mut log, table, &change);
    added.settle(&committed, &log);
    state.view.publish_changed(id, log.files());
    if committed? == Committed::Now {
        state.activity.expired_files.add(old.len() as u64);
        let rows = before
            .zip(kept)
            .map(|(before, kept)| before.saturating_sub(kept));
        // Equal counts are added up in a rewrite, so that fewer rows do not mean deleted ones.
        let rows = rows.filter(|_| table.kind == TableKind::Event);
        tracing::info!(
            table = table.name,
            files = old.len(),
            rows,
            "deleted rows whose time is over"
        );
    }
    Ok(true)
}

/// Which of a file's rows are too old.
enum Age {
    Kept,
    Mixed,
    Expired,
}

/// Judges a file by the bounds of its rows' times. Without bounds, the day of the partition counts, where an older layout gave it one.
fn age(file: &ActiveFile, oldest: DateTime<Utc>) -> Age {
    match file.time {
        // The log's bounds are rounded outwards by up to a millisecond: so little is kept longer.
        Some((_, greatest)) if greatest < oldest.timestamp_micros() => Age::Expired,
        Some((least, _)) if least < (oldest - SLACK).timestamp_micros() => Age::Mixed,
        Some(_) => Age::Kept,
        // A partition of older rows holds a month.
        None if !file.day.is_empty()
            && file.day
                < (oldest - TimeDelta::days(31))
                    .format("%Y-%m-%d")
                    .to_string() =>
        {
            Age::Expired
        }
        None => Age::Kept,
    }
}

/// How long a row may stay in a file with younger rows: so a file is rewritten at most once an hour.
const SLACK: TimeDelta = TimeDelta::hours(1);
