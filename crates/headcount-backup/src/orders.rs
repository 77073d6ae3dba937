//! Orders to erase, in points and in data folders: a restore must not bring back what an order has erased since.
//!
//! There are two kinds (`docs/formats/wal.md`): those of senders, by receipts, whose file's name tells whether they are done, and those of
//! the operator, by crews, whose file does.

use std::collections::BTreeMap;
use std::path::Path;

use headcount_log::disk::Disk;
use headcount_log::erasure::{CrewOrder, CrewOrderState};
use headcount_log::folder::{CREW_ORDERS, RECEIPT_ORDERS};

use crate::content::{ContentStore, GetError};
use crate::error::{BackupError, DamagedContent};
use crate::folder_storage::list;
use crate::point::Point;

/// The folders of a data folder with orders.
pub(crate) const FOLDERS: [&str; 2] = [RECEIPT_ORDERS, CREW_ORDERS];

/// An order to erase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) number: u64,
    /// What it has in common with itself in another state, and with no other order.
    pub(crate) key: String,
    /// Nothing is left of the rows that it names.
    pub(crate) is_done: bool,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// Of a sender: its file stays the same, and its name tells whether it is done.
    Receipts(Vec<u8>),
    /// Of the operator: its file says its state, and the runs that are known by then.
    Crews(CrewOrder),
}

/// An order that a restored folder is to carry out, because a later point or another folder has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) order: Order,
    /// The number under which the folder has the same order in an earlier state, which this one takes the place of.
    pub(crate) replaces: Option<u64>,
}

impl Order {
    /// The order in the file `path` of a data folder; `None` where that is no order, or a damaged one.
    fn of(path: &str, bytes: Vec<u8>) -> Option<Self> {
        let (folder, number, ending) = parts(path)?;
        let (key, is_done, kind) = match folder {
            RECEIPT_ORDERS => {
                let hash = blake3::hash(&bytes).to_hex().to_string();
                (hash, ending == "done", Kind::Receipts(bytes))
            }
            _ => {
                let order = CrewOrder::of_file(number, &bytes)?;
                let identity = order.identity();
                let digits = identity.iter().map(|byte| format!("{byte:02x}"));
                (digits.collect(), order.is_done(), Kind::Crews(order))
            }
        };
        Some(Self {
            number,
            key,
            is_done,
            kind,
        })
    }

    /// The folder that it belongs in.
    pub(crate) fn folder(&self) -> &'static str {
        match self.kind {
            Kind::Receipts(_) => RECEIPT_ORDERS,
            Kind::Crews(_) => CREW_ORDERS,
        }
    }

    /// The bytes of its file as one that is still to be carried out.
    pub(crate) fn reopened(&self) -> Vec<u8> {
        match &self.kind {
            Kind::Receipts(bytes) => bytes.clone(),
            Kind::Crews(order) => order.reopened().to_file(),
        }
    }

    /// Whether an order that is not done may find rows in the state `later` that it does not find in its own.
    fn is_behind(&self, later: &Self) -> bool {
        match &self.kind {
            // Which receipts it is for was said when it was accepted.
            Kind::Receipts(_) => false,
            Kind::Crews(order) => match (order.state, later.state()) {
                (CrewOrderState::Done, _)
                | (CrewOrderState::Prepared, CrewOrderState::Accepted) => false,
                _ => self.kind != later.kind,
            },
        }
    }

    fn state(&self) -> CrewOrderState {
        match &self.kind {
            Kind::Receipts(_) if self.is_done => CrewOrderState::Done,
            Kind::Receipts(_) => CrewOrderState::Accepted,
            Kind::Crews(order) => order.state,
        }
    }
}

/// The folder, the number and the ending of an order's file.
fn parts(path: &str) -> Option<(&'static str, u64, &str)> {
    let (folder, name) = path.split_once('/')?;
    let folder = FOLDERS.into_iter().find(|known| *known == folder)?;
    let (number, ending) = name.split_once('.')?;
    let is_order = ending == "order" || folder == RECEIPT_ORDERS && ending == "done";
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

/// The orders among `later`, which are in the sequence of their points, that are not among `own`; each in its latest state. So is the latest
/// state of an order of crews that is among `own` and not done: the tables of a point are read after its orders, so that rows which
/// told of the crews' runs may be gone from them already, and only a later state of the order knows those runs.
pub(crate) fn missing(own: &[Order], later: Vec<Order>) -> Vec<Missing> {
    let mut missing = BTreeMap::new();
    for order in later {
        let replaces = match own.iter().find(|own| own.key == order.key) {
            Some(own) if own.is_behind(&order) => Some(own.number),
            Some(_) => continue,
            None => None,
        };
        missing.insert(order.key.clone(), Missing { order, replaces });
    }
    missing.into_values().collect()
}

/// Of points in their sequence, each with its orders: the index of the first from which on every order is done that the points have as
/// done. Those before it may hold rows that an order has erased since. An order that was done is pending again in a folder that was
/// restored from a point that had its rows.
pub(crate) fn first_without_erased(points: &[Vec<Order>]) -> usize {
    let mut done_in: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, orders) in points.iter().enumerate() {
        for order in orders {
            let is_done = { orders.iter() }.any(|other| other.is_done && other.key == order.key);
            if is_done {
                let _first: &mut usize = done_in.entry(&order.key).or_insert(index);
            } else {
                let _former = done_in.remove(order.key.as_str());
            }
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
    use std::sync::Arc;

    use headcount_lake::CrewSelection;
    use headcount_log::disk::RealDisk;
    use headcount_log::erasure::{CrewOfRow, CrewOrders};

    use super::*;

    const CREW_FILE: &str = "crew-erasures/00000000000000000001.order";
    const ROW: CrewOfRow<'_> = CrewOfRow {
        key: Some("c0ffee0000000001"),
        id: Some("00000001-0000-4000-8000-000000000001"),
        project: None,
    };

    fn receipts(number: u64, is_done: bool, content: &[u8]) -> Order {
        let ending = if is_done { "done" } else { "order" };
        let path = format!("erasures/{number:020}.{ending}");
        Order::of(&path, content.to_vec()).unwrap()
    }

    /// An order to erase crews: accepted, then with a run, then done.
    #[allow(clippy::disallowed_methods)]
    fn crews() -> [Order; 3] {
        let folder = tempfile::tempdir().unwrap();
        let disk = Arc::new(RealDisk::default());
        let orders = CrewOrders::load(disk, folder.path().to_path_buf()).unwrap();
        let selection = CrewSelection {
            crew_keys: vec!["c0ffee0000000001".to_owned()],
            ..CrewSelection::default()
        };
        let number = orders.accept(&selection).unwrap();
        let read = || {
            let path = folder.path().join(&CREW_FILE["crew-erasures/".len()..]);
            Order::of(CREW_FILE, std::fs::read(path).unwrap()).unwrap()
        };
        let accepted = read();
        let run = orders.pending()[0].names.unknown_run(ROW).unwrap();
        orders.prepared(number, &[run]).unwrap();
        let prepared = read();
        orders.finish(number).unwrap();
        [accepted, prepared, read()]
    }

    fn is_accepted_with_a_run(bytes: &[u8]) -> bool {
        let order = CrewOrder::of_file(1, bytes).unwrap();
        order == order.reopened() && order.names.has_runs()
    }

    #[test]
    fn points_before_the_end_of_an_order_may_hold_its_rows() {
        let [_, pending_crews, done_crews] = crews();
        let points = [
            vec![],
            vec![receipts(1, false, b"a")],
            vec![receipts(1, true, b"a"), pending_crews],
            vec![receipts(1, true, b"a"), done_crews.clone()],
            // The first was forgotten meanwhile, and its number given again.
            vec![receipts(1, false, b"b"), done_crews],
        ];
        assert_eq!(first_without_erased(&points), 3);
        assert_eq!(first_without_erased(&points[..3]), 2);
        assert_eq!(first_without_erased(&points[..2]), 0);
        // The folder was restored from the first point, and the order carried out once more.
        let again = [true, false, true].map(|is_done| vec![receipts(1, is_done, b"a")]);
        assert_eq!(first_without_erased(&again), 2);
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
        let [accepted, prepared, done] = crews();
        let later = vec![accepted, receipts(1, true, b"a"), prepared, done.clone()];
        let missing_of = |own: &[Order]| missing(own, later.clone());
        assert_eq!(missing_of(&[receipts(4, false, b"a")]).len(), 1);
        assert!(missing_of(&[receipts(4, false, b"a"), done]).is_empty());
        let missing = missing_of(&[]);
        assert!(missing.iter().all(|missing| missing.replaces.is_none()));
        let in_folder = |folder| { missing.iter() }.find(|each| each.order.folder() == folder);
        let of_crews = &in_folder(CREW_ORDERS).unwrap().order;
        assert!(of_crews.is_done, "the latest state, which has all runs");
        assert!(is_accepted_with_a_run(&of_crews.reopened()));
        let of_receipts = &in_folder(RECEIPT_ORDERS).unwrap().order;
        assert_eq!(of_receipts.reopened(), b"a");
    }

    #[test]
    fn a_later_state_takes_the_place_of_an_order_of_crews_that_is_not_done() {
        let [accepted, prepared, done] = crews();
        for (own, later) in [
            (&accepted, vec![prepared.clone()]),
            (
                &accepted,
                vec![accepted.clone(), prepared.clone(), done.clone()],
            ),
            (&prepared, vec![done.clone()]),
        ] {
            let missing = missing(std::slice::from_ref(own), later);
            assert_eq!(missing.len(), 1);
            assert_eq!(missing[0].replaces, Some(1));
            assert!(is_accepted_with_a_run(&missing[0].order.reopened()));
        }
        let kept = [
            (&accepted, &accepted),
            (&done, &done),
            (&done, &prepared),
            (&prepared, &accepted),
        ];
        for (own, later) in kept {
            let later = vec![later.clone()];
            assert!(missing(std::slice::from_ref(own), later).is_empty());
        }
        // One of receipts says from its beginning which rows it means.
        let own = [receipts(1, false, b"a")];
        assert!(missing(&own, vec![receipts(1, true, b"a")]).is_empty());
    }

    #[test]
    fn only_orders_are_taken_for_orders() {
        let order = crews()[0].reopened();
        assert!(Order::of(CREW_FILE, order.clone()).is_some());
        for path in [
            "erasures/last.void",
            "erasures/00000000000000000001.damaged",
            "crew-erasures/00000000000000000001.done",
            "seen/00000000000000000001.order",
            "00000000000000000001.order",
        ] {
            assert_eq!(Order::of(path, order.clone()), None, "{path}");
        }
        for bytes in [&b"HEADCECR and others"[..], b"", &order[..order.len() - 1]] {
            assert_eq!(Order::of(CREW_FILE, bytes.to_vec()), None);
        }
    }
}
