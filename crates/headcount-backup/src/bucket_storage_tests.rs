#![allow(clippy::unwrap_used, clippy::disallowed_methods)]
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use headcount_bucket::testing::FaultyStore;
use headcount_catalog::{Column, ColumnType, Schema, Table, TableKind, Tier};
use headcount_lake::{Lake, LakeOptions};

use super::*;
use crate::backup::back_up_in;
use crate::prune::keep_in;
use crate::repository::Repository;
use crate::restore::restore_from;
use crate::verify::verify_repository;
use crate::{BackupReport, RestoreOptions};

/// Long enough for a busy machine, and short enough to wait for.
const PATIENCE: Patience = Patience {
    fresh: Duration::from_millis(200),
    latest: Duration::from_millis(600),
    dead: Duration::from_millis(1200),
    look: Duration::from_millis(10),
};

/// The repository as one process has opened it.
fn opened(store: &FaultyStore) -> Arc<dyn Storage> {
    Arc::new(storage(store))
}

fn storage(store: &FaultyStore) -> BucketStorage {
    let address = "s3://backups/headcount".parse().unwrap();
    let bucket = Bucket::on(Arc::new(store.clone()), address);
    let bucket = bucket.waiting(Duration::from_millis(1));
    let mut storage = BucketStorage::on(bucket).unwrap();
    storage.patience = PATIENCE;
    storage
}

fn schema() -> Arc<Schema> {
    Arc::new(Schema {
        tables: vec![Table {
            name: "crews".to_owned(),
            tier: Tier::Default,
            kind: TableKind::Event,
            columns: vec![Column {
                name: "time".to_owned(),
                column_type: ColumnType::Timestamp,
            }],
        }],
    })
}

/// A data folder with small files, and one that is sent in three parts.
async fn some_data() -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    let options = LakeOptions {
        background: false,
        ..LakeOptions::default()
    };
    let lake = Lake::open(data.path(), schema(), options).await.unwrap();
    lake.close().await.unwrap();
    for number in 0..60 {
        fs::write(
            data.path().join(format!("small-{number}")),
            format!("{number}"),
        )
        .unwrap();
    }
    let large: Vec<u8> = (0..2 * PART + 5).map(|at| (at / 1000) as u8).collect();
    fs::write(data.path().join("large"), large).unwrap();
    fs::write(data.path().join("one-part"), vec![1; PART]).unwrap();
    fs::write(data.path().join("empty"), "").unwrap();
    data
}

fn back_up(data: &Path, storage: &Arc<dyn Storage>) -> Result<BackupReport, BackupError> {
    back_up_in(storage, data, &schema(), |_, _| ())
}

fn assert_whole(store: &FaultyStore, points: usize) {
    let repository = Repository::open_in(opened(store)).unwrap();
    let verified = verify_repository(&repository, |_, _| ()).unwrap();
    assert_eq!(verified.points, points as u64);
    assert!(verified.damaged.is_empty(), "{verified:?}");
    assert!(verified.damaged_points.is_empty(), "{verified:?}");
}

/// Every file of the point is in the folder as it is in the data folder.
async fn assert_restored(store: &FaultyStore, data: &Path) {
    let to = tempfile::tempdir().unwrap();
    let repository = Repository::open_in(opened(store)).unwrap();
    let options = RestoreOptions::default();
    let schema = schema();
    let restored = restore_from(&repository, to.path(), &options, &schema, |_, _| ());
    let report = restored.await.unwrap();
    for file in report
        .point
        .files
        .iter()
        .filter(|file| !file.path.contains('/'))
    {
        let read = |root: &Path| fs::read(root.join(&file.path)).unwrap();
        assert!(read(to.path()) == read(data), "{}", file.path);
    }
}

#[tokio::test]
async fn a_bucket_holds_points_as_a_folder_does() {
    let data = some_data().await;
    let store = FaultyStore::new(1);
    let storage = opened(&store);
    let first = back_up(data.path(), &storage).unwrap();
    assert!(first.new_files > 60 && first.new_bytes > 3 * PART as u64);
    let again = back_up(data.path(), &opened(&store)).unwrap();
    assert_eq!(
        (again.new_files, &again.point.files),
        (0, &first.point.files)
    );
    fs::write(data.path().join("small-7"), "changed").unwrap();
    let third = back_up(data.path(), &storage).unwrap();
    assert_eq!(third.new_files, 1);
    assert_whole(&store, 3);
    assert_restored(&store, data.path()).await;
    let removed = keep_in(&storage, 1.try_into().unwrap()).unwrap();
    assert_eq!((removed.points.len(), removed.files), (2, 1));
    assert_whole(&store, 1);
    let again = keep_in(&storage, 1.try_into().unwrap()).unwrap();
    assert_eq!((again.points.len(), again.files), (0, 0));
}

#[tokio::test]
async fn faults_and_lost_answers_neither_lose_a_point_nor_make_a_wrong_one() {
    let data = some_data().await;
    let (mut faults, mut failed) = (0, 0);
    for seed in 0..12 {
        let store = FaultyStore::new(seed);
        let mut made = Vec::new();
        for round in 0..3 {
            fs::write(data.path().join("small-1"), format!("{seed} {round}")).unwrap();
            store.fail(if seed % 3 == 2 { 3 } else { 12 });
            match back_up(data.path(), &opened(&store)) {
                Ok(report) => made.push(report.point),
                Err(_) => failed += 1,
            }
            store.fail(0);
        }
        faults += store.injected();
        let last = back_up(data.path(), &opened(&store)).unwrap().point;
        made.push(last);
        let repository = Repository::open_in(opened(&store)).unwrap();
        let points = repository.points().unwrap();
        // A backup that failed may have added its point, whose answer got lost: that is whole too.
        for point in &made {
            assert!(points.contains(point), "{seed}");
        }
        assert_whole(&store, points.len());
    }
    assert!(
        faults > 100 && failed > 0 && failed < 36,
        "{faults} {failed}"
    );
}

#[tokio::test]
async fn backups_at_the_same_time_each_add_a_point_of_their_own() {
    let data = some_data().await;
    let store = FaultyStore::new(3);
    let ids: Vec<String> = thread::scope(|scope| {
        let running: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let storage = opened(&store);
                    let made = (0..3).map(|_| back_up(data.path(), &storage).unwrap());
                    made.map(|report| report.point.about.id).collect::<Vec<_>>()
                })
            })
            .collect();
        { running.into_iter() }
            .flat_map(|running| running.join().unwrap())
            .collect()
    });
    let mut distinct = ids.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!((ids.len(), distinct.len()), (12, 12));
    assert_whole(&store, 12);
}

/// The second backup relies on content of the first point; before it adds its own, the first is removed with what it alone needs.
#[tokio::test]
async fn content_that_is_removed_while_a_backup_runs_is_stored_again() {
    let data = some_data().await;
    let store = FaultyStore::new(4);
    let extra = data.path().join("extra");
    fs::write(&extra, "in the first point and the last").unwrap();
    back_up(data.path(), &opened(&store)).unwrap();
    fs::remove_file(&extra).unwrap();
    back_up(data.path(), &opened(&store)).unwrap();
    fs::write(&extra, "in the first point and the last").unwrap();
    let mut removed = None;
    let report = back_up_in(&opened(&store), data.path(), &schema(), |done, all| {
        if done == all && removed.is_none() {
            removed = Some(keep_in(&opened(&store), 1.try_into().unwrap()).unwrap());
        }
    });
    let removed = removed.unwrap();
    assert_eq!((removed.points.len(), removed.files), (1, 1));
    assert_eq!(report.unwrap().new_files, 1);
    assert_whole(&store, 2);
    assert_restored(&store, data.path()).await;
}

#[tokio::test]
async fn a_backup_waits_for_a_removal_and_ends_one_whose_command_is_dead() {
    let data = some_data().await;
    let store = FaultyStore::new(5);
    back_up(data.path(), &opened(&store)).unwrap();
    let remover = storage(&store);
    // Alive: it goes on for longer than a dead one would be waited for.
    let mut lease = RemovalLease::take(&remover.bucket, PATIENCE).unwrap();
    let waiting = thread::scope(|scope| {
        let backup = scope.spawn(|| back_up(data.path(), &opened(&store)).unwrap());
        let begun = std::time::Instant::now();
        while begun.elapsed() < 2 * PATIENCE.dead {
            lease.renew().unwrap();
            thread::sleep(PATIENCE.fresh / 4);
            assert!(!backup.is_finished(), "it waits");
        }
        drop(lease);
        backup.join().unwrap()
    });
    assert_eq!(waiting.new_files, 0);

    // Dead: it wakes up when a backup has gone on without it, and may not remove anything more.
    let mut lease = RemovalLease::take(&remover.bucket, PATIENCE).unwrap();
    back_up(data.path(), &opened(&store)).unwrap();
    let refused = lease.renew().unwrap_err().to_string();
    assert!(refused.contains("run it again"), "{refused}");
    drop(lease);
    // Its object is not in the way of the next removal.
    keep_in(&opened(&store), 1.try_into().unwrap()).unwrap();
    assert_whole(&store, 1);
}

#[tokio::test]
async fn one_command_removes_at_a_time() {
    let data = some_data().await;
    let store = FaultyStore::new(6);
    back_up(data.path(), &opened(&store)).unwrap();
    let remover = storage(&store);
    let mut lease = RemovalLease::take(&remover.bucket, PATIENCE).unwrap();
    thread::scope(|scope| {
        let other = scope.spawn(|| keep_in(&opened(&store), 1.try_into().unwrap()));
        while !other.is_finished() {
            lease.renew().unwrap();
            thread::sleep(PATIENCE.fresh / 4);
        }
        let refused = other.join().unwrap();
        assert!(
            matches!(refused, Err(BackupError::Locked { .. })),
            "{refused:?}"
        );
    });
    // A removal that was killed is taken over.
    std::mem::forget(lease);
    keep_in(&opened(&store), 1.try_into().unwrap()).unwrap();
    assert_eq!(
        storage(&store)
            .read(removal_lease::NAME)
            .unwrap_err()
            .kind(),
        io::ErrorKind::NotFound
    );
}

#[tokio::test]
async fn damage_in_a_bucket_is_found_named_and_healed() {
    let data = some_data().await;
    let store = FaultyStore::new(8);
    let point = back_up(data.path(), &opened(&store)).unwrap().point;
    for path in ["small-3", "large", "empty"] {
        let file = point.files.iter().find(|file| file.path == path).unwrap();
        let storage = storage(&store);
        let name = storage.content_name(&file.content);
        let mut bytes = vec![9; file.size as usize];
        if file.size == 0 {
            bytes.push(1);
        }
        let object = name.clone();
        let write = |bucket: Bucket| async move { bucket.put(&object, Bytes::from(bytes)).await };
        storage.bucket.wait(write).unwrap();
        let repository = Repository::open_in(opened(&store)).unwrap();
        let verified = verify_repository(&repository, |_, _| ()).unwrap();
        assert_eq!(verified.damaged.len(), 1, "{path}");
        let named = verified.damaged[0].content.to_string_lossy();
        assert!(
            named.starts_with("s3://backups/headcount/content/"),
            "{named}"
        );
        let healed = back_up(data.path(), &opened(&store)).unwrap();
        assert_eq!(healed.new_files, 1, "{path}");
        let again = verify_repository(&repository, |_, _| ()).unwrap();
        assert!(again.damaged.is_empty(), "{path}");
        assert!(repository.damaged().unwrap().is_empty(), "{path}");
    }
    // What is missing, too.
    let storage = storage(&store);
    for path in ["small-4", "large"] {
        let file = point.files.iter().find(|file| file.path == path).unwrap();
        storage
            .remove(&[storage.content_name(&file.content)])
            .unwrap();
    }
    let repository = Repository::open_in(opened(&store)).unwrap();
    let verified = verify_repository(&repository, |_, _| ()).unwrap();
    assert_eq!(verified.damaged.len(), 2);
    assert_eq!(back_up(data.path(), &opened(&store)).unwrap().new_files, 2);
    assert_restored(&store, data.path()).await;
}

#[tokio::test]
async fn a_store_without_conditions_and_a_prefix_with_other_objects_are_refused() {
    let data = some_data().await;
    let store = FaultyStore::new(9);
    store.ignore_conditions();
    let error = back_up(data.path(), &opened(&store)).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("If-None-Match"), "{error}: {cause}");
    let store = FaultyStore::new(9);
    let write = |bucket: Bucket| async move { bucket.put("letter", Bytes::new()).await };
    storage(&store).bucket.wait(write).unwrap();
    let error = back_up(data.path(), &opened(&store)).unwrap_err();
    assert!(matches!(error, BackupError::OtherContent { .. }), "{error}");
    assert!(error.to_string().contains("s3://backups/headcount"));
}
