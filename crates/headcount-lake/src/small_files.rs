//! The small files of a data folder, outside its tables and its log: which of them are damaged.
//!
//! Check, repair and capture ask here, so that none of them passes over what another one names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use headcount_log::dedup::DedupFiles;
use headcount_log::disk::Disk;
use headcount_log::erasure::{CrewOrders, Orders};
use serde::de::DeserializeOwned;

use crate::account::ledger::{self, Ledger};
use crate::erasure::CREW_ORDERS;
use crate::error::LakeError;
use crate::lost_rows::{self, LostRows};
use crate::sealed_line::{self, Found};
use crate::watermark::{self, Watermark};

/// A damaged small file that is not set aside yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DamagedSmallFile {
    pub(crate) path: PathBuf,
    pub(crate) kind: SmallFileKind,
    /// The damage, and what it means, in one sentence.
    pub(crate) problem: String,
}

/// What such a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SmallFileKind {
    /// It remembers spans, so that none is stored twice.
    Fingerprints,
    /// A sender's order to erase.
    Order,
    /// An operator's order to erase crews.
    CrewOrder,
    Watermark,
    LostRows,
    Ledger,
}

/// The damaged small files of the data folder `root`. Changes nothing; also beside a running collector.
///
/// # Errors
///
/// A folder cannot be listed, or the operating system refuses to read a file.
pub(crate) fn damaged(
    disk: &Arc<dyn Disk>,
    root: &Path,
) -> Result<Vec<DamagedSmallFile>, LakeError> {
    let mut all = Vec::new();
    let mut note = |kind, path, problem| {
        all.push(DamagedSmallFile {
            path,
            kind,
            problem,
        });
    };
    let [seen, orders, crews] = ["seen", "erasures", CREW_ORDERS].map(|name| root.join(name));
    if disk.exists(&seen) {
        for (path, problem) in DedupFiles::damaged(Arc::clone(disk), seen)? {
            note(SmallFileKind::Fingerprints, path, problem);
        }
    }
    if disk.exists(&orders) {
        for (path, problem) in Orders::damaged(&**disk, &orders)? {
            note(SmallFileKind::Order, path, problem);
        }
    }
    for (path, reason) in CrewOrders::read_all(&**disk, &crews)?.damaged {
        let problem = format!("{reason}: what this order to erase crews names may not be erased");
        note(SmallFileKind::CrewOrder, path, problem);
    }
    let path = watermark::path(root);
    if damage::<Watermark>(&**disk, &path)?.is_some() {
        let problem = "the watermark is damaged: until the next flush it is not noticed if a table has lost commits";
        note(SmallFileKind::Watermark, path, problem.to_owned());
    }
    let path = lost_rows::path(root);
    if damage::<LostRows>(&**disk, &path)?.is_some() {
        let problem = "the list of rows that a repair gave up is damaged: answers no longer say that they are missing";
        note(SmallFileKind::LostRows, path, problem.to_owned());
    }
    for (table, path) in ledger::files(&**disk, root)? {
        if let Some(reason) = damage::<Ledger>(&**disk, &path)? {
            let problem = format!(
                "the ledger of the table {table} is damaged: {reason}; its account begins anew with the next start of a collector"
            );
            note(SmallFileKind::Ledger, path, problem);
        }
    }
    Ok(all)
}

/// Whether the file `path` is a whole one of that kind, whatever its name.
pub(crate) fn is_whole(disk: &Arc<dyn Disk>, kind: SmallFileKind, path: &Path) -> bool {
    let Ok(bytes) = disk.read(path) else {
        return false;
    };
    match kind {
        SmallFileKind::Fingerprints => DedupFiles::is_whole(&bytes),
        SmallFileKind::Order => Orders::is_whole(&bytes),
        SmallFileKind::CrewOrder => CrewOrders::is_whole(&bytes),
        SmallFileKind::Watermark => sealed_line::parse::<Watermark>(&bytes).is_some(),
        SmallFileKind::LostRows => sealed_line::parse::<LostRows>(&bytes).is_some(),
        SmallFileKind::Ledger => sealed_line::parse::<Ledger>(&bytes).is_some(),
    }
}

fn damage<T: DeserializeOwned>(disk: &dyn Disk, path: &Path) -> Result<Option<String>, LakeError> {
    Ok(match sealed_line::read::<T>(disk, path)? {
        Found::Damaged(reason) => Some(reason),
        Found::Whole(_) | Found::None => None,
    })
}
