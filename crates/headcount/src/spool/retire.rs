//! Retiring a segment: it is renamed to its delivery status, then a line is written to the ledger, then it is removed.
//!
//! So a process may be killed at any point, and the disk may be full: a renamed segment is never sent again or appended to,
//! and the next process writes the line that is missing.

use std::path::Path;

use super::delivery::DeliveryStatus;
use super::found::{ENDING, Found, OPEN, list_all, list_ending, spool_folder};
use super::ledger::{Entry, Ledger, sha256};
use super::limits::AGE_LIMIT_MILLIS;
use super::segment::{self, Content};
use crate::platform::clock;

/// Events that were removed without being delivered, to be reported with the next batch.
pub(crate) type Removed = Vec<(DeliveryStatus, u64)>;

/// A ledger line about `found`, of which nothing was sent.
pub(crate) fn ledger_line(
    found: &Found,
    content: &Content<'_>,
    delivery_status: DeliveryStatus,
) -> Entry {
    Entry {
        time_millis: clock::now_millis(),
        segment: found.name.clone(),
        delivery_status,
        http_status: 0,
        events: content.events(),
        dropped: content.dropped(),
        bytes: 0,
        sent_bytes: 0,
        sha256: "-".to_owned(),
        receipt: "-".to_owned(),
    }
}

/// Retires a segment whose lock the caller holds; `false` if it could not be renamed, so that it still waits.
pub(crate) fn retire(ledger: &Ledger, found: &Found, entry: &Entry) -> bool {
    let renamed = found.path.with_extension(entry.delivery_status.as_str());
    if std::fs::rename(&found.path, &renamed).is_err() {
        return false;
    }
    // After an off, events are removed even if the ledger cannot be written.
    if ledger.append(entry).is_ok() || entry.delivery_status == DeliveryStatus::TurnedOff {
        let _best_effort = std::fs::remove_file(&renamed);
    }
    true
}

/// Retired segments that still exist and may have no line in the ledger.
pub(crate) fn retired(folder: &Path) -> Vec<(DeliveryStatus, Found)> {
    let folder = spool_folder(folder);
    let statuses = DeliveryStatus::ALL
        .into_iter()
        .filter(|status| status.is_final());
    statuses
        .flat_map(|status| {
            let found = list_ending(&folder, status.as_str());
            found.into_iter().map(move |found| (status, found))
        })
        .collect()
}

/// Writes missing ledger lines, and removes the segments that have one.
fn finish(ledger: &Ledger, retired: impl IntoIterator<Item = (DeliveryStatus, Found)>) {
    for (status, found) in retired {
        let Some((_held, bytes)) = found.take() else {
            continue;
        };
        // Read under the segment's lock: the process that held it before may have written the line.
        let entries = ledger.entries();
        let content = segment::read(&bytes);
        let mut line = ledger_line(&found, &content, status);
        if status == DeliveryStatus::Delivered {
            let body = content.body();
            line.bytes = body.len() as u64;
            line.sha256 = sha256(&body);
        }
        let is_written = Ledger::final_status(&entries, &found.name).is_some();
        let must_go = status == DeliveryStatus::TurnedOff || is_too_old(&found);
        if is_written || ledger.append(&line).is_ok() || must_go {
            let _best_effort = std::fs::remove_file(&found.path);
        }
    }
}

/// Removes every segment that no process holds.
pub(crate) fn discard_all(folder: &Path, status: DeliveryStatus) -> Removed {
    discard(folder, status, |_| true)
}

/// Removes the segments for a collector that accepts no more; segments for other collectors stay.
pub(crate) fn discard_for(folder: &Path, collector: &str) -> Removed {
    discard(folder, DeliveryStatus::Gone, |found| {
        found.is_for(Some(collector))
    })
}

/// Removes segments that were begun before `off_until`, the end of the last off.
pub(crate) fn discard_before(folder: &Path, off_until: u64) -> Removed {
    discard(folder, DeliveryStatus::TurnedOff, |found| {
        found.created_millis < off_until
    })
}

/// Maintenance that is due whether or not anything is sent: writes missing ledger lines, removes segments that are too old.
pub(crate) fn maintain(folder: &Path) -> Removed {
    finish(&Ledger::new(folder), retired(folder));
    release_abandoned(folder);
    discard(folder, DeliveryStatus::TooOld, is_too_old)
}

/// After this time without a record, in milliseconds, a segment that a process appends to without a lock counts as abandoned.
const ABANDONED_MILLIS: u64 = 10 * 60_000;

/// Lets any process send segments without a lock whose process was killed. One that still runs opens another segment.
fn release_abandoned(folder: &Path) {
    for found in list_ending(&spool_folder(folder), OPEN) {
        let written = std::fs::metadata(&found.path).and_then(|metadata| metadata.modified());
        let age = written.map_or(0, |written| {
            clock::now_nanos().saturating_sub(clock::nanos_of(written)) / 1_000_000
        });
        if age > ABANDONED_MILLIS {
            let _best_effort = std::fs::rename(&found.path, found.path.with_extension(ENDING));
        }
    }
}

fn is_too_old(found: &Found) -> bool {
    // The clock was not set yet when the segment was begun.
    if found.created_millis < clock::YEAR_2020_MILLIS {
        return false;
    }
    clock::now_millis().saturating_sub(found.created_millis) > AGE_LIMIT_MILLIS
}

fn discard(folder: &Path, status: DeliveryStatus, which: impl Fn(&Found) -> bool) -> Removed {
    let ledger = Ledger::new(folder);
    let mut removed = Removed::new();
    for found in list_all(&spool_folder(folder)) {
        if !which(&found) {
            continue;
        }
        let Some((_held, bytes)) = found.take() else {
            continue;
        };
        let line = ledger_line(&found, &segment::read(&bytes), status);
        if retire(&ledger, &found, &line) {
            removed.push((status, line.events));
        }
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::disk::DiskSpool;
    use crate::spool::found::list;
    use crate::spool::limits::Room;
    use crate::spool::segment::Record;

    /// Two processes finish the same segments; the other one writes the second line after this one has listed them both.
    #[test]
    fn a_line_that_another_process_wrote_meanwhile_is_not_repeated() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path();
        let record = Record {
            time_millis: 1,
            events: 1,
            dropped: 0,
            payload: b"",
        };
        for _ in 0..2 {
            DiskSpool::new(spool_folder(folder))
                .append(&record, Room::Ordinary)
                .unwrap();
            for found in list(&spool_folder(folder)) {
                std::fs::rename(&found.path, found.path.with_extension("refused")).unwrap();
            }
        }
        let segments = retired(folder);
        let names: Vec<String> = segments
            .iter()
            .map(|(_, found)| found.name.clone())
            .collect();
        assert_eq!(names.len(), 2);
        let ledger = Ledger::new(folder);
        let with_other_process = segments.into_iter().inspect(|(status, found)| {
            if found.name == names[1] {
                let bytes = found.peek().unwrap();
                let line = ledger_line(found, &segment::read(&bytes), *status);
                ledger.append(&line).unwrap();
            }
        });
        finish(&ledger, with_other_process);
        let entries = ledger.entries();
        let named: Vec<&String> = entries.iter().map(|entry| &entry.segment).collect();
        assert_eq!(named, [&names[0], &names[1]]);
        assert!(retired(folder).is_empty());
    }
}
