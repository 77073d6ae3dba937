//! Segments that are dealt with: a new name first, which says what became of it, then a line in the ledger, then it goes.
//!
//! So a process may be killed at any point, and the disk be full: what has its new name is never sent again and nobody
//! goes on with it; whoever comes next writes the line that is missing.

use std::path::Path;

use super::{GivenUp, spool_folder};
use crate::clock;
use crate::ledger::{Entry, Fate, Ledger, sha256};
use crate::spool::{self, AGE_LIMIT_MILLIS, Content, Found};

/// A line about `found`, of which nothing left.
pub(super) fn entry(found: &Found, content: &Content<'_>, fate: Fate) -> Entry {
    Entry {
        time_millis: clock::now_millis(),
        segment: found.name.clone(),
        fate,
        status: 0,
        events: content.events(),
        dropped: content.dropped(),
        bytes: 0,
        sent_bytes: 0,
        sha256: "-".to_owned(),
        receipt: "-".to_owned(),
    }
}

/// Deals with a segment, whose lock the caller holds, for good; `false` if it could not be given its new name, so that it
/// still waits.
pub(super) fn settle(ledger: &Ledger, found: &Found, entry: &Entry) -> bool {
    let settled = found.path.with_extension(entry.fate.as_str());
    if std::fs::rename(&found.path, &settled).is_err() {
        return false;
    }
    // Content does not stay because a line about it cannot be written.
    if ledger.append(entry).is_ok() || entry.fate == Fate::TurnedOff {
        let _best_effort = std::fs::remove_file(&settled);
    }
    true
}

/// Segments of `folder` that have their new name and may lack their line.
pub(crate) fn settled(folder: &Path) -> Vec<(Fate, Found)> {
    let folder = spool_folder(folder);
    let fates = Fate::ALL.into_iter().filter(|fate| fate.is_final());
    fates
        .flat_map(|fate| {
            let found = spool::list_ending(&folder, fate.as_str());
            found.into_iter().map(move |found| (fate, found))
        })
        .collect()
}

/// Writes the lines that are missing, and removes what has one.
pub(super) fn finish(folder: &Path) {
    let settled = settled(folder);
    if settled.is_empty() {
        return;
    }
    let ledger = Ledger::new(folder);
    for (fate, found) in settled {
        let Some((_held, bytes)) = found.take() else {
            continue;
        };
        // Read under the segment's lock: whoever had it before may have written the line.
        let entries = ledger.entries();
        let content = spool::read(&bytes);
        let mut line = entry(&found, &content, fate);
        if fate == Fate::Delivered {
            let body = content.body();
            line.bytes = body.len() as u64;
            line.sha256 = sha256(&body);
        }
        let is_written = Ledger::final_fate(&entries, &found.name).is_some();
        let is_to_go = fate == Fate::TurnedOff || is_too_old(&found);
        if is_written || ledger.append(&line).is_ok() || is_to_go {
            let _best_effort = std::fs::remove_file(&found.path);
        }
    }
}

/// Gives up every segment that nobody holds; says how many events that were.
pub(crate) fn empty(folder: &Path, fate: Fate) -> GivenUp {
    give_up(folder, fate, |_| true)
}

/// Gives up what is for a collector that wants no more; what is for another one waits for that.
pub(crate) fn give_up_for(folder: &Path, collector: &str) -> GivenUp {
    give_up(folder, Fate::Gone, |found| found.is_for(Some(collector)))
}

/// Gives up what was recorded before an off that ended at `off_until`, and was meanwhile taken back. A segment that was
/// begun before it is given up whole.
pub(crate) fn give_up_before(folder: &Path, off_until: u64) -> GivenUp {
    give_up(folder, Fate::TurnedOff, |found| {
        found.created_millis < off_until
    })
}

/// Does what is due whether or not anything is sent: lines that are missing, and segments that waited for too long.
pub(crate) fn tend(folder: &Path) -> GivenUp {
    finish(folder);
    give_up(folder, Fate::TooOld, is_too_old)
}

fn is_too_old(found: &Found) -> bool {
    // A machine that did not know the time yet when it began the segment.
    if found.created_millis < clock::YEAR_2020_MILLIS {
        return false;
    }
    clock::now_millis().saturating_sub(found.created_millis) > AGE_LIMIT_MILLIS
}

fn give_up(folder: &Path, fate: Fate, which: impl Fn(&Found) -> bool) -> GivenUp {
    let ledger = Ledger::new(folder);
    let mut given_up = GivenUp::new();
    for found in spool::list(&spool_folder(folder)) {
        if !which(&found) {
            continue;
        }
        let Some((_held, bytes)) = found.take() else {
            continue;
        };
        let line = entry(&found, &spool::read(&bytes), fate);
        if settle(&ledger, &found, &line) {
            given_up.push((fate, line.events));
        }
    }
    given_up
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::folders;
    use crate::spool::{DiskSpool, Held, Record, Room};

    /// A process was killed between the line and the removal, while another one was at the segments before that.
    #[test]
    fn a_line_that_somebody_wrote_meanwhile_is_not_written_again() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().to_owned();
        let record = Record {
            time_millis: 1,
            events: 1,
            dropped: 0,
            payload: b"",
        };
        for _ in 0..2 {
            DiskSpool::new(spool_folder(&folder))
                .append(&record, Room::Ordinary)
                .unwrap();
            for found in spool::list(&spool_folder(&folder)) {
                std::fs::rename(&found.path, found.path.with_extension("refused")).unwrap();
            }
        }
        let settled = settled(&folder);
        let [(_, first), (fate, second)] = &settled[..] else {
            panic!("{settled:?}");
        };
        let lock = folders::private_file()
            .write(true)
            .create(true)
            .truncate(false)
            .open(folder.join("ledger.lock"))
            .unwrap();
        let lock = Held::lock(lock).unwrap();
        let finishing = std::thread::spawn({
            let folder = folder.clone();
            move || finish(&folder)
        });
        // It is at the first one by now, and waits to write its line.
        std::thread::sleep(Duration::from_millis(150));
        let bytes = second.peek().unwrap();
        let theirs = home.path().join("theirs");
        let line = entry(second, &spool::read(&bytes), *fate);
        Ledger::new(&theirs).append(&line).unwrap();
        let theirs = theirs.join("ledger.tsv");
        let _length = std::fs::copy(theirs, folder.join("ledger.tsv")).unwrap();
        drop(lock);
        finishing.join().unwrap();
        let entries = Ledger::new(&folder).entries();
        let mut named: Vec<&str> = entries.iter().map(|entry| &*entry.segment).collect();
        named.sort_unstable();
        assert_eq!(named, [&first.name, &second.name]);
        assert!(super::settled(&folder).is_empty());
    }
}
