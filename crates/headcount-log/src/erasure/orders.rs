//! Orders to erase, on disk and in memory (`docs/formats/wal.md`).
//!
//! ```text
//! accepted: nothing more is stored under its receipts ─▶ erasures/{number}.order, fsynced ─▶ answered
//! done:     linked to {number}.done, durably, and then removed under its first name
//! expired:  removed, after 30 days
//! ```
//!
//! Only receipts that came with rows are kept: whoever makes up tokens takes no room from others. An order without such a
//! receipt costs the same operations of the disk, into a file that the next one replaces, so that its answer tells nothing.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hashbrown::HashSet;
use headcount_catalog::{KeyedReceipt, Schema};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::erased::ErasedReceipts;
use super::order_file::{self, Order, report_damaged};
use super::seen::SeenReceipts;
use crate::disk::Disk;
use crate::error::{LogError, OrderError};
use crate::wal::quarantine;

/// How long nothing is stored under an erased receipt: as long as a client keeps records that it could send again.
const RETENTION: Duration = Duration::from_secs(30 * 86_400);
/// Receipts of all orders, pending or done: about 40 bytes of memory each, so 20 MB at most.
const MAX_RECEIPTS: usize = 500_000;
/// The file of the last order that named no receipt that came with rows.
const VOID: &str = "last.void";

/// Every order that is remembered.
pub struct Orders {
    folder: PathBuf,
    disk: Arc<dyn Disk>,
    erased: ErasedReceipts,
    seen: SeenReceipts,
    all: Mutex<Remembered>,
    /// Notified when an order was accepted.
    pub accepted: Notify,
}

/// The orders in the sequence of their numbers.
#[derive(Debug)]
struct Remembered {
    orders: Vec<Order>,
    /// Receipts of those that are not done.
    pending: usize,
    /// The greatest number of an order that is set aside, which is not given again.
    last_damaged: u64,
}

impl Remembered {
    fn next_number(&self) -> u64 {
        let last = self.orders.last().map_or(0, |last| last.number);
        last.max(self.last_damaged) + 1
    }
}

/// The orders that wait to be carried out.
#[derive(Debug, Default)]
pub struct Pending {
    /// The orders' numbers.
    pub numbers: Vec<u64>,
    /// The receipts that they name.
    pub receipts: Vec<KeyedReceipt>,
}

impl Orders {
    /// Reads the orders in `folder`.
    ///
    /// A damaged one is set aside under the ending `.damaged`, and reported at every start until somebody removes it: what it names
    /// is not erased, which is no reason to store nothing and to carry out no other order.
    ///
    /// # Errors
    ///
    /// A file cannot be read or renamed.
    pub fn load(disk: Arc<dyn Disk>, folder: PathBuf, schema: &Schema) -> Result<Self, LogError> {
        let mut all = Vec::new();
        let mut last_damaged = 0;
        for entry in disk.list(&folder).map_err(LogError::io("list", &folder))? {
            let path = entry.path;
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let Some(number) = stem.and_then(|digits| digits.parse().ok()) else {
                continue;
            };
            let is_done = match path.extension().and_then(|ending| ending.to_str()) {
                Some("order") => false,
                Some("done") => true,
                Some("damaged") => {
                    report_damaged(&path);
                    last_damaged = last_damaged.max(number);
                    continue;
                }
                _ => continue,
            };
            match order_file::read(&*disk, &path, number, is_done) {
                Ok(order) => all.push(order),
                Err(LogError::Damaged { .. }) => {
                    report_damaged(&quarantine::set_aside(&*disk, &path)?);
                    last_damaged = last_damaged.max(number);
                }
                Err(error) => return Err(error),
            }
        }
        // A crash may leave both names; the second one counts.
        all.sort_by_key(|order: &Order| (order.number, order.is_done));
        all.reverse();
        all.dedup_by_key(|order| order.number);
        all.reverse();
        let pending = all.iter().filter(|order| !order.is_done);
        let pending = pending.map(|order| order.receipts.len()).sum();
        let orders = Self {
            folder,
            disk,
            erased: ErasedReceipts::default(),
            seen: SeenReceipts::new(schema),
            all: Mutex::new(Remembered {
                orders: all,
                pending,
                last_damaged,
            }),
            accepted: Notify::new(),
        };
        orders.remember(&orders.all.lock().orders);
        Ok(orders)
    }

    /// The damaged orders in `folder` that are not set aside yet, with the reasons. Changes nothing.
    ///
    /// # Errors
    ///
    /// The folder cannot be listed, or a file cannot be read.
    pub fn damaged(disk: &dyn Disk, folder: &Path) -> Result<Vec<(PathBuf, String)>, LogError> {
        let mut damaged = Vec::new();
        for entry in disk.list(folder).map_err(LogError::io("list", folder))? {
            let ends_in = |ending: &str| entry.name.ends_with(ending);
            if !(ends_in(".order") || ends_in(".done")) {
                continue;
            }
            match order_file::read(disk, &entry.path, 0, false) {
                Ok(_) => {}
                Err(error @ LogError::Damaged { .. }) => {
                    damaged.push((entry.path, error.to_string()));
                }
                // The writer forgets an order when it is old.
                Err(LogError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(damaged)
    }

    /// Whether these are the bytes of an order's file, as they were written.
    pub fn is_whole(bytes: &[u8]) -> bool {
        order_file::decoded(0, false, bytes).is_some()
    }

    /// The receipts under which nothing is stored, as the log's thread asks for them.
    pub fn erased(&self) -> ErasedReceipts {
        Arc::clone(&self.erased)
    }

    /// The receipts that came with rows.
    pub fn seen(&self) -> &SeenReceipts {
        &self.seen
    }

    /// The number of receipts that wait to be erased.
    pub fn pending_receipts(&self) -> usize {
        self.all.lock().pending
    }

    /// Accepts an order. When this returns, the order is on the disk, and a batch that comes later under one of its receipts
    /// is not stored: for 30 days under a receipt that came with rows, and under any other until 65,536 more were ordered or
    /// the process ends.
    ///
    /// # Errors
    ///
    /// The order could not be written, or too many receipts are pending. Neither depends on whether any was seen.
    pub fn accept(&self, receipts: Vec<KeyedReceipt>) -> Result<(), OrderError> {
        let mut all = self.all.lock();
        if all.pending + receipts.len() > MAX_RECEIPTS {
            return Err(OrderError::TooMany);
        }
        // Before asking which were seen: a batch is noted as seen before the log's thread asks whether its receipt is erased.
        // So a batch that is appended meanwhile is not stored, or its receipt is found here.
        self.erased.write().remember_recent(&receipts);
        let order = Order {
            number: all.next_number(),
            accepted: now(),
            is_done: false,
            receipts: self.to_erase(receipts),
        };
        let is_void = order.receipts.is_empty();
        let path = match is_void {
            true => self.folder.join(VOID),
            false => self.path(order.number, false),
        };
        // After an error it is unknown whether the order is on the disk: the next one replaces it, or a restart carries it out.
        self.disk
            .replace(&path, &order_file::bytes(&order))
            .map_err(|error| OrderError::from(&error))?;
        if is_void {
            return Ok(());
        }
        self.erased.write().add_ordered(&order.receipts);
        all.pending += order.receipts.len();
        all.orders.push(order);
        drop(all);
        self.accepted.notify_one();
        Ok(())
    }

    /// The receipts that came with rows and that no order names yet, each once.
    fn to_erase(&self, receipts: Vec<KeyedReceipt>) -> Vec<KeyedReceipt> {
        let erased = self.erased.read();
        let mut named = HashSet::new();
        let mut to_erase = receipts;
        to_erase.retain(|receipt| {
            self.seen.may_have(receipt) && !erased.is_ordered(receipt) && named.insert(*receipt)
        });
        to_erase
    }

    /// The orders that were not carried out yet.
    pub fn pending(&self) -> Pending {
        let mut pending = Pending::default();
        for order in self.all.lock().orders.iter().filter(|order| !order.is_done) {
            pending.numbers.push(order.number);
            pending.receipts.extend_from_slice(&order.receipts);
        }
        pending
    }

    /// For how long the oldest order that was not carried out yet has been waiting; `None` without one.
    pub fn oldest_pending(&self) -> Option<Duration> {
        let all = self.all.lock();
        let pending = all.orders.iter().filter(|order| !order.is_done);
        let oldest = pending.map(|order| order.accepted).min()?;
        Some(Duration::from_secs(now().saturating_sub(oldest)))
    }

    /// Marks orders as carried out: nothing is left of the rows that they name. Orders are accepted meanwhile.
    ///
    /// # Errors
    ///
    /// A file cannot be renamed; the orders stay pending.
    pub fn finish(&self, numbers: &[u64]) -> Result<(), LogError> {
        let sync = || {
            self.disk
                .sync_folder(&self.folder)
                .map_err(LogError::io("sync", &self.folder))
        };
        for number in numbers {
            let (waiting, done) = (self.path(*number, false), self.path(*number, true));
            if !self.disk.exists(&done) {
                self.disk
                    .link(&waiting, &done)
                    .map_err(LogError::io("rename", &waiting))?;
            }
        }
        // An order always has a name: without one, batches that come later under its receipts would be stored.
        sync()?;
        for number in numbers {
            let waiting = self.path(*number, false);
            if self.disk.exists(&waiting) {
                self.disk
                    .remove(&waiting)
                    .map_err(LogError::io("remove", &waiting))?;
            }
        }
        sync()?;
        let finished: HashSet<u64> = numbers.iter().copied().collect();
        let mut all = self.all.lock();
        let mut pending = 0;
        for order in &mut all.orders {
            order.is_done |= finished.contains(&order.number);
            pending += if order.is_done {
                0
            } else {
                order.receipts.len()
            };
        }
        all.pending = pending;
        Ok(())
    }

    /// Removes orders that were carried out: those that are old, and the oldest where there are too many.
    ///
    /// # Errors
    ///
    /// A file cannot be removed.
    pub fn expire(&self) -> Result<(), LogError> {
        self.expire_at(now())
    }

    fn expire_at(&self, now: u64) -> Result<(), LogError> {
        let mut expired = HashSet::new();
        {
            let all = self.all.lock();
            let mut total: usize = all.orders.iter().map(|order| order.receipts.len()).sum();
            for order in all.orders.iter().filter(|order| order.is_done) {
                let is_old = now.saturating_sub(order.accepted) > RETENTION.as_secs();
                if is_old || total > MAX_RECEIPTS {
                    total -= order.receipts.len();
                    expired.insert(order.number);
                }
            }
        }
        if expired.is_empty() {
            return Ok(());
        }
        for number in &expired {
            let path = self.path(*number, true);
            if self.disk.exists(&path) {
                self.disk
                    .remove(&path)
                    .map_err(LogError::io("remove", &path))?;
            }
        }
        let mut all = self.all.lock();
        all.orders.retain(|order| !expired.contains(&order.number));
        self.remember(&all.orders);
        Ok(())
    }

    /// Nothing is stored under the receipts of `orders`, and only theirs.
    fn remember(&self, orders: &[Order]) {
        let receipts = orders.iter().flat_map(|order| &order.receipts);
        self.erased.write().set_ordered(receipts.copied());
    }

    fn path(&self, number: u64, is_done: bool) -> PathBuf {
        let ending = if is_done { "done" } else { "order" };
        self.folder.join(format!("{number:020}.{ending}"))
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

#[cfg(test)]
#[path = "orders_tests.rs"]
mod tests;
