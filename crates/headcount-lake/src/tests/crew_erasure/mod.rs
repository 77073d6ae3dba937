//! Rows of erased crews are gone, with those that only their runs tell of, and no others.

mod power_cuts;
mod reading;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use headcount_catalog::{
    AdmittedBatch, BatchWriter, Column, ColumnType, Fingerprint, Schema, Table, TableId, TableKind,
    Tier,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::support::{T0, by_hand, parquet_files};
use crate::{CrewSelection, Lake, LakeError, LakeOptions, LakeSnapshot};

/// Crews, tasks that name the crew's key or nothing but its run, deployments that name the run alone, content, and tools, which
/// name nobody.
fn schema() -> Arc<Schema> {
    let text = ColumnType::Text;
    let table = |name: &str, tier, columns: &[&str]| Table {
        name: name.to_owned(),
        tier,
        kind: TableKind::Event,
        columns: [("time", ColumnType::Timestamp), ("n", ColumnType::Integer)]
            .into_iter()
            .chain(columns.iter().map(|name| (*name, text)))
            .map(|(name, column_type)| Column {
                name: name.to_owned(),
                column_type,
            })
            .collect(),
    };
    Arc::new(Schema {
        tables: vec![
            table("crews", Tier::Default, &["id", "key", "project_id"]),
            table("tasks", Tier::Default, &["crew_id", "crew_key"]),
            table("deployments", Tier::Default, &["crew_id"]),
            table("shared_io", Tier::Shared, &["crew_id", "crew_key"]),
            table("tool_uses", Tier::Default, &["tool_name"]),
        ],
    })
}

const CREWS: u64 = 4;

/// The crew of a run, its key, its id and its project.
fn crew(run: u64) -> u64 {
    run % CREWS
}

fn key(crew: u64) -> String {
    format!("c0ffee{crew:010x}")
}

fn id(run: u64) -> String {
    format!("{run:08x}-0000-4000-8000-{run:012x}")
}

fn project(crew: u64) -> String {
    format!("90{:014x}", crew % 2)
}

/// A span a run: a row in each table.
fn runs(range: Range<u64>) -> AdmittedBatch {
    let mut writer = BatchWriter::for_tests(1024);
    for run in range {
        let (id, key) = (id(run), key(crew(run)));
        writer.begin_entry(Fingerprint(run + 1));
        for table in 0..5 {
            writer.row(TableId(table), |row| {
                row.timestamp(0, T0 + run as i64 % 3 * 86_400_000_000 + run as i64);
                row.integer(1, run as i64);
                match table {
                    0 => {
                        row.text(2, &id);
                        row.text(3, &key);
                        row.text(4, &project(crew(run)));
                    }
                    1 | 3 => {
                        row.text(2, &id);
                        // Some say "" and some nothing.
                        match run % 3 {
                            0 => {}
                            1 => row.text(3, ""),
                            _ => row.text(3, &key),
                        }
                    }
                    2 => row.text(2, &id),
                    _ => row.text(2, "search"),
                }
            });
        }
        writer.end_entry();
    }
    writer.finish()
}

fn of_keys(crews: &[u64]) -> CrewSelection {
    CrewSelection {
        crew_keys: crews.iter().copied().map(key).collect(),
        ..CrewSelection::default()
    }
}

fn at_once() -> LakeOptions {
    LakeOptions {
        erasure_grace: std::time::Duration::ZERO,
        ..by_hand()
    }
}

async fn open(dir: &Path) -> Lake {
    Lake::open(dir, schema(), at_once()).await.unwrap()
}

/// The runs of which each table holds a row, each as often as it does.
async fn stored(snapshot: &LakeSnapshot) -> Vec<Vec<u64>> {
    let mut all = Vec::new();
    for (id, _) in schema().iter() {
        let context = datafusion::prelude::SessionContext::new();
        let provider = snapshot.provider(id);
        context.register_table("rows", provider).unwrap();
        let rows = context.sql("SELECT n FROM rows ORDER BY 1").await.unwrap();
        let batches = rows.collect().await.unwrap();
        let columns = batches
            .iter()
            .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values());
        all.push(columns.map(|run| *run as u64).collect());
    }
    all
}

/// The runs of which any file holds a byte that names them or their crew.
fn runs_on_disk(folder: &Path) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.to_string_lossy();
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".parquet") && !name.contains("_delta_log") {
                // What is in `tool_uses` tells of nobody.
                if !name.contains("/tool_uses/") {
                    found.extend(runs_in(&path));
                }
            } else {
                let bytes = std::fs::read(&path).unwrap();
                let ids = bytes
                    .windows(36)
                    .filter_map(|id| std::str::from_utf8(id).ok());
                let ids = ids.filter(|id| id.get(8..24) == Some("-0000-4000-8000-"));
                found.extend(ids.filter_map(|id| u64::from_str_radix(&id[..8], 16).ok()));
            }
        }
    }
    found
}

/// Stands for a file that cannot be read.
const TORN: u64 = u64::MAX;

fn runs_in(path: &PathBuf) -> Vec<u64> {
    let Ok(reader) = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(path).unwrap())
    else {
        return vec![TORN];
    };
    let mut runs = Vec::new();
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        let column = batch.column_by_name("n").unwrap();
        let values = column.as_primitive::<Int64Type>().values();
        runs.extend(values.iter().map(|run| *run as u64));
    }
    runs
}

fn without(runs: Range<u64>, is_erased: impl Fn(u64) -> bool) -> Vec<u64> {
    runs.filter(|run| !is_erased(*run)).collect()
}

#[tokio::test]
async fn an_erased_crew_is_gone_from_memory_log_and_tables_and_its_neighbours_stay() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path()).await;
    // In merged files, in files as they were flushed, and in the log.
    lake.append(runs(0..40)).await.unwrap();
    lake.flush().await.unwrap();
    lake.append(runs(40..50)).await.unwrap();
    lake.flush().await.unwrap();
    lake.compact().await.unwrap();
    lake.append(runs(50..60)).await.unwrap();
    lake.flush().await.unwrap();
    lake.append(runs(60..100)).await.unwrap();
    let rows = lake
        .snapshot()
        .await
        .unwrap()
        .crew_rows(&of_keys(&[1]))
        .unwrap();
    let counts: Vec<u64> = (0..5)
        .map(|table| rows.count(TableId(table)).unwrap())
        .collect();
    assert_eq!(counts, [25, 25, 25, 25, 0]);

    assert_eq!(lake.order_crew_erasure(of_keys(&[1])).await.unwrap(), 1);
    lake.erase().await.unwrap();
    let rest = without(0..100, |run| crew(run) == 1);
    let everything: Vec<u64> = (0..100).collect();
    let found = stored(&lake.snapshot().await.unwrap()).await;
    assert_eq!(found[..4], [&rest[..]; 4]);
    assert_eq!(found[4], everything, "a tool's use names no crew");
    assert_eq!(runs_on_disk(dir.path()), rest.iter().copied().collect());
    let order = &lake.crew_erasures()[0];
    assert!(order.is_done());
    assert_eq!(order.rows, 100);
    // Others see the same, and so does the next start.
    let beside = LakeSnapshot::read(dir.path(), schema()).await.unwrap();
    assert_eq!(stored(&beside).await, found);
    lake.close().await.unwrap();
    let lake = open(dir.path()).await;
    lake.compact().await.unwrap();
    assert_eq!(stored(&lake.snapshot().await.unwrap()).await, found);
}

#[tokio::test]
async fn a_run_and_a_project_are_erased_by_their_own_names() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path()).await;
    lake.append(runs(0..40)).await.unwrap();
    lake.flush().await.unwrap();
    let run = CrewSelection {
        crew_ids: vec![id(7)],
        ..CrewSelection::default()
    };
    lake.order_crew_erasure(run).await.unwrap();
    lake.erase().await.unwrap();
    let found = stored(&lake.snapshot().await.unwrap()).await;
    assert_eq!(found[..4], [&without(0..40, |run| run == 7)[..]; 4]);
    let of_project = CrewSelection {
        projects: vec![project(0)],
        ..CrewSelection::default()
    };
    lake.order_crew_erasure(of_project).await.unwrap();
    lake.erase().await.unwrap();
    let rest = without(0..40, |run| run == 7 || run % 2 == 0);
    let found = stored(&lake.snapshot().await.unwrap()).await;
    assert_eq!(found[..4], [&rest[..]; 4]);
    assert_eq!(runs_on_disk(dir.path()), rest.into_iter().collect());
}

#[tokio::test]
async fn a_run_that_names_another_crew_is_that_crews() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path()).await;
    lake.append(runs(0..12)).await.unwrap();
    // Somebody sends a crew of his own with the id of crew 2's run.
    let mut writer = BatchWriter::for_tests(64);
    writer.begin_entry(Fingerprint(999));
    writer.row(TableId(0), |row| {
        row.integer(1, 500);
        row.text(2, &id(2));
        row.text(3, "bad0bad0bad0bad0");
    });
    writer.end_entry();
    lake.append(writer.finish()).await.unwrap();
    let selection = CrewSelection {
        crew_keys: vec!["bad0bad0bad0bad0".to_owned()],
        ..CrewSelection::default()
    };
    lake.order_crew_erasure(selection).await.unwrap();
    lake.erase().await.unwrap();
    let found = stored(&lake.snapshot().await.unwrap()).await;
    let everything: Vec<u64> = (0..12).collect();
    assert_eq!(found[0], everything, "crew 2 keeps what names it");
    // What names the run alone is both's: it goes.
    assert_eq!(found[2], without(0..12, |run| run == 2));
}

#[tokio::test]
async fn only_files_with_such_rows_are_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path()).await;
    for part in 0..6 {
        lake.append(runs(part..part + 1)).await.unwrap();
        lake.flush().await.unwrap();
    }
    let before = lake.snapshot().await.unwrap().file_locations();
    lake.order_crew_erasure(of_keys(&[3])).await.unwrap();
    lake.erase().await.unwrap();
    let after = lake.snapshot().await.unwrap().file_locations();
    // One of the six runs, with a file in each of the four tables that name it. It was alone in them.
    assert_eq!(before.difference(&after).count(), 4);
    assert!(after.is_subset(&before));
    // An order that finds nothing writes nothing.
    lake.order_crew_erasure(of_keys(&[77])).await.unwrap();
    lake.erase().await.unwrap();
    assert_eq!(lake.snapshot().await.unwrap().file_locations(), after);
    let orders = lake.crew_erasures();
    assert!(orders[1].is_done() && orders[1].rows == 0);
}

#[tokio::test]
async fn rows_that_come_after_an_erasure_are_new_data() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path()).await;
    lake.append(runs(0..8)).await.unwrap();
    lake.order_crew_erasure(of_keys(&[0])).await.unwrap();
    lake.erase().await.unwrap();
    // What was erased stays so when it is sent again: it was stored once.
    lake.append(runs(0..12)).await.unwrap();
    lake.erase().await.unwrap();
    let found = stored(&lake.snapshot().await.unwrap()).await;
    assert_eq!(found[0], without(0..12, |run| run == 0 || run == 4));
}

#[tokio::test]
async fn a_damaged_file_keeps_the_order_pending_and_its_runs_from_being_missed() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path()).await;
    lake.append(runs(0..8)).await.unwrap();
    lake.flush().await.unwrap();
    let file = parquet_files(&dir.path().join("tables/default/crews")).remove(0);
    let whole = std::fs::read(&file).unwrap();
    let mut damaged = whole.clone();
    damaged[20..60].fill(0xaa);
    std::fs::write(&file, &damaged).unwrap();
    lake.order_crew_erasure(of_keys(&[1])).await.unwrap();
    assert!(matches!(
        lake.erase().await,
        Err(LakeError::UnreadableFile { .. })
    ));
    assert!(!lake.crew_erasures()[0].is_done());
    std::fs::write(&file, &whole).unwrap();
    lake.erase().await.unwrap();
    let found = stored(&lake.snapshot().await.unwrap()).await;
    assert_eq!(found[..4], [&without(0..8, |run| crew(run) == 1)[..]; 4]);
}
