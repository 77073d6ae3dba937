//! A catalog, batches and queries for the tests.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use headcount_catalog::{
    AdmittedBatch, BatchWriter, Column, ColumnType, Fingerprint, KeyedReceipt, Schema, Table,
    TableId, TableKind, Tier,
};

use crate::delta::log::ActiveFile;
use crate::{Audit, Lake, LakeOptions, LakeSnapshot};

pub(crate) const T0: i64 = 1_795_410_571_182_041;

/// Two event tables, one a tier, and a counter table.
pub(crate) fn schema() -> Arc<Schema> {
    let column = |(name, column_type): (&str, ColumnType)| Column {
        name: name.to_owned(),
        column_type,
    };
    let table = |name: &str, tier, kind, further: &[(&str, ColumnType)]| Table {
        name: name.to_owned(),
        tier,
        kind,
        columns: [
            ("time", ColumnType::Timestamp),
            ("framework", ColumnType::Text),
        ]
        .iter()
        .chain(further)
        .copied()
        .map(column)
        .collect(),
    };
    use ColumnType::{Boolean, Double, Integer, Text, TextList};
    Arc::new(Schema {
        tables: vec![
            table(
                "crews",
                Tier::Default,
                TableKind::Event,
                &[
                    ("id", Text),
                    ("memory", Boolean),
                    ("tasks", Integer),
                    ("score", Double),
                    ("tool_names", TextList),
                    ("receipt", Text),
                ],
            ),
            table(
                "shared_agents",
                Tier::Shared,
                TableKind::Event,
                &[("id", Text), ("goal", Text), ("receipt", Text)],
            ),
            table(
                "refusals",
                Tier::Default,
                TableKind::Counter,
                &[("reason", Text), ("count", Integer)],
            ),
        ],
    })
}

/// One span a fingerprint; each with a row in `crews`, every third with one in `shared_agents`, one refusal a batch.
pub(crate) fn batch(fingerprints: impl IntoIterator<Item = u64>) -> AdmittedBatch {
    batch_under(None, fingerprints)
}

/// The same for a request that came with `receipt`.
pub(crate) fn batch_under(
    receipt: Option<KeyedReceipt>,
    fingerprints: impl IntoIterator<Item = u64>,
) -> AdmittedBatch {
    let mut writer = BatchWriter::for_tests(1024).under(receipt);
    for fingerprint in fingerprints {
        writer.begin_entry(Fingerprint(fingerprint));
        writer.row(TableId(0), |row| {
            row.timestamp(
                0,
                T0 + fingerprint as i64 % 3 * 86_400_000_000 + fingerprint as i64,
            );
            row.text(1, "crewai");
            row.text(2, &format!("{fingerprint:016x}"));
            row.boolean(3, fingerprint % 2 == 0);
            row.integer(4, fingerprint as i64);
            if fingerprint % 2 == 0 {
                row.text_list(6, ["search", ""].into_iter());
            }
            if let Some(receipt) = receipt {
                row.text(7, receipt.imprint("crews").as_str());
            }
        });
        if fingerprint % 3 == 0 {
            writer.row(TableId(1), |row| {
                row.timestamp(0, T0);
                row.text(2, &format!("{fingerprint:016x}"));
                row.text(3, "");
                if let Some(receipt) = receipt {
                    row.text(4, receipt.imprint("shared_agents").as_str());
                }
            });
        }
        writer.row(TableId(2), |row| {
            row.timestamp(0, T0);
            row.text(2, "unknown key");
            row.integer(3, 1);
        });
        writer.end_entry();
    }
    writer.finish()
}

/// Appends the spans of `fingerprints`, and flushes after each four: so each file of `crews` has four rows.
pub(crate) async fn append_in_files(lake: &Lake, fingerprints: std::ops::Range<u64>) {
    for first in fingerprints.clone().step_by(4) {
        let spans = first..(first + 4).min(fingerprints.end);
        lake.append(batch(spans)).await.unwrap();
        lake.flush().await.unwrap();
    }
}

/// Options under which nothing happens by itself.
pub(crate) fn by_hand() -> LakeOptions {
    LakeOptions {
        background: false,
        ..LakeOptions::default()
    }
}

/// The tables' Parquet files below a folder, in the order of their paths.
pub(crate) fn parquet_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("_delta_log") {
            // Checkpoints are Parquet files too.
        } else if path.is_dir() {
            found.extend(parquet_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "parquet") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A file of a table, with nothing known of its rows' times.
pub(crate) fn active_file(name: &str, size: u64) -> ActiveFile {
    ActiveFile {
        path: name.to_owned(),
        log_path: name.to_owned(),
        size,
        rows: Some(size / 20),
        day: String::new(),
        days: None,
        time: None,
        counted: None,
        deletion_vector: None,
        checksums: None,
    }
}

/// One SQL query's answer as text.
pub(crate) async fn sql(snapshot: &LakeSnapshot, query: &str) -> String {
    let context = datafusion::prelude::SessionContext::new();
    for (id, table) in snapshot.schema().iter() {
        let provider = snapshot.provider(id);
        context
            .register_table(table.name.as_str(), provider)
            .unwrap();
    }
    let batches = context.sql(query).await.unwrap().collect().await.unwrap();
    arrow::util::pretty::pretty_format_batches(&batches)
        .unwrap()
        .to_string()
}

/// Fails unless the account of each table and day is whole: nothing was lost or doubled between the log and the files.
pub(crate) fn assert_whole(audit: &Audit, context: &str) {
    for table in &audit.tables {
        for day in &table.days {
            let name = &table.table;
            assert_eq!(day.difference(), Some(0), "{context}: {name}: {day:?}");
        }
    }
    assert!(audit.problems.is_empty(), "{context}: {:?}", audit.problems);
}

/// Every file below a folder, in the order of their paths; none where it does not exist.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files_below(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// The fingerprints stored, in order, duplicates included.
pub(crate) async fn stored(snapshot: &LakeSnapshot) -> Vec<u64> {
    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;
    let context = datafusion::prelude::SessionContext::new();
    context
        .register_table("crews", snapshot.provider(TableId(0)))
        .unwrap();
    let rows = context
        .sql("SELECT tasks FROM crews ORDER BY 1")
        .await
        .unwrap();
    let batches = rows.collect().await.unwrap();
    let column = batches
        .iter()
        .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values());
    column.map(|value| *value as u64).collect()
}
