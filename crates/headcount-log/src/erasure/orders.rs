//! Orders to erase, on disk and in memory (`docs/formats/wal.md`).
//!
//! ```text
//! accepted: erasures/{number}.order, fsynced ─▶ nothing more is stored under its receipts ─▶ answered
//! done:     linked to {number}.done, durably, and then removed under its first name
//! expired:  removed, after 30 days
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hashbrown::HashSet;
use headcount_catalog::KeyedReceipt;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use crate::disk::Disk;
use crate::error::{LogError, OrderError};

const MAGIC: &[u8; 8] = b"HEADCERA";
/// Magic, checksum, time of acceptance.
const HEADER: usize = 20;
/// How long nothing is stored under an erased receipt: as long as a client keeps records that it could send again.
const RETENTION: Duration = Duration::from_secs(30 * 86_400);
/// Receipts of all orders, pending or done: about 40 bytes of memory each, so 20 MB at most.
const MAX_RECEIPTS: usize = 500_000;

/// The receipts under which nothing is stored any more.
pub type ErasedReceipts = Arc<RwLock<HashSet<KeyedReceipt>>>;

/// Every order that is remembered.
pub struct Orders {
    folder: PathBuf,
    disk: Arc<dyn Disk>,
    erased: ErasedReceipts,
    all: Mutex<Vec<Order>>,
    /// Notified when an order was accepted.
    pub accepted: Notify,
}

/// One request's order.
#[derive(Debug, Clone)]
struct Order {
    number: u64,
    /// Seconds since 1970 UTC.
    accepted: u64,
    is_done: bool,
    receipts: Vec<KeyedReceipt>,
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
    /// # Errors
    ///
    /// A file cannot be read or is damaged.
    pub fn load(disk: Arc<dyn Disk>, folder: PathBuf) -> Result<Self, LogError> {
        let mut all = Vec::new();
        for entry in disk.list(&folder).map_err(LogError::io("list", &folder))? {
            let path = entry.path;
            let is_done = match path.extension().and_then(|ending| ending.to_str()) {
                Some("order") => false,
                Some("done") => true,
                _ => continue,
            };
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            if let Some(number) = stem.and_then(|digits| digits.parse().ok()) {
                all.push(read(&*disk, &path, number, is_done)?);
            }
        }
        // A crash may leave both names; the second one counts.
        all.sort_by_key(|order: &Order| (order.number, order.is_done));
        all.reverse();
        all.dedup_by_key(|order| order.number);
        all.reverse();
        let orders = Self {
            folder,
            disk,
            erased: ErasedReceipts::default(),
            all: Mutex::new(all),
            accepted: Notify::new(),
        };
        orders.remember(&orders.all.lock());
        Ok(orders)
    }

    /// The receipts under which nothing is stored, as the log's thread asks for them.
    pub fn erased(&self) -> ErasedReceipts {
        Arc::clone(&self.erased)
    }

    /// Accepts an order. When this returns, the order is on the disk, and a batch that comes later under one of its receipts
    /// is not stored.
    ///
    /// # Errors
    ///
    /// The order could not be written, or too many receipts are pending.
    pub fn accept(&self, receipts: Vec<KeyedReceipt>) -> Result<(), OrderError> {
        let mut all = self.all.lock();
        let waiting: usize = all
            .iter()
            .filter(|order| !order.is_done)
            .map(|order| order.receipts.len())
            .sum();
        if waiting + receipts.len() > MAX_RECEIPTS {
            return Err(OrderError::TooMany);
        }
        let order = Order {
            number: all.last().map_or(1, |last| last.number + 1),
            accepted: now(),
            is_done: false,
            receipts,
        };
        let path = self.path(order.number, false);
        // After an error it is unknown whether the order is on the disk: the next one replaces it, or a restart carries it out.
        self.disk
            .replace(&path, &bytes(&order))
            .map_err(|error| OrderError::from(&error))?;
        self.erased.write().extend(order.receipts.iter().copied());
        all.push(order);
        drop(all);
        self.accepted.notify_one();
        Ok(())
    }

    /// The orders that were not carried out yet.
    pub fn pending(&self) -> Pending {
        let mut pending = Pending::default();
        for order in self.all.lock().iter().filter(|order| !order.is_done) {
            pending.numbers.push(order.number);
            pending.receipts.extend_from_slice(&order.receipts);
        }
        pending
    }

    /// Marks orders as carried out: nothing is left of the rows that they name.
    ///
    /// # Errors
    ///
    /// A file cannot be renamed; the orders stay pending.
    pub fn finish(&self, numbers: &[u64]) -> Result<(), LogError> {
        let mut all = self.all.lock();
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
        for order in all
            .iter_mut()
            .filter(|order| numbers.contains(&order.number))
        {
            order.is_done = true;
            let waiting = self.path(order.number, false);
            self.disk
                .remove(&waiting)
                .map_err(LogError::io("remove", &waiting))?;
        }
        sync()
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
        let mut all = self.all.lock();
        let mut total: usize = all.iter().map(|order| order.receipts.len()).sum();
        let mut expired = Vec::new();
        for order in all.iter().filter(|order| order.is_done) {
            let is_old = now.saturating_sub(order.accepted) > RETENTION.as_secs();
            if is_old || total > MAX_RECEIPTS {
                total -= order.receipts.len();
                expired.push(order.number);
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
        all.retain(|order| !expired.contains(&order.number));
        self.remember(&all);
        Ok(())
    }

    /// Nothing is stored under the receipts of `orders`, and only theirs.
    fn remember(&self, orders: &[Order]) {
        let receipts = orders.iter().flat_map(|order| &order.receipts);
        *self.erased.write() = receipts.copied().collect();
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

fn bytes(order: &Order) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + order.receipts.len() * 16);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&order.accepted.to_le_bytes());
    for receipt in &order.receipts {
        bytes.extend_from_slice(receipt.as_bytes());
    }
    let checksum = crc32fast::hash(&bytes[12..]);
    bytes[8..12].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn read(disk: &dyn Disk, path: &Path, number: u64, is_done: bool) -> Result<Order, LogError> {
    let bytes = disk.read(path).map_err(LogError::io("read", path))?;
    let whole = bytes.len() >= HEADER
        && &bytes[..8] == MAGIC
        && crc32fast::hash(&bytes[12..]).to_le_bytes() == bytes[8..12];
    let accepted = bytes
        .get(12..HEADER)
        .and_then(|eight| eight.try_into().ok());
    let Some(accepted) = accepted.filter(|_| whole) else {
        return Err(LogError::Damaged {
            path: path.to_path_buf(),
            offset: 0,
            reason: "the checksum differs; the store also works without this file, but then does not erase the rows that it names".to_owned(),
        });
    };
    let receipts = bytes[HEADER..].chunks_exact(16);
    Ok(Order {
        number,
        accepted: u64::from_le_bytes(accepted),
        is_done,
        receipts: receipts
            .map(|sixteen| KeyedReceipt::new(sixteen.try_into().unwrap_or_default()))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods)]
    use super::*;
    use crate::disk::RealDisk;

    fn receipts(from: usize, count: usize) -> Vec<KeyedReceipt> {
        let receipt = |number: usize| KeyedReceipt::new((number as u128).to_le_bytes());
        (from..from + count).map(receipt).collect()
    }

    fn load(folder: &Path) -> Orders {
        Orders::load(Arc::new(RealDisk::default()), folder.to_path_buf()).unwrap()
    }

    #[test]
    fn an_order_outlives_a_restart_until_it_is_done_and_its_receipts_stay_erased_for_30_days() {
        let dir = tempfile::tempdir().unwrap();
        let orders = load(dir.path());
        orders.accept(receipts(0, 3)).unwrap();
        orders.accept(receipts(3, 2)).unwrap();
        let orders = load(dir.path());
        let pending = orders.pending();
        assert_eq!(pending.receipts, receipts(0, 5));
        orders.finish(&pending.numbers[..1]).unwrap();
        let orders = load(dir.path());
        assert_eq!(orders.pending().receipts, receipts(3, 2));
        assert_eq!(orders.erased().read().len(), 5);
        orders.expire_at(now() + 29 * 86_400).unwrap();
        assert_eq!(orders.erased().read().len(), 5);
        orders.expire_at(now() + 31 * 86_400).unwrap();
        assert_eq!(
            orders.erased().read().len(),
            2,
            "a pending order never expires"
        );
        assert_eq!(load(dir.path()).erased().read().len(), 2);
        orders.accept(receipts(9, 1)).unwrap();
        assert_eq!(load(dir.path()).pending().numbers, [2, 3]);
    }

    #[test]
    fn orders_have_room_for_so_many_receipts() {
        let dir = tempfile::tempdir().unwrap();
        let orders = load(dir.path());
        orders.accept(receipts(0, MAX_RECEIPTS)).unwrap();
        let refused = orders.accept(receipts(0, 1));
        assert!(matches!(refused, Err(OrderError::TooMany)));
        orders.finish(&[1]).unwrap();
        orders.accept(receipts(MAX_RECEIPTS, 1)).unwrap();
        orders.expire().unwrap();
        assert_eq!(orders.erased().read().len(), 1, "the oldest has expired");
    }

    #[test]
    fn a_damaged_order_is_named() {
        let dir = tempfile::tempdir().unwrap();
        load(dir.path()).accept(receipts(0, 3)).unwrap();
        let path = dir.path().join("00000000000000000001.order");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[30] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let damaged = Orders::load(Arc::new(RealDisk::default()), dir.path().to_path_buf());
        assert!(matches!(damaged, Err(LogError::Damaged { .. })));
    }
}
