//! Repairs: their account, their small files, and a loss of power between any two of their steps.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use headcount_catalog::{KeyedReceipt, TableId};
use headcount_log::disk::{Disk, RealDisk};
use headcount_log::testing::SimulatedDisk;

use super::support::{assert_whole, batch, batch_under, by_hand, files_below, schema, stored};
use crate::account::audit::audit_on;
use crate::repair::repair_on;
use crate::{
    Audit, IntactFiles, Lake, LakeOptions, Outcome, Repaired, audit_folder, capture_folder,
    check_folder, repair_folder,
};

/// Copies of files by their paths in the data folder.
struct Copies(PathBuf);

impl Copies {
    /// Of the folder as it is now.
    fn of(data: &Path) -> (tempfile::TempDir, Self) {
        let to = tempfile::tempdir().unwrap();
        for file in files_below(data) {
            let copy = to.path().join(file.strip_prefix(data).unwrap());
            fs::create_dir_all(copy.parent().unwrap()).unwrap();
            fs::copy(&file, copy).unwrap();
        }
        let copies = Self(to.path().to_path_buf());
        (to, copies)
    }
}

impl IntactFiles for Copies {
    fn copies(&self, path: &str) -> Vec<String> {
        let exists = self.0.join(path).exists();
        exists.then(|| path.to_owned()).into_iter().collect()
    }

    fn write(&self, copy: &str, to: &mut dyn io::Write) -> io::Result<()> {
        to.write_all(&fs::read(self.0.join(copy))?)
    }
}

fn read(dir: &Path) -> Audit {
    audit_folder(dir, &schema(), None).unwrap()
}

fn unreadable(audit: &Audit) -> u64 {
    let days = audit.tables.iter().flat_map(|table| &table.days);
    days.map(|day| day.unreadable).sum()
}

fn outcomes(repaired: &[Repaired]) -> Vec<Outcome> {
    repaired.iter().map(|repaired| repaired.outcome).collect()
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 16;
    fs::write(path, bytes).unwrap();
}

/// The Parquet files of a table, without its checkpoints.
fn parquet(dir: &Path, table: &str) -> Vec<PathBuf> {
    let mut files = files_below(&dir.join("tables/default").join(table));
    files.retain(|path| {
        let path = path.to_string_lossy();
        path.ends_with(".parquet") && !path.contains("_delta_log")
    });
    files
}

/// Flushes of six spans each.
async fn flushes(dir: &Path, options: LakeOptions, count: u64) {
    let lake = Lake::open(dir, schema(), options).await.unwrap();
    for flush in 0..count {
        lake.append(batch(flush * 6..flush * 6 + 6)).await.unwrap();
        lake.flush().await.unwrap();
        lake.compact().await.unwrap();
    }
    drop(lake);
}

#[tokio::test]
async fn what_a_repair_gave_up_is_in_the_account_without_the_list_of_lost_rows() {
    for table in ["crews", "refusals"] {
        let dir = tempfile::tempdir().unwrap();
        flushes(dir.path(), by_hand(), 1).await;
        flip(&parquet(dir.path(), table)[0]);
        let units = unreadable(&read(dir.path()));
        assert!(units > 0);
        assert_eq!(
            outcomes(&repair_folder(dir.path(), &schema(), None).unwrap()),
            [Outcome::SetAside]
        );
        let audit = read(dir.path());
        assert_whole(&audit, "repaired");
        assert_eq!(unreadable(&audit), units);
        // Whoever is done with the loss removes the list.
        fs::remove_file(dir.path().join("lost-rows")).unwrap();
        let audit = read(dir.path());
        assert_whole(&audit, "without the list");
        assert_eq!(unreadable(&audit), units);
    }
}

#[tokio::test]
async fn what_an_older_version_gave_up_is_still_counted_by_the_list() {
    let dir = tempfile::tempdir().unwrap();
    // A file of an older version has the rows of one day.
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    lake.append(batch([0, 3])).await.unwrap();
    lake.flush().await.unwrap();
    drop(lake);
    flip(&parquet(dir.path(), "crews")[0]);
    repair_folder(dir.path(), &schema(), None).unwrap();
    let whole = unreadable(&read(dir.path()));
    // Its commit said nothing of these rows, and its list did not say that one does.
    let resealed = |text: &str, from: &str, to: &str| {
        let line = text.lines().next().unwrap();
        assert!(line.contains(from), "{line}");
        let line = line.replace(from, to);
        format!("{line}\n{:08x}\n", crc32fast::hash(line.as_bytes()))
    };
    let list = dir.path().join("lost-rows");
    let text = fs::read_to_string(&list).unwrap();
    fs::write(&list, resealed(&text, ",\"counted\":true", "")).unwrap();
    let log = dir.path().join("tables/default/crews/_delta_log");
    let commit = files_below(&log).pop().unwrap();
    let text = fs::read_to_string(&commit).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    let mut first: serde_json::Value = serde_json::from_str(first).unwrap();
    crate::account::Account::default().write_into(&mut first["commitInfo"]);
    fs::write(&commit, format!("{first}\n{rest}")).unwrap();
    let audit = read(dir.path());
    assert_whole(&audit, "of an older version");
    assert_eq!(unreadable(&audit), whole);
}

#[tokio::test]
async fn rows_of_a_file_that_is_back_in_its_table_are_not_missing_after_a_merge() {
    let dir = tempfile::tempdir().unwrap();
    flushes(dir.path(), by_hand(), 1).await;
    let file = parquet(dir.path(), "crews").remove(0);
    let whole = fs::read(&file).unwrap();
    let (_kept, before) = Copies::of(dir.path());
    flip(&file);
    repair_folder(dir.path(), &schema(), None).unwrap();
    // As if the repair had ended before its commit; then somebody restores the file, and it is merged.
    let log = "tables/default/crews/_delta_log";
    for commit in files_below(&dir.path().join(log)) {
        if !before
            .0
            .join(log)
            .join(commit.file_name().unwrap())
            .exists()
        {
            fs::remove_file(commit).unwrap();
        }
    }
    fs::write(&file, whole).unwrap();
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    lake.append(batch(6..12)).await.unwrap();
    lake.flush().await.unwrap();
    lake.compact().await.unwrap();
    assert!(
        !lake
            .snapshot()
            .await
            .unwrap()
            .file_locations()
            .contains(&format!("{}", file.display()))
    );
    let snapshot = lake.snapshot().await.unwrap();
    assert_eq!(stored(&snapshot).await, (0..12).collect::<Vec<_>>());
    assert_eq!(snapshot.missing_rows(TableId(0)), None);
    assert_whole(&lake.audit().await.unwrap(), "merged");
    lake.close().await.unwrap();
    assert_eq!(check_folder(dir.path(), &schema()).unwrap().findings, []);
}

/// Options under which every second commit makes a checkpoint, and replaced files go at once.
fn with_checkpoints() -> LakeOptions {
    LakeOptions {
        checkpoint_every: 2,
        vacuum_grace: Duration::ZERO,
        ..by_hand()
    }
}

#[tokio::test]
async fn a_damaged_checkpoint_is_replaced_and_the_account_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    flushes(dir.path(), with_checkpoints(), 3).await;
    let log = dir.path().join("tables/default/crews/_delta_log");
    let mut checkpoints = files_below(&log);
    checkpoints.retain(|path| path.to_string_lossy().ends_with(".checkpoint.parquet"));
    for path in &checkpoints {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    }
    let count = checkpoints.len();
    assert!(count > 0);
    let done = repair_folder(dir.path(), &schema(), None).unwrap();
    assert_eq!(outcomes(&done), vec![Outcome::SetAside; count]);
    assert_eq!(
        files_below(&dir.path().join("damaged")).len(),
        count,
        "they are kept"
    );
    let ledger = fs::read_to_string(dir.path().join("ledger/crews")).unwrap();
    let line: serde_json::Value = serde_json::from_str(ledger.lines().next().unwrap()).unwrap();
    let last: serde_json::Value =
        serde_json::from_slice(&fs::read(log.join("_last_checkpoint")).unwrap()).unwrap();
    assert_eq!(line["version"], last["version"]);
    assert_eq!(check_folder(dir.path(), &schema()).unwrap().findings, []);
    assert_whole(&read(dir.path()), "repaired");
    assert!(
        repair_folder(dir.path(), &schema(), None)
            .unwrap()
            .is_empty()
    );
    // As an older version's repair left it where it ended after the checkpoint was set aside.
    let named = log.join(format!(
        "{:020}.checkpoint.parquet",
        last["version"].as_u64().unwrap()
    ));
    fs::remove_file(&named).unwrap();
    let done = repair_folder(dir.path(), &schema(), None).unwrap();
    assert_eq!(outcomes(&done), [Outcome::Restored], "{done:?}");
    assert!(named.exists());
}

/// Whenever the power goes, `_last_checkpoint` names a file that exists, and the next repair completes what is left.
#[tokio::test]
async fn a_repair_survives_a_loss_of_power_at_any_point() {
    let mut is_over = false;
    for operations in 0.. {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let disk = SimulatedDisk::new(operations + 1);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let lake = Lake::open_on(Arc::clone(&shared), &data, schema(), with_checkpoints()).await;
        let lake = lake.unwrap();
        for flush in 0..3 {
            lake.append(batch(flush * 6..flush * 6 + 6)).await.unwrap();
            lake.flush().await.unwrap();
            lake.compact().await.unwrap();
        }
        drop(lake);
        let log = data.join("tables/default/crews/_delta_log");
        let mut damaged = files_below(&log);
        damaged.retain(|path| path.to_string_lossy().ends_with(".checkpoint.parquet"));
        damaged.push(parquet(&data, "crews").remove(0));
        damaged.push(parquet(&data, "refusals").remove(0));
        for path in &damaged {
            let mut bytes = fs::read(path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 16;
            shared.replace(path, &bytes).unwrap();
        }
        let root = shared.canonical(&data).unwrap();
        let audit = || audit_on(Arc::clone(&shared), root.clone(), &schema(), None).unwrap();
        let units = unreadable(&audit());
        disk.lose_power_after(Some(operations));
        let repaired = repair_on(Arc::clone(&shared), &data, &schema(), None);
        disk.crash();
        let seed = format!("after {operations} operations");
        let last: serde_json::Value =
            serde_json::from_slice(&fs::read(log.join("_last_checkpoint")).unwrap()).unwrap();
        let version = last["version"].as_u64().unwrap();
        let named = log.join(format!("{version:020}.checkpoint.parquet"));
        assert!(named.exists(), "{seed}");
        assert_whole(&audit(), &seed);
        repair_on(Arc::clone(&shared), &data, &schema(), None).unwrap();
        assert_whole(&audit(), &seed);
        assert_eq!(unreadable(&audit()), units, "{seed}");
        let lake = Lake::open_on(Arc::clone(&shared), &data, schema(), with_checkpoints()).await;
        let lake = lake.unwrap_or_else(|error| panic!("{seed}: {error}"));
        let snapshot = lake.snapshot().await.unwrap();
        let missing = snapshot.missing_rows(TableId(0)).and_then(|rows| rows.rows);
        let there = stored(&snapshot).await.len() as u64;
        assert_eq!(missing.map(|missing| missing + there), Some(18), "{seed}");
        drop(lake);
        if repaired.is_ok() {
            is_over = true;
            break;
        }
    }
    assert!(is_over);
}

/// The small files that a folder of the tests has, each with whether a backup of the folder can replace it.
const SMALL_FILES: [(&str, bool); 4] = [
    ("crew-erasures/00000000000000000001.order", true),
    ("ledger/crews", true),
    ("lost-rows", true),
    ("watermark", false),
];

async fn with_small_files(dir: &Path) {
    flushes(dir, with_checkpoints(), 3).await;
    flip(&parquet(dir, "crews")[0]);
    repair_folder(dir, &schema(), None).unwrap();
    let lake = Lake::open(dir, schema(), by_hand()).await.unwrap();
    let selection = crate::CrewSelection {
        crew_keys: vec!["5d41a2c8e0b7f319".to_owned()],
        ..crate::CrewSelection::default()
    };
    lake.order_crew_erasure(selection).await.unwrap();
    let receipt = KeyedReceipt::new([7; 16]);
    lake.append(batch_under(Some(receipt), 100..103))
        .await
        .unwrap();
    lake.order_erasure(vec![receipt]).await.unwrap();
    drop(lake);
}

#[tokio::test]
async fn every_damaged_small_file_is_named_by_check_repair_and_capture() {
    let dir = tempfile::tempdir().unwrap();
    with_small_files(dir.path()).await;
    let (_kept, copies) = Copies::of(dir.path());
    let mut small: Vec<(PathBuf, bool)> = SMALL_FILES
        .map(|(path, is_replaced)| (PathBuf::from(path), is_replaced))
        .to_vec();
    for folder in ["seen", "erasures"] {
        let files = files_below(&dir.path().join(folder));
        let file = files.first().unwrap().strip_prefix(dir.path()).unwrap();
        small.push((file.to_path_buf(), true));
    }
    let findings = || check_folder(dir.path(), &schema()).unwrap().findings;
    let known = findings().len();
    for (path, is_replaced) in small {
        let file = dir.path().join(&path);
        let before = fs::read(&file).unwrap();
        flip(&file);
        let named = |paths: Vec<PathBuf>| paths.iter().filter(|named| **named == path).count();
        let checked: Vec<_> = findings().into_iter().map(|found| found.path).collect();
        assert_eq!(named(checked), 1, "check: {}", path.display());
        let captured = capture_folder(dir.path(), &schema()).unwrap().findings;
        let captured: Vec<_> = captured.into_iter().map(|found| found.path).collect();
        assert_eq!(named(captured), 1, "capture: {}", path.display());
        let done = repair_folder(dir.path(), &schema(), Some(&copies)).unwrap();
        let expected = match is_replaced {
            true => Outcome::Restored,
            false => Outcome::SetAside,
        };
        assert_eq!(outcomes(&done), [expected], "{done:?}");
        assert_eq!(done[0].path, path);
        if is_replaced {
            assert_eq!(fs::read(&file).unwrap(), before, "{}", path.display());
            assert_eq!(findings().len(), known);
            flip(&file);
            let done = repair_folder(dir.path(), &schema(), None).unwrap();
            assert_eq!(outcomes(&done), [Outcome::SetAside], "{done:?}");
        }
        assert!(!file.exists() && file.with_extension("damaged").exists());
        let aside = path.with_extension("damaged");
        assert!(findings().iter().any(|found| found.path == aside));
        fs::remove_file(file.with_extension("damaged")).unwrap();
        fs::write(&file, before).unwrap();
        assert_eq!(findings().len(), known);
    }
}

#[tokio::test]
async fn an_erasure_removes_what_was_set_aside_of_its_tables_whatever_can_be_read_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let options = || LakeOptions {
        erasure_grace: Duration::ZERO,
        ..by_hand()
    };
    let receipt = KeyedReceipt::new([7; 16]);
    let lake = Lake::open(dir.path(), schema(), options()).await.unwrap();
    lake.append(batch_under(Some(receipt), 0..6)).await.unwrap();
    lake.append(batch(10..16)).await.unwrap();
    lake.close().await.unwrap();
    // Their receipts were damaged into others, and nothing else: each can be read to its end, and seems to hold nobody's rows.
    for (table, name) in [("crews", "a"), ("refusals", "b")] {
        let file = parquet(dir.path(), table).remove(0);
        let aside = dir
            .path()
            .join(format!("damaged/4102444800-{table}-{name}.parquet"));
        fs::create_dir_all(aside.parent().unwrap()).unwrap();
        let other = tempfile::tempdir().unwrap();
        if table == "crews" {
            let lake = Lake::open(other.path(), schema(), by_hand()).await.unwrap();
            lake.append(batch(20..26)).await.unwrap();
            lake.close().await.unwrap();
            fs::copy(&parquet(other.path(), table)[0], &aside).unwrap();
        } else {
            fs::copy(&file, &aside).unwrap();
        }
    }
    let lake = Lake::open(dir.path(), schema(), options()).await.unwrap();
    lake.order_erasure(vec![receipt]).await.unwrap();
    lake.erase().await.unwrap();
    let left = files_below(&dir.path().join("damaged"));
    let names: Vec<_> = left.iter().filter_map(|path| path.file_name()).collect();
    assert_eq!(
        names,
        ["4102444800-refusals-b.parquet"],
        "refusals hold nobody's rows"
    );
    lake.close().await.unwrap();
}

#[tokio::test]
async fn a_ledger_that_is_ahead_of_its_table_is_set_aside_at_a_start() {
    let dir = tempfile::tempdir().unwrap();
    flushes(dir.path(), with_checkpoints(), 2).await;
    let (_kept, before) = Copies::of(dir.path());
    let lake = Lake::open(dir.path(), schema(), with_checkpoints())
        .await
        .unwrap();
    for flush in 2..4 {
        lake.append(batch(flush * 6..flush * 6 + 6)).await.unwrap();
        lake.flush().await.unwrap();
        lake.compact().await.unwrap();
    }
    drop(lake);
    // Somebody puts an older copy of the table's folder in its place.
    let table = "tables/default/crews";
    fs::remove_dir_all(dir.path().join(table)).unwrap();
    for file in files_below(&before.0.join(table)) {
        let to = dir.path().join(file.strip_prefix(&before.0).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(file, to).unwrap();
    }
    let lake = Lake::open(dir.path(), schema(), with_checkpoints())
        .await
        .unwrap();
    assert_eq!(lake.tables_with_lost_commits(), ["crews"]);
    let audit = lake.audit().await.unwrap();
    assert!(
        audit.problems.iter().any(|it| it.contains("crews.damaged")),
        "{:?}",
        audit.problems
    );
    assert!(
        !audit.problems.iter().any(|it| it.contains("gap")),
        "{:?}",
        audit.problems
    );
    let days = &audit.tables[0].days;
    assert_eq!(days.iter().map(|day| day.opening).sum::<u64>(), 12);
    assert!(days.iter().all(|day| day.difference() == Some(0)));
    drop(lake);
}

#[tokio::test]
async fn a_bad_sector_costs_an_audit_an_erasure_and_a_merge_the_file_that_is_on_it() {
    let dir = tempfile::tempdir().unwrap();
    let disk = SimulatedDisk::new(1);
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let options = LakeOptions {
        erasure_grace: Duration::ZERO,
        ..by_hand()
    };
    let lake = Lake::open_on(Arc::clone(&shared), dir.path(), schema(), options)
        .await
        .unwrap();
    let receipt = KeyedReceipt::new([7; 16]);
    for flush in 0..2 {
        let spans = flush * 6..flush * 6 + 6;
        lake.append(batch_under(Some(receipt), spans))
            .await
            .unwrap();
        lake.append(batch(flush * 6 + 100..flush * 6 + 106))
            .await
            .unwrap();
        lake.flush().await.unwrap();
    }
    let root = RealDisk::default().canonical(dir.path()).unwrap();
    let bad = parquet(&root, "crews").remove(0);
    let others = parquet(&root, "crews").split_off(1);
    disk.set_bad(&bad, true);
    let audit = lake.audit().await.unwrap();
    assert_whole(&audit, "a bad sector");
    assert!(unreadable(&audit) > 0);
    lake.order_erasure(vec![receipt]).await.unwrap();
    let error = lake.erase().await.unwrap_err().to_string();
    assert!(error.contains(&*bad.to_string_lossy()), "{error}");
    assert!(
        others.iter().all(|path| !path.exists()),
        "they were erased from"
    );
    lake.compact().await.unwrap();
    assert_eq!((lake.unreadable_files(), bad.exists()), (1, true));
    disk.set_bad(&bad, false);
    lake.erase().await.unwrap();
    assert!(!bad.exists());
    assert_whole(&lake.audit().await.unwrap(), "erased");
}
