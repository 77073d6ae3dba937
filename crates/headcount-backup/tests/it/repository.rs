//! What a repository refuses, and how its own damage is found.

use std::fs;

use headcount_backup::{BackupError, RestoreOptions, back_up, points, purge, restore, verify};

use crate::support::{backed_up, batch, files_below, open, restored, rows, schema};

async fn some_data() -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    let lake = open(data.path()).await;
    lake.append(batch(None, 0..9)).await.unwrap();
    lake.flush().await.unwrap();
    data
}

#[tokio::test]
async fn a_folder_with_other_files_or_another_folders_backups_is_refused() {
    let (data, other) = (some_data().await, some_data().await);
    let letters = tempfile::tempdir().unwrap();
    fs::write(letters.path().join("letter.txt"), "Dear Sir").unwrap();
    let refused = back_up(data.path(), letters.path(), &schema(), |_, _| ());
    assert!(matches!(refused, Err(BackupError::OtherContent { .. })));
    assert_eq!(files_below(letters.path()).len(), 1);
    let repository = tempfile::tempdir().unwrap();
    backed_up(data.path(), repository.path());
    let refused = back_up(other.path(), repository.path(), &schema(), |_, _| ());
    assert!(matches!(refused, Err(BackupError::OtherFolder { .. })));
    assert_eq!(points(repository.path()).unwrap().0.len(), 1);
    let lock = fs::File::open(repository.path().join("LOCK")).unwrap();
    lock.try_lock().unwrap();
    let refused = back_up(data.path(), repository.path(), &schema(), |_, _| ());
    assert!(matches!(refused, Err(BackupError::Locked { .. })));
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_reads_a_repository_and_what_is_private_in_a_restored_folder() {
    use std::os::unix::fs::PermissionsExt as _;

    let data = some_data().await;
    fs::write(data.path().join("secret"), [1; 32]).unwrap();
    // As at the root of a file system; nobody but root may read it.
    let lost_and_found = data.path().join("lost+found");
    fs::create_dir(&lost_and_found).unwrap();
    fs::write(lost_and_found.join("#12"), "not ours").unwrap();
    let repository = tempfile::tempdir().unwrap();
    let path = repository.path().join("deep/er");
    backed_up(data.path(), &path);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for file in files_below(&path) {
        let is_lock = file.ends_with("LOCK");
        assert!(is_lock || mode(&file) == 0o600, "{}", file.display());
    }
    let (to, _) = restored(&path, RestoreOptions::default()).await;
    assert_eq!(mode(&to.path().join("secret")), 0o600);
    assert!(!to.path().join("lost+found").exists());
    for private in ["wal", "tables/shared", "audit"] {
        assert_eq!(mode(&to.path().join(private)), 0o700, "{private}");
    }
}

#[tokio::test]
async fn damage_of_a_backup_is_found_and_never_restored() {
    let data = some_data().await;
    let repository = tempfile::tempdir().unwrap();
    let point = backed_up(data.path(), repository.path()).point;
    let verified = verify(repository.path(), |_, _| ()).unwrap();
    assert!(verified.damaged.is_empty() && verified.points == 1 && verified.files > 5);
    let file = point
        .files
        .iter()
        .find(|file| file.path.ends_with(".parquet"));
    let content = &file.unwrap().content;
    let content = repository
        .path()
        .join("content")
        .join(&content[..2])
        .join(content);
    let whole = fs::read(&content).unwrap();
    let (mut flipped, mut cut) = (whole.clone(), whole.clone());
    flipped[whole.len() / 2] ^= 8;
    cut.pop();
    for damaged in [Some(&flipped), Some(&cut), None] {
        match damaged {
            Some(bytes) => fs::write(&content, bytes).unwrap(),
            None => fs::remove_file(&content).unwrap(),
        }
        let verified = verify(repository.path(), |_, _| ()).unwrap();
        assert_eq!(verified.damaged.len(), 1);
        assert_eq!(verified.damaged[0].content, content);
        let to = tempfile::tempdir().unwrap();
        let whole = RestoreOptions::default();
        let refused = restore(repository.path(), to.path(), &whole, &schema(), |_, _| ()).await;
        assert!(matches!(refused, Err(BackupError::DamagedContent { .. })));
        assert!(!headcount_lake::is_data_folder(to.path()));
        let opened = headcount_lake::Lake::open(to.path(), schema(), crate::support::by_hand());
        let error = opened.await.unwrap_err().to_string();
        assert!(error.contains("unfinished restore"), "{error}");
        let partial = RestoreOptions {
            is_partial: true,
            ..RestoreOptions::default()
        };
        let (to, report) = restored(repository.path(), partial).await;
        assert_eq!(report.left_out.len(), 1);
        assert_eq!(
            rows(&open(to.path()).await).await,
            [9, 9],
            "by the tables' logs"
        );
    }
    // The data folder still has it: the next backup puts it back.
    backed_up(data.path(), repository.path());
    assert_eq!(fs::read(&content).unwrap(), whole);
    assert!(
        verify(repository.path(), |_, _| ())
            .unwrap()
            .damaged
            .is_empty()
    );
}

#[tokio::test]
async fn what_is_left_of_a_backup_is_restored_without_its_log_or_a_commit() {
    let data = tempfile::tempdir().unwrap();
    let lake = open(data.path()).await;
    lake.append(batch(None, 0..9)).await.unwrap();
    lake.flush().await.unwrap();
    lake.append(batch(None, 9..12)).await.unwrap();
    let repository = tempfile::tempdir().unwrap();
    let point = backed_up(data.path(), repository.path()).point;
    let partial = || RestoreOptions {
        is_partial: true,
        ..RestoreOptions::default()
    };
    let is_of_log = |path: &str| path.starts_with("wal/");
    let is_commit = |path: &str| path.starts_with("tables/default/crews/_delta_log/");
    // Of a table without a commit nothing but the rows of the log is left.
    for (is_lost, expected, without_commits) in [
        (&is_of_log as &dyn Fn(&str) -> bool, [9, 9], &[][..]),
        (&is_commit, [3, 12], &["crews"][..]),
    ] {
        let mut lost = Vec::new();
        for file in point.files.iter().filter(|file| is_lost(&file.path)) {
            let content = content_of(repository.path(), &file.content);
            lost.push((content.clone(), fs::read(&content).unwrap()));
            fs::remove_file(content).unwrap();
        }
        assert!(!lost.is_empty());
        let (to, report) = restored(repository.path(), partial()).await;
        assert_eq!(report.left_out.len(), lost.len());
        let copy = open(to.path()).await;
        assert_eq!(rows(&copy).await, expected);
        assert_eq!(copy.tables_with_lost_commits(), without_commits);
        for (content, bytes) in lost {
            fs::write(content, bytes).unwrap();
        }
    }
    let (to, report) = restored(repository.path(), partial()).await;
    assert_eq!((report.left_out.len(), report.tables), (0, 2));
    assert_eq!(rows(&open(to.path()).await).await, [12, 12]);
}

/// The first content of the kind is as long as it was, and one bit differs.
#[tokio::test]
async fn damage_that_verify_found_is_healed_by_the_next_backup() {
    let data = some_data().await;
    let repository = tempfile::tempdir().unwrap();
    let point = backed_up(data.path(), repository.path()).point;
    for ending in [".parquet", ".json", "collector"] {
        let mut files = point.files.iter();
        let file = files.find(|file| file.path.ends_with(ending)).unwrap();
        let content = content_of(repository.path(), &file.content);
        let whole = fs::read(&content).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 8;
        fs::write(&content, flipped).unwrap();
        let verified = verify(repository.path(), |_, _| ()).unwrap();
        assert_eq!(verified.damaged.len(), 1, "{ending}");
        backed_up(data.path(), repository.path());
        assert_eq!(fs::read(&content).unwrap(), whole, "{ending}");
        let verified = verify(repository.path(), |_, _| ()).unwrap();
        assert!(verified.damaged.is_empty(), "{ending}: {verified:?}");
        let again = backed_up(data.path(), repository.path());
        assert_eq!(again.new_files, 0, "{ending}: it is known as whole again");
    }
}

/// Where the repository keeps it.
fn content_of(repository: &std::path::Path, hash: &str) -> std::path::PathBuf {
    repository.join("content").join(&hash[..2]).join(hash)
}

#[tokio::test]
async fn a_damaged_point_is_named_and_removes_nothing() {
    let data = some_data().await;
    let repository = tempfile::tempdir().unwrap();
    backed_up(data.path(), repository.path());
    let path = files_below(&repository.path().join("points")).remove(0);
    let mut bytes = fs::read(&path).unwrap();
    bytes[200] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(matches!(
        purge(repository.path()),
        Err(BackupError::DamagedPoint { .. })
    ));
    let verified = verify(repository.path(), |_, _| ()).unwrap();
    assert_eq!(verified.damaged_points.len(), 1);
    let to = tempfile::tempdir().unwrap();
    let options = RestoreOptions::default();
    let refused = restore(repository.path(), to.path(), &options, &schema(), |_, _| ()).await;
    let error = refused.unwrap_err().to_string();
    assert!(
        error.contains(path.file_name().unwrap().to_str().unwrap()),
        "{error}"
    );
    // The next night's backup is made nevertheless, behind it.
    let next = backed_up(data.path(), repository.path()).point;
    let (whole, damaged) = points(repository.path()).unwrap();
    assert_eq!((whole.as_slice(), damaged.len()), (&[next][..], 1));
    let (to, _) = restored(repository.path(), RestoreOptions::default()).await;
    assert_eq!(rows(&open(to.path()).await).await, [9, 9]);
}
