//! Orders to erase, in points and in data folders: a restore must not bring back what an order has erased since.
//!
//! There are two kinds (`docs/formats/wal.md`): those of senders, by receipts, whose file's name tells whether they are done, and those of
//! the operator, by crews, whose file does.

use std::collections::BTreeMap;
use std::path::Path;

use headcount_log::disk::Disk;

use crate::content::{ContentStore, GetError};
use crate::error::{BackupError, DamagedContent};
use crate::point::Point;
use crate::repository::list;

/// The folders of a data folder with orders.
pub(crate) const FOLDERS: [&str; 2] = [RECEIPTS, CREWS];
const RECEIPTS: &str = "erasures";
const CREWS: &str = "crew-erasures";

/// What an order to erase crews begins with; then comes the CRC-32 of the rest.
const CREWS_MAGIC: &[u8; 8] = b"HEADCECR";
/// Where its rest begins, with its state.
const STATE: usize = 12;
const ACCEPTED: u8 = 0;
const DONE: u8 = 2;
/// The random key of its hashes, which stays the same in every state.
const HASH_KEY: std::ops::Range<usize> = 37..53;

/// An order to erase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) folder: &'static str,
    pub(crate) number: u64,
    /// What it has in common with itself in another state, and with no other order.
    pub(crate) key: String,
    /// Nothing is left of the rows that it names.
    pub(crate) is_done: bool,
    bytes: Vec<u8>,
}

impl Order {
    /// The order in the file `path` of a data folder; `None` where that is no order, or a damaged one.
    fn of(path: &str, bytes: Vec<u8>) -> Option<Self> {
        let (folder, number, ending) = parts(path)?;
        let (key, is_done) = match folder {
            RECEIPTS => {
                let hash = blake3::hash(&bytes).to_hex().to_string();
                (hash, ending == "done")
            }
            _ => {
                let hash_key = bytes.get(HASH_KEY).filter(|_| is_whole(&bytes))?;
                let digits = hash_key.iter().map(|byte| format!("{byte:02x}"));
                (digits.collect(), bytes[STATE] == DONE)
            }
        };
        Some(Self {
            folder,
            number,
            key,
            is_done,
            bytes,
        })
    }

    /// The bytes of its file as one that is still to be carried out.
    pub(crate) fn reopened(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        if self.folder == CREWS {
            bytes[STATE] = ACCEPTED;
            let sum = crc32fast::hash(&bytes[STATE..]);
            bytes[8..STATE].copy_from_slice(&sum.to_le_bytes());
        }
        bytes
    }
}

fn is_whole(bytes: &[u8]) -> bool {
    bytes.starts_with(CREWS_MAGIC)
        && bytes.len() > STATE
        && bytes[8..STATE] == crc32fast::hash(&bytes[STATE..]).to_le_bytes()
}

/// The folder, the number and the ending of an order's file.
fn parts(path: &str) -> Option<(&'static str, u64, &str)> {
    let (folder, name) = path.split_once('/')?;
    let folder = FOLDERS.into_iter().find(|known| *known == folder)?;
    let (number, ending) = name.split_once('.')?;
    let is_order = ending == "order" || folder == RECEIPTS && ending == "done";
    Some((folder, number.parse().ok().filter(|_| is_order)?, ending))
}

/// The orders of a point.
pub(crate) fn of_point(point: &Point, content: &ContentStore) -> Result<Vec<Order>, BackupError> {
    let mut orders = Vec::new();
    for file in &point.files {
        if parts(&file.path).is_none() {
            continue;
        }
        let mut bytes = Vec::new();
        match content.get(&file.content, file.size, &mut bytes) {
            Ok(()) => orders.extend(Order::of(&file.path, bytes)),
            Err(GetError::Damaged(problem)) => {
                let damage = vec![DamagedContent {
                    path: file.path.clone(),
                    content: content.path(&file.content),
                    problem,
                }];
                return Err(BackupError::DamagedContent { damage });
            }
            Err(GetError::Read(error) | GetError::Write(error)) => {
                return Err(BackupError::io("read", content.path(&file.content))(error));
            }
        }
    }
    Ok(orders)
}

/// The orders of the data folder `data`.
pub(crate) fn of_folder(disk: &dyn Disk, data: &Path) -> Result<Vec<Order>, BackupError> {
    let mut orders = Vec::new();
    for folder in FOLDERS {
        for entry in list(disk, &data.join(folder))? {
            let path = format!("{folder}/{}", entry.name);
            if parts(&path).is_some() {
                let bytes = disk.read(&entry.path);
                let bytes = bytes.map_err(BackupError::io("read", &entry.path))?;
                orders.extend(Order::of(&path, bytes));
            }
        }
    }
    Ok(orders)
}

/// The orders among `later`, which are in the sequence of their points, that are not among `own`; each in its latest state.
pub(crate) fn missing(own: &[Order], later: Vec<Order>) -> Vec<Order> {
    let mut missing = BTreeMap::new();
    for order in later {
        if !own.iter().any(|own| own.key == order.key) {
            missing.insert(order.key.clone(), order);
        }
    }
    missing.into_values().collect()
}

/// Of points in their sequence, each with its orders: the index of the first that has every order as done which any has as done. Those
/// before it may hold rows that an order has erased since.
pub(crate) fn first_without_erased(points: &[Vec<Order>]) -> usize {
    let mut done_in: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, orders) in points.iter().enumerate() {
        for order in orders.iter().filter(|order| order.is_done) {
            done_in.entry(&order.key).or_insert(index);
        }
    }
    done_in.into_values().max().unwrap_or_default()
}

/// How many of a point's orders are not carried out.
pub(crate) fn pending(orders: &[Order]) -> usize {
    let is_done = |key: &str| orders.iter().any(|order| order.is_done && order.key == key);
    orders.iter().filter(|order| !is_done(&order.key)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipts(number: u64, is_done: bool, content: &[u8]) -> Order {
        let ending = if is_done { "done" } else { "order" };
        let path = format!("erasures/{number:020}.{ending}");
        Order::of(&path, content.to_vec()).unwrap()
    }

    fn crews(state: u8, hash_key: u8) -> Order {
        let mut bytes = CREWS_MAGIC.to_vec();
        bytes.extend([0; 4]);
        bytes.push(state);
        bytes.extend([7; 24]);
        bytes.extend([hash_key; 16]);
        bytes.extend([0; 12]);
        let sum = crc32fast::hash(&bytes[STATE..]);
        bytes[8..STATE].copy_from_slice(&sum.to_le_bytes());
        Order::of("crew-erasures/00000000000000000001.order", bytes).unwrap()
    }

    #[test]
    fn points_before_the_end_of_an_order_may_hold_its_rows() {
        let points = [
            vec![],
            vec![receipts(1, false, b"a")],
            vec![receipts(1, true, b"a"), crews(1, 9)],
            vec![receipts(1, true, b"a"), crews(2, 9)],
            // The first was forgotten meanwhile, and its number given again.
            vec![receipts(1, false, b"b"), crews(2, 9)],
        ];
        assert_eq!(first_without_erased(&points), 3);
        assert_eq!(first_without_erased(&points[..3]), 2);
        assert_eq!(first_without_erased(&points[..2]), 0);
        let pending: Vec<usize> = points.iter().map(|orders| pending(orders)).collect();
        assert_eq!(pending, [0, 1, 1, 0, 1]);
        // Between the two steps of its end an order has both names.
        assert_eq!(
            super::pending(&[receipts(1, false, b"a"), receipts(1, true, b"a")]),
            0
        );
    }

    #[test]
    fn an_order_that_a_point_lacks_is_to_be_carried_out_again() {
        let later = vec![crews(0, 9), receipts(1, true, b"a"), crews(2, 9)];
        let missing_of = |own: &[Order]| missing(own, later.clone());
        assert_eq!(missing_of(&[receipts(4, false, b"a")]).len(), 1);
        assert!(missing_of(&[receipts(4, false, b"a"), crews(1, 9)]).is_empty());
        let missing = missing_of(&[]);
        let of_crews = missing.iter().find(|order| order.folder == CREWS).unwrap();
        assert!(of_crews.is_done, "the latest state, which has all runs");
        assert_eq!(of_crews.reopened(), crews(0, 9).bytes);
        let of_receipts = missing
            .iter()
            .find(|order| order.folder == RECEIPTS)
            .unwrap();
        assert_eq!(of_receipts.reopened(), b"a");
    }

    #[test]
    fn only_orders_are_taken_for_orders() {
        for path in [
            "erasures/last.void",
            "erasures/00000000000000000001.damaged",
            "crew-erasures/00000000000000000001.done",
            "seen/00000000000000000001.order",
            "00000000000000000001.order",
        ] {
            assert_eq!(Order::of(path, crews(0, 1).bytes), None, "{path}");
        }
        let path = "crew-erasures/00000000000000000001.order";
        assert_eq!(Order::of(path, b"HEADCECR and others".to_vec()), None);
        assert_eq!(Order::of(path, Vec::new()), None);
    }
}
