//! The operator's orders to erase crews, on disk and in memory (`docs/formats/wal.md`).
//!
//! ```text
//! accepted: crew-erasures/{number}.order, fsynced ─▶ answered
//! prepared: the runs of its crews are known; each is in the file before the first row goes that names it
//! done:     nothing is left of the rows; the file stays, so that the same can be erased from a backup
//! expired:  removed, when no row that the order erased would be kept any longer
//! ```
//!
//! Each step replaces the file by one with the new state, durably.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::crew_names::{CrewNames, Imprint, Run};
use super::crew_selection::CrewSelection;
use crate::disk::Disk;
use crate::error::{LogError, OrderError};
use crate::wal::quarantine;

const MAGIC: &[u8; 8] = b"HEADCECR";
/// Magic, checksum.
const HEADER: usize = 12;
/// How long an order that was carried out is kept: as long as the catalog keeps a row, so that no backup is older.
const RETENTION: Duration = Duration::from_secs(400 * 86_400);
/// Orders that may wait. Each costs the upkeep of one filter; nobody orders so many by hand.
const MAX_PENDING: usize = 1000;

/// Every order of the operator that is remembered.
pub struct CrewOrders {
    folder: PathBuf,
    disk: Arc<dyn Disk>,
    all: Mutex<Remembered>,
}

struct Remembered {
    /// In the sequence of their numbers.
    orders: Vec<CrewOrder>,
    /// The greatest number of an order that is set aside, which is not given again.
    last_damaged: u64,
}

/// An order to erase crews.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrewOrder {
    /// Its number, from 1.
    pub number: u64,
    /// When it was accepted, seconds since 1970 UTC.
    pub accepted: u64,
    /// How far it is.
    pub state: CrewOrderState,
    /// When it was done, seconds since 1970 UTC; 0 before.
    pub finished: u64,
    /// The rows that were erased so far. A crash may leave out those of the last commit before it.
    pub rows: u64,
    /// Whose rows are to be erased.
    pub names: Arc<CrewNames>,
}

/// How far an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrewOrderState {
    /// It is on disk.
    Accepted,
    /// The runs of its crews that were there when it was first carried out are known.
    Prepared,
    /// Nothing is left of its rows.
    Done,
}

impl CrewOrders {
    /// Reads the orders in `folder`. A damaged one is set aside under the ending `.damaged`, and reported at every start until
    /// somebody removes it.
    ///
    /// # Errors
    ///
    /// A file cannot be read or renamed.
    pub fn load(disk: Arc<dyn Disk>, folder: PathBuf) -> Result<Self, LogError> {
        let mut last_damaged = 0;
        let read = Self::read_all(&*disk, &folder)?;
        for path in read.damaged.iter().map(|(path, _)| path) {
            report_damaged(&quarantine::set_aside(&*disk, path)?);
            last_damaged = last_damaged.max(number_of(path).unwrap_or_default());
        }
        for path in quarantine::files(&*disk, &folder)? {
            report_damaged(&path);
            last_damaged = last_damaged.max(number_of(&path).unwrap_or_default());
        }
        let all = Mutex::new(Remembered {
            orders: read.orders,
            last_damaged,
        });
        Ok(Self { folder, disk, all })
    }

    /// Reads the orders in `folder`, in the sequence of their numbers, and changes nothing: also beside a running collector, and of a
    /// backup. A folder that does not exist has none.
    ///
    /// # Errors
    ///
    /// The folder cannot be listed, or a file cannot be read.
    pub fn read_all(disk: &dyn Disk, folder: &Path) -> Result<ReadOrders, LogError> {
        let mut read = ReadOrders::default();
        let entries = match disk.list(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(read),
            listed => listed.map_err(LogError::io("list", folder))?,
        };
        for path in entries.into_iter().map(|entry| entry.path) {
            let is_order = path.extension().is_some_and(|ending| ending == "order");
            let Some(number) = number_of(&path).filter(|_| is_order) else {
                continue;
            };
            let bytes = match disk.read(&path) {
                // The writer forgets an order when it is old.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                bytes => bytes.map_err(LogError::io("read", &path))?,
            };
            match decoded(number, &bytes) {
                Some(order) => read.orders.push(order),
                None => read.damaged.push((path, "the checksum differs".to_owned())),
            }
        }
        read.orders.sort_by_key(|order| order.number);
        Ok(read)
    }

    /// Whether these are the bytes of an order's file, as they were written.
    pub fn is_whole(bytes: &[u8]) -> bool {
        decoded(0, bytes).is_some()
    }

    /// Accepts an order; returns its number. When this returns, the order is on the disk.
    ///
    /// # Errors
    ///
    /// The order could not be written, or too many are pending. It is not carried out later, unless the disk does not allow it to be taken
    /// back either.
    pub fn accept(&self, selection: &CrewSelection) -> Result<u64, OrderError> {
        let names = CrewNames::new(selection).map_err(|error| OrderError::from(&error))?;
        let mut all = self.all.lock();
        if all.orders.iter().filter(|order| !order.is_done()).count() >= MAX_PENDING {
            return Err(OrderError::TooMany);
        }
        let last = all.orders.last().map_or(0, |last| last.number);
        let order = CrewOrder {
            number: last.max(all.last_damaged) + 1,
            accepted: now(),
            state: CrewOrderState::Accepted,
            finished: 0,
            rows: 0,
            names: Arc::new(names),
        };
        if let Err(error) = self.write(&order) {
            self.take_back(order.number);
            return Err(OrderError::from(&error));
        }
        let number = order.number;
        all.orders.push(order);
        Ok(number)
    }

    /// Removes the file of an order that was refused: it may have its name although making that durable failed. A restart would carry the
    /// order out, and erase rows that came after it, which no order is for.
    fn take_back(&self, number: u64) {
        let path = self.path(number);
        let removed = match self.disk.remove(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed,
        };
        if let Err(error) = removed.and_then(|()| self.disk.sync_folder(&self.folder)) {
            tracing::warn!(
                path = %path.display(),
                error = &error as &dyn std::error::Error,
                "an order to erase crews was refused, and its file could not be removed: the next start may carry it out, also for rows that \
                 come until then; remove the file, if it exists, before that, or give the order again"
            );
        }
    }

    /// Every order that is remembered, pending or done: also the one list of what to erase from a copy of the data.
    pub fn all(&self) -> Vec<CrewOrder> {
        self.all.lock().orders.clone()
    }

    /// The orders that were not carried out yet.
    pub fn pending(&self) -> Vec<CrewOrder> {
        let mut orders = self.all();
        orders.retain(|order| !order.is_done());
        orders
    }

    /// For how long the oldest order that is not done has been waiting; `None` without one.
    pub fn oldest_pending(&self) -> Option<Duration> {
        let oldest = self.pending().iter().map(|order| order.accepted).min()?;
        Some(Duration::from_secs(now().saturating_sub(oldest)))
    }

    /// Writes down further runs of an order's crews.
    ///
    /// # Errors
    ///
    /// The file cannot be written; the order stays as it was.
    pub fn prepared(&self, number: u64, runs: &[Run]) -> Result<(), LogError> {
        self.change(number, |order| {
            order.state = CrewOrderState::Prepared;
            let names = Arc::make_mut(&mut order.names);
            runs.iter().for_each(|run| names.note(*run));
        })
    }

    /// Writes down that so many further rows were erased for an order.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn erased(&self, number: u64, rows: u64) -> Result<(), LogError> {
        match rows {
            0 => Ok(()),
            _ => self.change(number, |order| order.rows += rows),
        }
    }

    /// Marks an order as carried out: nothing is left of the rows that it names.
    ///
    /// # Errors
    ///
    /// The file cannot be written; the order stays pending.
    pub fn finish(&self, number: u64) -> Result<(), LogError> {
        self.change(number, |order| {
            order.state = CrewOrderState::Done;
            order.finished = now();
        })
    }

    /// Removes orders that were carried out so long ago that no copy holds their rows.
    ///
    /// # Errors
    ///
    /// A file cannot be removed.
    pub fn expire(&self) -> Result<(), LogError> {
        self.expire_at(now())
    }

    fn expire_at(&self, now: u64) -> Result<(), LogError> {
        let is_old = |order: &CrewOrder| {
            order.is_done() && now.saturating_sub(order.finished) > RETENTION.as_secs()
        };
        let mut all = self.all.lock();
        for order in all.orders.iter().filter(|order| is_old(order)) {
            let path = self.path(order.number);
            match self.disk.remove(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(LogError::io("remove", &path)(error));
                }
                _ => {}
            }
        }
        all.orders.retain(|order| !is_old(order));
        Ok(())
    }

    fn change(&self, number: u64, change: impl FnOnce(&mut CrewOrder)) -> Result<(), LogError> {
        let mut all = self.all.lock();
        let found = all.orders.iter_mut().find(|order| order.number == number);
        let Some(order) = found else {
            return Ok(());
        };
        let mut changed = order.clone();
        change(&mut changed);
        self.write(&changed)
            .map_err(LogError::io("write", self.path(number)))?;
        *order = changed;
        Ok(())
    }

    fn write(&self, order: &CrewOrder) -> std::io::Result<()> {
        self.disk.replace(&self.path(order.number), &encoded(order))
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:020}.order"))
    }
}

impl CrewOrder {
    /// Reads the content of the file of order `number`, from a data folder or from a copy of one; `None` where that is not as it was
    /// written.
    pub fn of_file(number: u64, bytes: &[u8]) -> Option<Self> {
        decoded(number, bytes)
    }

    /// The content of its file.
    pub fn to_file(&self) -> Vec<u8> {
        encoded(self)
    }

    /// Whether nothing is left of its rows.
    pub fn is_done(&self) -> bool {
        self.state == CrewOrderState::Done
    }

    /// The random key of its hashes. It stays the same in every state, and no other order has it, also where numbers are given again.
    pub fn identity(&self) -> [u8; 16] {
        self.names.hash_key
    }

    /// The order as one that is still to be carried out, in a store that has its rows again. The runs that it knows are kept: they find
    /// rows that name no key.
    pub fn reopened(&self) -> Self {
        Self {
            state: CrewOrderState::Accepted,
            finished: 0,
            rows: 0,
            ..self.clone()
        }
    }
}

/// The orders of a folder, and its damaged files with the reasons.
#[derive(Debug, Default)]
pub struct ReadOrders {
    /// In the sequence of their numbers.
    pub orders: Vec<CrewOrder>,
    /// Files whose checksum differs.
    pub damaged: Vec<(PathBuf, String)>,
}

fn number_of(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.parse().ok()
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

fn report_damaged(path: &Path) {
    tracing::error!(
        path = %path.display(),
        "an order to erase crews is damaged, and was set aside: what it names may not be erased until it is restored from a backup (under \
         the ending `.order`) or ordered again; remove the file to end this report"
    );
}

fn encoded(order: &CrewOrder) -> Vec<u8> {
    let names = &order.names;
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&[0; 4]);
    bytes.push(match order.state {
        CrewOrderState::Accepted => 0,
        CrewOrderState::Prepared => 1,
        CrewOrderState::Done => 2,
    });
    for number in [order.accepted, order.finished, order.rows] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend_from_slice(&names.hash_key);
    for list in [&names.crew_keys, &names.crew_ids, &names.projects] {
        bytes.extend_from_slice(&(list.len() as u32).to_le_bytes());
        for imprint in list {
            bytes.extend_from_slice(&imprint.to_le_bytes());
        }
    }
    for (id, key) in names.runs() {
        bytes.extend_from_slice(&id.to_le_bytes());
        bytes.extend_from_slice(&key.to_le_bytes());
    }
    let checksum = crc32fast::hash(&bytes[HEADER..]);
    bytes[8..HEADER].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// `None` where the bytes are not as they were written.
fn decoded(number: u64, bytes: &[u8]) -> Option<CrewOrder> {
    let mut rest = bytes.get(HEADER..)?;
    let is_whole =
        bytes.starts_with(MAGIC) && crc32fast::hash(rest).to_le_bytes() == bytes[8..HEADER];
    if !is_whole {
        return None;
    }
    let state = match take::<1>(&mut rest)? {
        [0] => CrewOrderState::Accepted,
        [1] => CrewOrderState::Prepared,
        [2] => CrewOrderState::Done,
        _ => return None,
    };
    let [accepted, finished, rows] = [
        u64::from_le_bytes(take(&mut rest)?),
        u64::from_le_bytes(take(&mut rest)?),
        u64::from_le_bytes(take(&mut rest)?),
    ];
    let mut names = CrewNames::empty(take(&mut rest)?);
    for list in [
        &mut names.crew_keys,
        &mut names.crew_ids,
        &mut names.projects,
    ] {
        for _ in 0..u32::from_le_bytes(take(&mut rest)?) {
            list.insert(Imprint::from_le_bytes(take(&mut rest)?));
        }
    }
    while !rest.is_empty() {
        let id = Imprint::from_le_bytes(take(&mut rest)?);
        names.add_run(id, Imprint::from_le_bytes(take(&mut rest)?));
    }
    Some(CrewOrder {
        number,
        accepted,
        state,
        finished,
        rows,
        names: Arc::new(names),
    })
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

#[cfg(test)]
#[path = "crew_orders_tests.rs"]
mod tests;
