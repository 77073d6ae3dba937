//! Erased rows do not come back from a backup, and leave it.

use std::fs;

use headcount_backup::{RestoreOptions, keep, purge};
use headcount_catalog::KeyedReceipt;

use crate::support::{backed_up, batch, files_below, open, restored, rows};

const RECEIPT: [u8; 16] = [7; 16];

#[tokio::test]
async fn rows_that_were_erased_after_a_backup_are_erased_from_what_is_restored_of_it() {
    let (data, repository) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lake = open(data.path()).await;
    let receipt = KeyedReceipt::new(RECEIPT);
    lake.append(batch(Some(receipt), 0..40)).await.unwrap();
    lake.append(batch(None, 40..60)).await.unwrap();
    lake.flush().await.unwrap();
    let before = backed_up(data.path(), repository.path()).point.about.id;
    let first = RestoreOptions {
        point: Some(before.clone()),
        ..RestoreOptions::default()
    };
    let is_parquet = |path: &std::path::PathBuf| path.to_string_lossy().ends_with(".parquet");
    let held: Vec<Vec<u8>> = files_below(data.path())
        .into_iter()
        .filter(is_parquet)
        .map(|path| fs::read(path).unwrap())
        .collect();
    let holds_erased = || {
        let content = files_below(repository.path()).into_iter();
        { content }.any(|path| held.contains(&fs::read(path).unwrap()))
    };
    lake.order_erasure(vec![receipt]).await.unwrap();
    // Pending, it is part of the next backup, and of every restore.
    backed_up(data.path(), repository.path());
    lake.erase().await.unwrap();
    assert_eq!(rows(&lake).await, [20, 20]);
    let (to, report) = restored(repository.path(), RestoreOptions::default()).await;
    assert_eq!(report.orders, 0, "the point has it");
    assert_eq!(rows(&open(to.path()).await).await, [20, 20]);
    let (to, report) = restored(repository.path(), first).await;
    assert_eq!(report.orders, 1);
    let copy = open(to.path()).await;
    assert_eq!(rows(&copy).await, [20, 20]);
    assert_eq!(copy.pending_erasures(), 0);
    let refused = copy.append(batch(Some(receipt), 90..95)).await.unwrap();
    assert_eq!(rows(&copy).await, [20, 20], "{refused:?}");

    // Nobody knows yet that it is done: nothing is removed, and the command says so.
    let removed = purge(repository.path()).unwrap();
    assert!(
        removed.points.is_empty() && removed.pending_orders == 1,
        "{removed:?}"
    );
    let clean = backed_up(data.path(), repository.path()).point.about.id;
    assert!(holds_erased());
    let removed = purge(repository.path()).unwrap();
    assert_eq!((removed.points.len(), removed.left), (2, 1), "{removed:?}");
    assert_eq!(removed.points[0], before);
    assert_eq!(removed.pending_orders, 0);
    assert!(!holds_erased());
    let (to, report) = restored(repository.path(), RestoreOptions::default()).await;
    assert_eq!(report.point.about.id, clean);
    assert_eq!(rows(&open(to.path()).await).await, [20, 20]);
}

#[tokio::test]
async fn an_order_that_no_backup_has_seen_is_taken_from_the_folder_that_is_replaced() {
    let (data, repository) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lake = open(data.path()).await;
    let receipt = KeyedReceipt::new(RECEIPT);
    lake.append(batch(Some(receipt), 0..4)).await.unwrap();
    lake.append(batch(None, 4..6)).await.unwrap();
    backed_up(data.path(), repository.path());
    lake.order_erasure(vec![receipt]).await.unwrap();
    let (to, _) = restored(repository.path(), RestoreOptions::default()).await;
    assert_eq!(
        rows(&open(to.path()).await).await,
        [6, 6],
        "nobody knows of it"
    );
    let options = RestoreOptions {
        erasures_from: Some(data.path().to_path_buf()),
        ..RestoreOptions::default()
    };
    let (to, report) = restored(repository.path(), options).await;
    assert_eq!(report.orders, 1);
    assert_eq!(rows(&open(to.path()).await).await, [2, 2]);
}

#[tokio::test]
async fn what_only_old_points_need_leaves_with_them() {
    let (data, repository) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lake = open(data.path()).await;
    let mut ids = Vec::new();
    for number in 0..4 {
        lake.append(batch(None, number * 50..number * 50 + 50))
            .await
            .unwrap();
        lake.flush().await.unwrap();
        lake.compact().await.unwrap();
        ids.push(backed_up(data.path(), repository.path()).point.about.id);
    }
    let before = files_below(&repository.path().join("content")).len() as u64;
    let removed = keep(repository.path(), 2.try_into().unwrap()).unwrap();
    assert_eq!(removed.points, ids[..2]);
    assert!(removed.files > 0 && removed.bytes > 0);
    let after = files_below(&repository.path().join("content")).len() as u64;
    assert_eq!(after, before - removed.files);
    for (id, expected) in [(&ids[2], 150), (&ids[3], 200)] {
        let options = RestoreOptions {
            point: Some(id.clone()),
            ..RestoreOptions::default()
        };
        let (to, _) = restored(repository.path(), options).await;
        assert_eq!(rows(&open(to.path()).await).await, [expected, expected]);
    }
    let again = keep(repository.path(), 2.try_into().unwrap()).unwrap();
    assert_eq!((again.points.len(), again.files), (0, 0));
}
