#![allow(clippy::unwrap_used, clippy::disallowed_methods)]
use super::super::crew_names::CrewOfRow;
use super::*;
use crate::disk::RealDisk;
use crate::testing::SimulatedDisk;

const KEY: &str = "5d41a2c8e0b7f319";
const ID: &str = "3f0c9a52-7d41-4c8e-9b1f-52f6c0a7d913";

fn selection() -> CrewSelection {
    CrewSelection {
        crew_keys: vec![KEY.to_owned()],
        crew_ids: vec![ID.to_owned()],
        projects: vec!["9b1c42d07e5af386".to_owned()],
    }
}

fn load(folder: &Path) -> CrewOrders {
    CrewOrders::load(Arc::new(RealDisk::default()), folder.to_path_buf()).unwrap()
}

#[test]
fn an_order_outlives_restarts_with_its_state_and_names_no_value() {
    let dir = tempfile::tempdir().unwrap();
    let orders = load(dir.path());
    assert_eq!(orders.accept(&selection()).unwrap(), 1);
    assert_eq!(load(dir.path()).all(), orders.all());
    let row = CrewOfRow {
        key: Some(KEY),
        id: Some("run"),
        project: None,
    };
    let without_key = CrewOfRow { key: None, ..row };
    assert!(!orders.pending()[0].names.matches(without_key));
    let run = orders.pending()[0].names.unknown_run(row).unwrap();
    orders.prepared(1, &[run]).unwrap();
    orders.erased(1, 7).unwrap();
    let loaded = load(dir.path());
    assert_eq!(loaded.all(), orders.all());
    let order = &loaded.pending()[0];
    assert_eq!((order.state, order.rows), (CrewOrderState::Prepared, 7));
    assert!(order.names.matches(without_key) && order.names.matches(row));
    assert!(!order.names.matches(CrewOfRow {
        key: Some("another"),
        ..row
    }));
    orders.finish(1).unwrap();
    let loaded = load(dir.path());
    assert!(loaded.pending().is_empty() && loaded.all()[0].names.matches(row));
    assert_eq!(loaded.accept(&selection()).unwrap(), 2);
    let bytes = std::fs::read(dir.path().join("00000000000000000001.order")).unwrap();
    for value in selection().values() {
        let digits = value.as_bytes();
        assert!(!bytes.windows(digits.len()).any(|window| window == digits));
    }
}

#[test]
fn an_order_waits_from_its_acceptance_until_it_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let orders = load(dir.path());
    assert_eq!(orders.oldest_pending(), None);
    let number = orders.accept(&selection()).unwrap();
    orders
        .change(number, |order| order.accepted -= 86_400)
        .unwrap();
    let _later = orders.accept(&selection()).unwrap();
    let waiting = orders.oldest_pending().unwrap().as_secs();
    assert!((86_400..86_460).contains(&waiting), "{waiting}");
    orders.finish(number).unwrap();
    assert!(orders.oldest_pending().unwrap().as_secs() < 60);
}

#[test]
fn an_order_that_was_carried_out_is_forgotten_when_no_backup_holds_its_rows() {
    let dir = tempfile::tempdir().unwrap();
    let orders = load(dir.path());
    orders.accept(&selection()).unwrap();
    orders.accept(&selection()).unwrap();
    orders.finish(1).unwrap();
    orders.expire_at(now() + 399 * 86_400).unwrap();
    assert_eq!(orders.all().len(), 2);
    orders.expire_at(now() + 401 * 86_400).unwrap();
    let numbers = |orders: CrewOrders| -> Vec<u64> {
        orders.all().iter().map(|order| order.number).collect()
    };
    assert_eq!(numbers(load(dir.path())), [2], "a pending one never is");
    assert_eq!(numbers(orders), [2]);
}

/// Found by the simulation of power cuts: a restart carried the order out, and erased rows that had come since it was refused.
#[test]
fn an_order_that_was_refused_does_not_come_back() {
    for seed in 0..20 {
        // The fsync of the file fails, or that of the folder in which it has its name by then.
        for failing_sync in [0, 1] {
            let dir = tempfile::tempdir().unwrap();
            let disk = SimulatedDisk::new(seed);
            let load = || CrewOrders::load(Arc::new(disk.clone()), dir.path().to_path_buf());
            let orders = load().unwrap();
            assert_eq!(orders.accept(&selection()).unwrap(), 1);
            disk.fail_sync_after(Some(failing_sync));
            assert!(orders.accept(&selection()).is_err());
            disk.crash();
            assert_eq!(load().unwrap().all(), orders.all());
            assert_eq!(orders.accept(&selection()).unwrap(), 2);
        }
    }
}

#[test]
fn a_damaged_order_is_set_aside_and_the_others_stay() {
    for damage in [0, 11, 30, 60] {
        let dir = tempfile::tempdir().unwrap();
        let orders = load(dir.path());
        orders.accept(&selection()).unwrap();
        orders.accept(&selection()).unwrap();
        let path = dir.path().join("00000000000000000002.order");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.truncate(damage);
        std::fs::write(&path, &bytes).unwrap();
        let read = CrewOrders::read_all(&RealDisk::default(), dir.path()).unwrap();
        assert_eq!((read.orders.len(), read.damaged.len()), (1, 1));
        let orders = load(dir.path());
        assert_eq!(orders.pending().len(), 1);
        let aside = path.with_extension("damaged");
        assert_eq!(std::fs::read(&aside).unwrap(), bytes);
        assert_eq!(orders.accept(&selection()).unwrap(), 3);
        assert_eq!(std::fs::read(&aside).unwrap(), bytes);
    }
}
