//! Backups while the store is written, flushed and merged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use headcount_backup::{RestoreOptions, back_up};

use crate::support::{backed_up, batch, open, restored, rows, schema};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_backup_of_a_busy_store_holds_what_was_acknowledged_and_the_same_spans_in_every_table()
{
    let (data, repository) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let repository = repository.path().join("repository");
    let lake = Arc::new(open(data.path()).await);
    let acknowledged = Arc::new(AtomicU64::new(0));
    let is_over = Arc::new(AtomicBool::new(false));
    let writing = {
        let (lake, acknowledged, is_over) = (
            Arc::clone(&lake),
            Arc::clone(&acknowledged),
            Arc::clone(&is_over),
        );
        tokio::spawn(async move {
            for number in 0.. {
                let begin = number * 3;
                lake.append(batch(None, begin..begin + 3)).await.unwrap();
                acknowledged.store(begin + 3, Ordering::SeqCst);
                if number % 4 == 3 {
                    lake.flush().await.unwrap();
                }
                if number % 16 == 15 {
                    // Merges, and removes what is replaced at once.
                    lake.compact().await.unwrap();
                }
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
            }
        })
    };
    let mut points = Vec::new();
    for _ in 0..12 {
        let before = acknowledged.load(Ordering::SeqCst);
        let (from, to) = (data.path().to_path_buf(), repository.clone());
        let backing_up = tokio::task::spawn_blocking(move || backed_up(&from, &to));
        let report = backing_up.await.unwrap();
        assert!(
            report.point.about.damaged.is_empty(),
            "{:?}",
            report.point.about.damaged
        );
        points.push((before, report.point.about.id));
    }
    is_over.store(true, Ordering::SeqCst);
    writing.await.unwrap();
    let mut last = 0;
    for (before, id) in points {
        let options = RestoreOptions {
            point: Some(id),
            ..RestoreOptions::default()
        };
        let (to, report) = restored(&repository, options).await;
        assert_eq!(report.tables, 2);
        let copy = open(to.path()).await;
        assert_eq!((copy.missing_groups(), copy.unreadable_files()), (0, 0));
        let [crews, goals] = rows(&copy).await;
        assert_eq!(crews, goals, "a request is in both tables or in none");
        assert_eq!(crews % 3, 0);
        assert!(crews >= before && crews >= last, "{before} {last} {crews}");
        last = crews;
        // Exactly those of the first `crews` spans that are sent again are known.
        let again = copy.append(batch(None, 0..crews + 9)).await.unwrap();
        assert_eq!(again.duplicates, crews);
    }
    assert!(last > 0);
}

#[tokio::test]
async fn a_second_backup_copies_what_is_new_alone() {
    let (data, repository) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lake = open(data.path()).await;
    lake.append(batch(None, 0..5000)).await.unwrap();
    lake.flush().await.unwrap();
    let first = backed_up(data.path(), repository.path());
    assert_eq!(first.new_files as usize, first.point.files.len());
    let same = backed_up(data.path(), repository.path());
    assert_eq!((same.new_files, same.new_bytes), (0, 0));
    assert_eq!(same.point.files, first.point.files);
    lake.append(batch(None, 5000..5001)).await.unwrap();
    lake.flush().await.unwrap();
    let third = backed_up(data.path(), repository.path());
    assert!(third.new_bytes < first.new_bytes / 3, "{third:?}");
    let parquet = third
        .point
        .files
        .iter()
        .filter(|file| file.path.ends_with(".parquet"));
    assert_eq!(parquet.count(), 4);
}

/// What is written while a backup copies: three times, after its first file, everything that it has listed is merged and removed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_are_replaced_before_they_are_copied_have_the_backup_choose_a_later_moment() {
    let (data, repository) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lake = Arc::new(open(data.path()).await);
    for number in 0..3 {
        let fingerprints = number * 10..number * 10 + 10;
        lake.append(batch(None, fingerprints)).await.unwrap();
        lake.flush().await.unwrap();
    }
    let (from, to) = (data.path().to_path_buf(), repository.path().to_path_buf());
    let (writer, runtime) = (Arc::clone(&lake), tokio::runtime::Handle::current());
    let backing_up = tokio::task::spawn_blocking(move || {
        let mut begun = 0;
        let report = back_up(&from, &to, &schema(), |done, _| {
            begun += u64::from(done == 1);
            if done == 1 && begun <= 3 {
                runtime.block_on(async {
                    let fingerprints = begun * 100..begun * 100 + 10;
                    writer.append(batch(None, fingerprints)).await.unwrap();
                    writer.flush().await.unwrap();
                    writer.compact().await.unwrap();
                });
            }
        });
        (begun, report.unwrap())
    });
    let (begun, report) = backing_up.await.unwrap();
    assert_eq!(begun, 4, "it began again each time");
    assert!(report.point.about.damaged.is_empty());
    let (to, report) = restored(repository.path(), RestoreOptions::default()).await;
    assert_eq!(report.rows, 120);
    let copy = open(to.path()).await;
    assert_eq!(rows(&copy).await, [60, 60]);
    assert_eq!((copy.missing_groups(), copy.unreadable_files()), (0, 0));
}
