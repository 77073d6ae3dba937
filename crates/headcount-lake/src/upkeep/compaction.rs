//! Merges a table's small files into few large ones: better compressed, and fewer to open.
//!
//! The rows stay the same; a reader sees the old files or the new one. Files are merged in tiers, those of like size with
//! each other, so that a row is rewritten a few times in its life however often its table is flushed; and in [eras](crate::era), so
//! that the rows of one time lie together once there are many.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use headcount_catalog::{TableId, TableKind};

use super::room;
use crate::day::{DAY, day_of};
use crate::delta::commit::{Change, Committed, commit};
use crate::delta::log::{ActiveFile, table_folder};
use crate::era::{Era, Eras, WHOLE};
use crate::error::LakeError;
use crate::rewrite::{Cut, Rewrite};
use crate::state::LakeState;

/// Files of this size or more are not merged.
const LARGE: u64 = 64 << 20;
/// A file is rewritten once the smaller ones of its era have this part of its size.
const WORTH: u64 = 16;
/// Files that one merge takes, at most: a folder of an older layout has tens of thousands.
const MOST: usize = 1000;

/// Files to be merged with each other.
#[derive(Debug, PartialEq)]
struct Group {
    files: Vec<ActiveFile>,
    /// Whether their rows are cut apart by eras.
    is_cut: bool,
}

/// Merges files of one era and like size, where there are enough of them.
pub(super) fn merge_full_tiers(state: &LakeState, id: TableId) -> Result<(), LakeError> {
    let files = mergeable_files(state, id)?;
    let plan = Plan::new(&files, Utc::now());
    merge_all(state, id, plan.full_tiers(state.options.compact_at_files))
}

/// Merges the files of each era. `with_all` leaves one file an era; without it a large file waits until the small ones beside it are worth
/// rewriting it, and in a table of several eras today's files wait until tomorrow.
pub(super) fn merge_eras(state: &LakeState, id: TableId, with_all: bool) -> Result<(), LakeError> {
    let files = mergeable_files(state, id)?;
    let plan = Plan::new(&files, Utc::now());
    let groups = match with_all {
        true => plan.whole_eras(),
        false => plan.worthwhile(),
    };
    merge_all(state, id, groups)
}

/// Merges each group by itself: one that fails does not keep the others from being merged. Returns the first failure.
fn merge_all(state: &LakeState, id: TableId, groups: Vec<Group>) -> Result<(), LakeError> {
    let mut merged = Ok(());
    for mut group in groups {
        merged = merged.and(merge_readable(state, id, &mut group));
    }
    merged
}

/// Merges the files of a group that can be read.
fn merge_readable(state: &LakeState, id: TableId, group: &mut Group) -> Result<(), LakeError> {
    let table = state.schema.table(id).ok_or(LakeError::Closed)?;
    let folder = table_folder(&state.root, table);
    while group.is_worth_merging() {
        let Err(error) = merge(state, id, group) else {
            return Ok(());
        };
        if !state.unreadable.note(&error) {
            return Err(error);
        }
        group
            .files
            .retain(|file| !state.unreadable.contains(&folder.join(&file.path)));
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

impl Group {
    /// A single file is rewritten only to be cut apart.
    fn is_worth_merging(&self) -> bool {
        match self.is_cut {
            true => !self.files.is_empty(),
            false => self.files.len() > 1,
        }
    }
}

/// The files of a table that may be merged, by their eras.
struct Plan {
    /// `None` are files whose rows are of several eras.
    eras: BTreeMap<Option<Era>, Vec<ActiveFile>>,
    /// Whether the table is so small that it is one era.
    is_whole: bool,
    /// The beginning of today, microseconds since 1970 UTC.
    today: i64,
}

impl Plan {
    fn new(files: &[ActiveFile], now: DateTime<Utc>) -> Self {
        let bytes: u64 = files.iter().map(|file| file.size).sum();
        let is_whole = bytes < WHOLE;
        let of = Eras::at(now);
        let mut eras: BTreeMap<Option<Era>, Vec<ActiveFile>> = BTreeMap::new();
        for file in files {
            let era = match is_whole {
                true => Some(Era::Past),
                false => of.of_file(file),
            };
            eras.entry(era).or_default().push(file.clone());
        }
        Self {
            eras,
            is_whole,
            today: day_of(now.timestamp_micros()) * DAY,
        }
    }

    /// The files of each era and tier, where there are `at_files`.
    fn full_tiers(self, at_files: usize) -> Vec<Group> {
        let mut tiers: BTreeMap<(Option<Era>, u32), Vec<ActiveFile>> = BTreeMap::new();
        for (era, files) in self.eras {
            for file in files {
                // A tier is a factor of eight in rows; a merged file moves up by about one.
                let tier = (file.rows.unwrap_or_default() / 256 + 1).ilog2() / 3;
                tiers.entry((era, tier)).or_default().push(file);
            }
        }
        let full = tiers.into_values().filter(|files| files.len() >= at_files);
        full.flat_map(|files| groups(files, false)).collect()
    }

    /// Each era's files. Those of several eras are cut apart.
    fn whole_eras(self) -> Vec<Group> {
        let eras = self.eras.into_iter();
        eras.flat_map(|(era, files)| groups(files, era.is_none()))
            .collect()
    }

    /// For each era the files to merge. A file is rewritten only together with others that have a sixteenth of its size at least: so a few late
    /// rows do not have a whole era rewritten, and few files are left.
    fn worthwhile(mut self) -> Vec<Group> {
        let today = self.today;
        for (era, files) in &mut self.eras {
            if !self.is_whole {
                // More will come beside them.
                files.retain(|file| {
                    file.time.is_none_or(|(_, greatest)| greatest < today) || era.is_none()
                });
            }
            if era.is_some() {
                keep_worthwhile(files);
            }
        }
        self.whole_eras()
    }
}

fn keep_worthwhile(files: &mut Vec<ActiveFile>) {
    files.sort_by_key(|file| file.size);
    let mut smaller: u64 = files.iter().map(|file| file.size).sum();
    while let Some(largest) = files.last() {
        smaller -= largest.size;
        if smaller >= largest.size / WORTH {
            break;
        }
        files.pop();
    }
}

/// Groups of [`MOST`] files at most, each of a stretch of time.
fn groups(mut files: Vec<ActiveFile>, is_cut: bool) -> Vec<Group> {
    files.sort_by_key(|file| file.time);
    let groups = files.chunks(MOST).map(|files| Group {
        files: files.to_vec(),
        is_cut,
    });
    groups.filter(Group::is_worth_merging).collect()
}

/// Replaces the files of a group by one file, or a few: one for each era, and several where it would be too large.
fn merge(state: &LakeState, id: TableId, group: &Group) -> Result<(), LakeError> {
    let table = state.schema.table(id).ok_or(LakeError::Closed)?;
    let folder = table_folder(&state.root, table);
    let old = &group.files;
    let bytes = old.iter().map(|file| file.size).sum();
    if !room::is_enough(state, &folder, bytes) {
        return Ok(());
    }
    let mut rewrite = Rewrite::new(state, id, &folder)?;
    if group.is_cut {
        rewrite.cut = Cut::Eras(Eras::at(Utc::now()));
    }
    let added = rewrite.run(old)?;
    let change = Change {
        operation: "OPTIMIZE",
        add: added.as_slice(),
        remove: old,
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
    use chrono::TimeDelta;

    use super::*;
    use crate::tests::support::active_file;

    fn now() -> DateTime<Utc> {
        "2026-11-30T12:00:00Z".parse().unwrap()
    }

    /// A file whose rows are of the time from `first` to `last` days ago.
    fn file(first: i64, last: i64, name: &str, size: u64) -> ActiveFile {
        let time = |age| (now() - TimeDelta::days(age)).timestamp_micros();
        ActiveFile {
            time: Some((time(first), time(last))),
            ..active_file(name, size)
        }
    }

    /// The names of each group's files, and whether they are cut.
    fn named(groups: Vec<Group>) -> Vec<(String, bool)> {
        let named = |group: Group| {
            let mut names: Vec<String> = group.files.into_iter().map(|file| file.path).collect();
            names.sort();
            (names.concat(), group.is_cut)
        };
        groups.into_iter().map(named).collect()
    }

    fn worthwhile(files: &[ActiveFile]) -> Vec<(String, bool)> {
        named(Plan::new(files, now()).worthwhile())
    }

    #[test]
    fn a_few_late_rows_do_not_have_their_era_rewritten() {
        let large = file(2, 2, "a", 16 << 20);
        let late = |name| file(2, 2, name, 2000);
        assert!(worthwhile(&[large.clone(), late("b")]).is_empty());
        // The small ones are merged with each other.
        let small = worthwhile(&[large.clone(), late("b"), late("c")]);
        assert_eq!(small, [("bc".to_owned(), false)]);
        let worth = file(2, 2, "d", 2 << 20);
        let all = worthwhile(&[large, late("b"), worth]);
        assert_eq!(all, [("abd".to_owned(), false)]);
    }

    #[test]
    fn a_small_table_is_merged_whole_and_a_large_one_by_eras_without_today() {
        let small: Vec<ActiveFile> = (0..400)
            .map(|age| file(age, age, &format!("{age:03}"), 2000))
            .collect();
        let merged = worthwhile(&small);
        assert_eq!(merged.len(), 1);
        assert_eq!((merged[0].0.len(), merged[0].1), (400 * 3, false));
        let mib = 1 << 20;
        let large = [
            file(0, 0, "a", 6 * mib),
            file(0, 0, "b", 6 * mib),
            file(3, 2, "c", mib),
            file(6, 5, "d", mib),
            file(33, 33, "e", mib),
            file(39, 31, "f", mib),
            file(399, 3, "g", mib),
            file(800, 500, "h", mib),
            file(700, 700, "i", mib),
        ];
        let merged = worthwhile(&large);
        let expected = [("g", true), ("hi", false), ("ef", false), ("cd", false)];
        let expected = expected.map(|(names, is_cut)| (names.to_owned(), is_cut));
        assert_eq!(merged, expected);
    }

    #[test]
    fn a_plan_ends_once_it_was_carried_out() {
        let mib = 1 << 20;
        // As a cut leaves them: each file of one era, one file an era.
        let eras: Vec<ActiveFile> = (1..14)
            .map(|month| file(month * 30 + 5, month * 30 + 1, "a", 4 * mib))
            .collect();
        let mut by_era = Plan::new(&eras, now()).eras;
        by_era.retain(|era, _| era.is_some());
        let once: Vec<ActiveFile> = by_era.into_values().map(|mut of| of.remove(0)).collect();
        assert!(worthwhile(&once).is_empty());
        assert!(named(Plan::new(&once, now()).whole_eras()).is_empty());
        let merged = file(400, 0, "a", 7 * mib);
        assert!(worthwhile(std::slice::from_ref(&merged)).is_empty());
    }

    #[test]
    fn one_merge_takes_a_thousand_files() {
        let files: Vec<ActiveFile> = (0..2001)
            .map(|number| file(1, 1, &format!("{number}"), 100))
            .collect();
        let groups = Plan::new(&files, now()).full_tiers(8);
        let sizes: Vec<usize> = groups.iter().map(|group| group.files.len()).collect();
        assert_eq!(sizes, [1000, 1000]);
    }
}
