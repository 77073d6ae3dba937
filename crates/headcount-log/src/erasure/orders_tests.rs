#![allow(clippy::unwrap_used, clippy::disallowed_methods)]
use super::*;
use crate::disk::RealDisk;

fn receipts(from: usize, count: usize) -> Vec<KeyedReceipt> {
    let receipt = |number: usize| KeyedReceipt::new((number as u128).to_le_bytes());
    (from..from + count).map(receipt).collect()
}

fn load(folder: &Path) -> Orders {
    let schema = headcount_catalog::Catalog::embedded().schema();
    Orders::load(Arc::new(RealDisk::default()), folder.to_path_buf(), schema).unwrap()
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

/// Receipts as a collector keys them: evenly distributed.
fn made_up(from: u64, count: u64) -> Vec<KeyedReceipt> {
    let receipt = |number: u64| {
        // SplitMix64.
        let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        KeyedReceipt::new((u128::from(mixed) << 64 | u128::from(mixed)).to_le_bytes())
    };
    (from..from + count).map(receipt).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn made_up_receipts_take_no_room_and_leave_genuine_ones_theirs() {
    let dir = tempfile::tempdir().unwrap();
    let orders = load(dir.path());
    let genuine = made_up(u64::MAX - 1, 1);
    orders.seen().note(&genuine[0]);
    orders.seen().complete();
    for request in 0..60 {
        orders.accept(made_up(request * 10_000, 10_000)).unwrap();
    }
    assert_eq!(orders.pending_receipts(), 0);
    assert_eq!(names(dir.path()), ["last.void"]);
    let mixed = [made_up(0, 99), genuine.clone(), genuine.clone()].concat();
    orders.accept(mixed).unwrap();
    // It is named already.
    orders.accept(genuine.clone()).unwrap();
    assert_eq!(orders.pending().receipts, genuine);
    // A request may still be on its way under a receipt that was never seen.
    assert!(orders.erased().read().contains(&made_up(599_999, 1)[0]));
    orders.finish(&orders.pending().numbers).unwrap();
    orders.expire().unwrap();
    let orders = load(dir.path());
    assert!(orders.erased().read().contains(&genuine[0]));
    assert!(!orders.erased().read().contains(&made_up(599_999, 1)[0]));
}

#[test]
fn orders_are_accepted_while_thousands_are_finished() {
    let dir = tempfile::tempdir().unwrap();
    let orders = load(dir.path());
    for number in 0..300 {
        orders.accept(receipts(number * 2, 2)).unwrap();
    }
    let pending = orders.pending();
    orders.accept(receipts(900, 1)).unwrap();
    orders.finish(&pending.numbers).unwrap();
    assert_eq!(orders.pending().receipts, receipts(900, 1));
    assert_eq!(orders.pending_receipts(), 1);
    // As after a crash in the middle.
    orders.finish(&pending.numbers).unwrap();
    assert_eq!(load(dir.path()).pending().receipts, receipts(900, 1));
}

#[test]
fn a_damaged_order_is_set_aside_and_the_others_stay() {
    for damage in [0, 5, 30] {
        let dir = tempfile::tempdir().unwrap();
        let orders = load(dir.path());
        orders.accept(receipts(0, 3)).unwrap();
        orders.accept(receipts(3, 1)).unwrap();
        let path = dir.path().join("00000000000000000002.order");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.truncate(damage);
        std::fs::write(&path, &bytes).unwrap();
        let orders = load(dir.path());
        assert_eq!(orders.pending().receipts, receipts(0, 3));
        // It is evidence, and its number is its own.
        let aside = path.with_extension("damaged");
        assert_eq!(std::fs::read(&aside).unwrap(), bytes);
        orders.accept(receipts(9, 1)).unwrap();
        let orders = load(dir.path());
        assert_eq!(orders.pending().numbers, [1, 3]);
        assert_eq!(std::fs::read(&aside).unwrap(), bytes);
    }
}
