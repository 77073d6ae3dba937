//! Power cuts during erasures of crews.

use std::collections::BTreeSet;
use std::sync::Arc;

use headcount_log::testing::SimulatedDisk;

use super::{CREWS, at_once, crew, of_keys, runs, runs_on_disk, schema, stored};
use crate::{Lake, LakeOptions};

/// What the operator and the senders of a life know.
#[derive(Default)]
struct Known {
    acknowledged: BTreeSet<u64>,
    /// The runs that were there when an order was accepted.
    ordered: BTreeSet<u64>,
    /// The runs that may have gone: an order came after them, or may have.
    doubtful: BTreeSet<u64>,
    next: u64,
}

async fn live_one_step(lake: &Lake, disk: &SimulatedDisk, known: &mut Known) {
    match disk.random(12) {
        0 | 1 => {
            // Flush, merge and erasure may fail; nothing is lost by that.
            let _ = lake.flush().await;
        }
        2 => {
            let _ = lake.compact().await;
        }
        3 => disk.set_full(disk.random(3) == 0),
        4 => {
            let named = disk.random(CREWS);
            let accepted = lake.order_crew_erasure(of_keys(&[named])).await;
            let is_of = |run: &u64| crew(*run) == named;
            known.doubtful.extend((0..known.next).filter(is_of));
            if accepted.is_ok() {
                let there = known.acknowledged.iter().copied().filter(is_of);
                known.ordered.extend(there);
            }
        }
        5 | 6 => {
            let _ = lake.erase().await;
        }
        _ => {
            let from = known.next.saturating_sub(disk.random(6));
            let until = known.next + 1 + disk.random(5);
            known.next = until;
            // Runs that come while an order waits may go with it.
            let waiting = lake.crew_erasures().iter().any(|order| !order.is_done());
            if waiting {
                known.doubtful.extend(from..until);
            }
            if lake.append(runs(from..until)).await.is_ok() {
                known.acknowledged.extend(from..until);
            }
        }
    }
}

async fn check(lake: &Lake, known: &Known, seed: u64) {
    let found = stored(&lake.snapshot().await.unwrap()).await;
    for (table, found) in found.iter().enumerate() {
        let once: BTreeSet<u64> = found.iter().copied().collect();
        assert_eq!(
            once.len(),
            found.len(),
            "seed {seed}: a run twice in {table}"
        );
        let kept = known.acknowledged.iter();
        let kept = kept.filter(|run| table == 4 || !known.doubtful.contains(run));
        let lost: Vec<_> = kept.filter(|run| !once.contains(run)).collect();
        assert!(lost.is_empty(), "seed {seed}: {table} lost {lost:?}");
        let left = once
            .iter()
            .filter(|run| table < 4 && known.ordered.contains(run));
        let left: Vec<_> = left.collect();
        assert!(left.is_empty(), "seed {seed}: still in {table}: {left:?}");
    }
}

/// Random appends, retries, flushes, merges, orders and erasures; at a random operation of the disk the power goes, an fsync
/// fails or the space ends. Afterwards nothing is left of what an acknowledged order was for, and all else is there once.
async fn live_through(seed: u64) {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let disk = SimulatedDisk::new(seed + 1);
    let options = || LakeOptions {
        checkpoint_every: 3,
        log_retention: std::time::Duration::ZERO,
        ..at_once()
    };
    let mut known = Known::default();
    for _life in 0..4 {
        disk.lose_power_after(Some(20 + disk.random(900)));
        disk.fail_sync_after((disk.random(2) == 0).then(|| disk.random(60)));
        let lake = Lake::open_on(Arc::new(disk.clone()), &data, schema(), options());
        if let Ok(lake) = lake.await {
            for _step in 0..12 + disk.random(30) {
                live_one_step(&lake, &disk, &mut known).await;
            }
        }
        disk.crash();
    }
    let lake = Lake::open_on(Arc::new(disk.clone()), &data, schema(), options()).await;
    let lake = lake.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    lake.erase().await.unwrap();
    check(&lake, &known, seed).await;
    lake.compact().await.unwrap();
    check(&lake, &known, seed).await;
    drop(lake);
    disk.crash();
    let back: Vec<_> = runs_on_disk(&data)
        .into_iter()
        .filter(|run| known.ordered.contains(run))
        .collect();
    assert!(back.is_empty(), "seed {seed}: on the disk {back:?}");
}

/// `HEADCOUNT_SEEDS=from..to` runs other lives than the usual ones.
#[tokio::test]
async fn an_order_to_erase_crews_survives_a_power_cut_at_any_point() {
    let seeds = std::env::var("HEADCOUNT_SEEDS").unwrap_or_else(|_| "0..40".to_owned());
    let (from, to) = seeds.split_once("..").expect("HEADCOUNT_SEEDS is from..to");
    for seed in from.parse().unwrap()..to.parse().unwrap() {
        live_through(seed).await;
    }
}
