//! Merges a day's small files into few large ones: better compressed, and fewer to open.
//!
//! The rows stay the same; a reader sees the old files or the new one. Files are merged in tiers, those of like size with
//! each other, so that a row is rewritten a few times in its life however often its day is flushed.

use std::collections::BTreeMap;

use chrono::Utc;
use headcount_catalog::{TableId, TableKind};

use super::room;
use crate::delta::commit::{Change, Committed, commit};
use crate::delta::log::{ActiveFile, table_folder};
use crate::error::LakeError;
use crate::partition::today;
use crate::rewrite::Rewrite;
use crate::state::LakeState;

/// Files of this size or more are not merged.
const LARGE: u64 = 64 << 20;
/// A file of a past day is rewritten once the smaller ones of its day have this part of its size.
const WORTH: u64 = 16;

/// Merges files of one day and like size, where there are enough of them.
pub(super) fn merge_full_tiers(state: &LakeState, id: TableId) -> Result<(), LakeError> {
    let files = mergeable_files(state, id)?;
    merge_all(state, id, plan(&files, state.options.compact_at_files))
}

/// Merges the files of each past day. `with_all` also takes today's and later ones, and leaves one file a day; without it a
/// large file waits until the small ones beside it are worth rewriting it.
pub(super) fn merge_days(state: &LakeState, id: TableId, with_all: bool) -> Result<(), LakeError> {
    let files = mergeable_files(state, id)?;
    let today = today(Utc::now());
    let groups = match with_all {
        true => plan_whole_days(&files),
        false => plan_past_days(&files, &today),
    };
    merge_all(state, id, groups)
}

/// Merges each group by itself: one that fails does not keep the others from being merged. Returns the first failure.
fn merge_all(
    state: &LakeState,
    id: TableId,
    groups: Vec<Vec<ActiveFile>>,
) -> Result<(), LakeError> {
    let mut merged = Ok(());
    for mut group in groups {
        merged = merged.and(merge_readable(state, id, &mut group));
    }
    merged
}

/// Merges the files of a group that can be read.
fn merge_readable(
    state: &LakeState,
    id: TableId,
    group: &mut Vec<ActiveFile>,
) -> Result<(), LakeError> {
    let table = state.schema.table(id).ok_or(LakeError::Closed)?;
    let folder = table_folder(&state.root, table);
    while group.len() > 1 {
        let Err(error) = merge(state, id, group) else {
            return Ok(());
        };
        if !state.unreadable.note(&error) {
            return Err(error);
        }
        group.retain(|file| !state.unreadable.contains(&folder.join(&file.path)));
    }
    Ok(())
}

/// The files that may be merged: small, readable, and without a deletion vector. Merging one that has one would bring back
/// rows that another program deleted.
fn mergeable_files(state: &LakeState, id: TableId) -> Result<Vec<ActiveFile>, LakeError> {
    let table = state.schema.table(id).ok_or(LakeError::Closed)?;
    let folder = table_folder(&state.root, table);
    let files = state.refresh(id)?;
    let is_mergeable = |file: &&ActiveFile| {
        file.size < LARGE
            && file.deletion_vector.is_none()
            && !state.unreadable.contains(&folder.join(&file.path))
    };
    Ok(files.iter().filter(is_mergeable).cloned().collect())
}

/// The groups of a day's files to merge.
fn plan(files: &[ActiveFile], at_files: usize) -> Vec<Vec<ActiveFile>> {
    let mut tiers: BTreeMap<(&str, u32), Vec<ActiveFile>> = BTreeMap::new();
    for file in files {
        // A tier is a factor of eight in rows; a merged file moves up by about one.
        let tier = (file.rows.unwrap_or_default() / 256 + 1).ilog2() / 3;
        tiers
            .entry((&file.day, tier))
            .or_default()
            .push(file.clone());
    }
    let full = tiers.into_values().filter(|files| files.len() >= at_files);
    full.collect()
}

/// Each day's files, where there are at least two.
fn plan_whole_days(files: &[ActiveFile]) -> Vec<Vec<ActiveFile>> {
    let mut days: BTreeMap<&str, Vec<ActiveFile>> = BTreeMap::new();
    for file in files {
        days.entry(&file.day).or_default().push(file.clone());
    }
    days.into_values().filter(|files| files.len() > 1).collect()
}

/// For each day before `today` the files to merge. A file is rewritten only together with others that have a sixteenth of
/// its size at least: so a few late rows a day do not have the whole day rewritten, and few files are left.
fn plan_past_days(files: &[ActiveFile], today: &str) -> Vec<Vec<ActiveFile>> {
    let mut groups = plan_whole_days(files);
    groups.retain(|group| group.first().is_some_and(|file| file.day.as_str() < today));
    for group in &mut groups {
        group.sort_by_key(|file| file.size);
        let mut smaller: u64 = group.iter().map(|file| file.size).sum();
        while let Some(largest) = group.last() {
            smaller -= largest.size;
            if smaller >= largest.size / WORTH {
                break;
            }
            group.pop();
        }
    }
    groups.retain(|group| group.len() > 1);
    groups
}

/// Replaces `old`, files of one day, by one file (or a few large ones).
fn merge(state: &LakeState, id: TableId, old: &[ActiveFile]) -> Result<(), LakeError> {
    let table = state.schema.table(id).ok_or(LakeError::Closed)?;
    let folder = table_folder(&state.root, table);
    let Some(day) = old.first().map(|file| file.day.clone()) else {
        return Ok(());
    };
    let bytes = old.iter().map(|file| file.size).sum();
    if !room::is_enough(state, &folder, bytes) {
        return Ok(());
    }
    let mut old = old.to_vec();
    old.sort_by_key(|file| file.time);
    let added = Rewrite::new(state, id, &folder, &day)?.run(&old)?;
    let change = Change {
        operation: "OPTIMIZE",
        add: added.as_slice(),
        remove: &old,
        // Summed counts are the same facts in fewer rows, but a reader of changes must not take both.
        data_change: table.kind == TableKind::Counter,
        applied: None,
        account: added.account(),
    };
    let mut log = state.logs[usize::from(id.0)].lock();
    let committed = commit(&*state.disk, &mut log, table, &change);
    added.settle(&committed, &log);
    state.view.publish_files(id, log.files());
    if committed? == Committed::Now {
        state.activity.merges.add(1);
        state.activity.merged_files.add(old.len() as u64);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(day: &str, name: &str, size: u64) -> ActiveFile {
        ActiveFile {
            path: name.to_owned(),
            log_path: name.to_owned(),
            size,
            rows: Some(size / 20),
            day: day.to_owned(),
            time: None,
            counted: None,
            deletion_vector: None,
            checksums: None,
        }
    }

    #[test]
    fn a_few_late_rows_do_not_have_their_day_rewritten() {
        let names = |files: &[ActiveFile]| {
            let groups = plan_past_days(files, "2026-11-30");
            let names = |group: Vec<ActiveFile>| {
                let mut names: Vec<String> = group.into_iter().map(|file| file.path).collect();
                names.sort();
                names.concat()
            };
            groups.into_iter().map(names).collect::<Vec<_>>()
        };
        let large = file("2026-11-28", "a", 16 << 20);
        let late = |name| file("2026-11-28", name, 2000);
        assert!(names(&[large.clone(), late("b")]).is_empty());
        // The small ones are merged with each other.
        assert_eq!(names(&[large.clone(), late("b"), late("c")]), ["bc"]);
        let worth = file("2026-11-28", "d", 2 << 20);
        assert_eq!(names(&[large, late("b"), worth]), ["abd"]);
        let today = [file("2026-11-30", "e", 1), file("2026-11-30", "f", 1)];
        assert!(names(&today).is_empty());
    }
}
