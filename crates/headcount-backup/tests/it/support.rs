//! A catalog and batches.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use headcount_backup::{BackupReport, RestoreOptions, RestoreReport, back_up, restore};
use headcount_catalog::{
    AdmittedBatch, BatchWriter, Column, ColumnType, Fingerprint, KeyedReceipt, Schema, Table,
    TableId, TableKind, Tier,
};
use headcount_lake::{Lake, LakeOptions};

const T0: i64 = 1_795_410_571_182_041;

/// Two tables of two tiers, which have a row for each span.
pub(crate) fn schema() -> Arc<Schema> {
    let columns = [
        ("time", ColumnType::Timestamp),
        ("id", ColumnType::Text),
        ("receipt", ColumnType::Text),
    ];
    let columns = columns.map(|(name, column_type)| Column {
        name: name.to_owned(),
        column_type,
    });
    let table = |name: &str, tier| Table {
        name: name.to_owned(),
        tier,
        kind: TableKind::Event,
        columns: columns.to_vec(),
    };
    Arc::new(Schema {
        tables: vec![table("crews", Tier::Default), table("goals", Tier::Shared)],
    })
}

/// A batch of spans with these fingerprints, which came with `receipt`.
pub(crate) fn batch(
    receipt: Option<KeyedReceipt>,
    fingerprints: impl IntoIterator<Item = u64>,
) -> AdmittedBatch {
    let mut writer = BatchWriter::for_tests(1024).under(receipt);
    for fingerprint in fingerprints {
        writer.begin_entry(Fingerprint(fingerprint));
        for (id, name) in [(0, "crews"), (1, "goals")] {
            writer.row(TableId(id), |row| {
                row.timestamp(0, T0 + fingerprint as i64);
                row.text(1, &format!("{fingerprint:016x} of {name}"));
                if let Some(receipt) = receipt {
                    row.text(2, receipt.imprint(name).as_str());
                }
            });
        }
        writer.end_entry();
    }
    writer.finish()
}

/// Nothing happens by itself, and what is replaced is removed at once.
pub(crate) fn by_hand() -> LakeOptions {
    LakeOptions {
        background: false,
        vacuum_grace: Duration::ZERO,
        erasure_grace: Duration::ZERO,
        ..LakeOptions::default()
    }
}

pub(crate) async fn open(dir: &Path) -> Lake {
    Lake::open(dir, schema(), by_hand()).await.unwrap()
}

pub(crate) fn backed_up(data: &Path, to: &Path) -> BackupReport {
    back_up(data, to, &schema(), |_, _| ()).unwrap()
}

/// Restores to a new folder.
pub(crate) async fn restored(
    from: &Path,
    options: RestoreOptions,
) -> (tempfile::TempDir, RestoreReport) {
    let to = tempfile::tempdir().unwrap();
    let schema = schema();
    let report = restore(from, to.path(), &options, &schema, |_, _| ());
    let report = report.await.unwrap();
    (to, report)
}

/// The numbers of rows of both tables.
pub(crate) async fn rows(lake: &Lake) -> [u64; 2] {
    let snapshot = lake.snapshot().await.unwrap();
    [0, 1].map(|id| snapshot.row_count(TableId(id)).unwrap())
}

/// Every file below a folder.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files_below(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}
