//! Checkpoints against the commits that they stand for.
#![allow(clippy::disallowed_methods)]

use std::path::Path;

use chrono::Utc;
use serde_json::{Value, json};

use super::write;
use super::write::encode;
use crate::delta::replay::{commit_path, replay};
use headcount_log::disk::RealDisk;

fn commit(folder: &Path, version: u64, actions: &[Value]) {
    let lines: Vec<String> = actions.iter().map(Value::to_string).collect();
    std::fs::write(commit_path(folder, version), lines.join("\n")).unwrap();
}

fn all(folder: &Path) -> (Vec<Value>, Option<u64>) {
    replay(
        &RealDisk::default(),
        folder,
        None,
        Vec::new,
        |all: &mut Vec<Value>, action| {
            all.push(action.clone());
        },
    )
    .unwrap()
}

fn protocol() -> Value {
    json!({"protocol": {"minReaderVersion": 3, "minWriterVersion": 7,
        "readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors", "appendOnly"]}})
}

fn metadata() -> Value {
    json!({"metaData": {"id": "m", "format": {"provider": "parquet", "options": {}},
        "schemaString": "{}", "partitionColumns": ["day"],
        "configuration": {"delta.deletedFileRetentionDuration": "interval 2 days"}, "createdTime": 5}})
}

fn add(path: &str, vector: Option<&str>) -> Value {
    let mut add = json!({"path": path, "partitionValues": {"day": "2026-11-29"}, "size": 7,
        "modificationTime": 1, "dataChange": true, "stats": "{\"numRecords\":3}"});
    if let Some(vector) = vector {
        add["deletionVector"] = json!({"storageType": "i", "pathOrInlineDv": vector, "sizeInBytes": 34, "cardinality": 2});
    }
    json!({"add": add})
}

/// In the partition without a day.
fn undated(path: &str) -> Value {
    let mut add = add(path, None);
    add["add"]["partitionValues"] = json!({"day": null});
    add
}

fn remove(path: &str, age_ms: i64) -> Value {
    let when = Utc::now().timestamp_millis() - age_ms;
    json!({"remove": {"path": path, "deletionTimestamp": when, "dataChange": true,
        "extendedFileMetadata": true, "partitionValues": {"day": "2026-11-29"}, "size": 7}})
}

const DAY: i64 = 86_400_000;

#[test]
fn a_checkpoint_says_what_the_commits_before_it_say() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    commit(
        folder,
        0,
        &[protocol(), metadata(), add("a", None), add("b", None)],
    );
    let txn =
        |id: &str, version| json!({"txn": {"appId": id, "version": version, "lastUpdated": 1}});
    commit(folder, 1, &[txn("ours", 1), txn("theirs", 9), undated("c")]);
    // The order of `add` and `remove` within a commit means nothing: their keys differ by the vector.
    commit(
        folder,
        2,
        &[txn("ours", 2), add("a", Some("v")), remove("a", DAY)],
    );
    commit(
        folder,
        3,
        &[
            // Another program escapes other characters of the same path.
            remove("%62", 3 * DAY),
            json!({"domainMetadata": {"domain": "d", "configuration": "{}", "removed": false}}),
        ],
    );
    commit(folder, 4, &[add("later", None)]);
    write(&RealDisk::default(), folder, 3).unwrap();
    let hint = std::fs::read_to_string(folder.join("_last_checkpoint")).unwrap();
    let hint: Value = serde_json::from_str(&hint).unwrap();
    assert_eq!(
        (&hint["version"], &hint["numOfAddFiles"]),
        (&json!(3), &json!(2))
    );
    for version in 0..=3 {
        std::fs::remove_file(commit_path(folder, version)).unwrap();
    }
    let (actions, reached) = all(folder);
    assert_eq!(reached, Some(4));
    let of = |kind: &str| -> Vec<Value> {
        let found = actions.iter().filter_map(|action| action.get(kind));
        found.cloned().collect()
    };
    assert_eq!(of("protocol"), [protocol()["protocol"].clone()]);
    assert_eq!(of("metaData"), [metadata()["metaData"].clone()]);
    let files: Vec<(Value, Value)> = of("add")
        .into_iter()
        .map(|add| {
            (
                add["path"].clone(),
                add["deletionVector"]["pathOrInlineDv"].clone(),
            )
        })
        .collect();
    assert_eq!(
        files,
        [
            (json!("a"), json!("v")),
            (json!("c"), Value::Null),
            (json!("later"), Value::Null)
        ]
    );
    assert_eq!(of("add")[1]["partitionValues"], json!({"day": null}));
    assert_eq!(of("add")[1]["stats"], json!("{\"numRecords\":3}"));
    // A removed file is named for as long as the table's retention says.
    let removed: Vec<Value> = of("remove")
        .into_iter()
        .map(|remove| remove["path"].clone())
        .collect();
    assert_eq!(removed, [json!("a")]);
    let transactions: Vec<(Value, Value)> = of("txn")
        .into_iter()
        .map(|txn| (txn["appId"].clone(), txn["version"].clone()))
        .collect();
    assert_eq!(
        transactions,
        [(json!("ours"), json!(2)), (json!("theirs"), json!(9))]
    );
    assert_eq!(of("domainMetadata").len(), 1);
}

#[test]
fn a_checkpoint_of_a_checkpoint_is_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    commit(
        folder,
        0,
        &[
            protocol(),
            metadata(),
            add("a", Some("v")),
            remove("z", DAY),
        ],
    );
    write(&RealDisk::default(), folder, 0).unwrap();
    let first = all(folder).0;
    std::fs::remove_file(commit_path(folder, 0)).unwrap();
    // A commit always has one action at least: a file without any is damaged.
    commit(
        folder,
        1,
        &[json!({"commitInfo": {"operation": "OPTIMIZE"}})],
    );
    write(&RealDisk::default(), folder, 1).unwrap();
    assert_eq!(all(folder).0, first);
}

#[test]
fn a_damaged_checkpoint_is_passed_over_where_older_entries_say_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    commit(folder, 0, &[protocol(), metadata(), add("a", None)]);
    commit(folder, 1, &[add("b", None)]);
    write(&RealDisk::default(), folder, 1).unwrap();
    let path = folder.join("00000000000000000001.checkpoint.parquet");
    std::fs::write(&path, b"PAR1 but no more").unwrap();
    let (actions, reached) = all(folder);
    assert_eq!(reached, Some(1));
    assert_eq!(
        actions
            .iter()
            .filter(|action| action.get("add").is_some())
            .count(),
        2
    );
    std::fs::remove_file(commit_path(folder, 0)).unwrap();
    let error = replay(&RealDisk::default(), folder, None, || (), |(), _| ()).unwrap_err();
    assert!(error.to_string().contains("checkpoint.parquet"), "{error}");
}

#[test]
fn a_checkpoint_in_parts_is_read_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let part = |number: u32, actions: &[Value]| {
        let name = format!("00000000000000000007.checkpoint.{number:010}.0000000002.parquet");
        std::fs::write(folder.join(name), encode(actions).unwrap()).unwrap();
    };
    part(1, &[protocol(), metadata()]);
    assert_eq!(all(folder), (Vec::new(), None), "a part is missing");
    part(2, &[add("a", None)]);
    let (actions, reached) = all(folder);
    assert_eq!((actions.len(), reached), (3, Some(7)));
}

/// Delta protocol, "V2 Spec": a top-level file in JSON or Parquet names the files that hold the rest.
#[test]
fn a_v2_checkpoint_is_read_with_its_sidecar_files() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    std::fs::create_dir(folder.join("_sidecars")).unwrap();
    let sidecar = "016ae953-37a9-438e-8683-9a9a4a79a395.parquet";
    let content = encode(&[add("a", Some("v")), remove("b", DAY)]).unwrap();
    std::fs::write(folder.join("_sidecars").join(sidecar), content).unwrap();
    let top = [
        json!({"checkpointMetadata": {"version": 3, "tags": {}}}),
        protocol(),
        metadata(),
        json!({"sidecar": {"path": sidecar, "sizeInBytes": 1, "modificationTime": 1, "tags": {}}}),
    ];
    let lines: Vec<String> = top.iter().map(Value::to_string).collect();
    let name = "00000000000000000003.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json";
    std::fs::write(folder.join(name), lines.join("\n")).unwrap();
    let (actions, reached) = all(folder);
    assert_eq!(reached, Some(3));
    let files = actions.iter().filter(|action| action.get("add").is_some());
    assert_eq!(files.count(), 1);
    std::fs::remove_file(folder.join("_sidecars").join(sidecar)).unwrap();
    let error = replay(&RealDisk::default(), folder, None, || (), |(), _| ()).unwrap_err();
    assert!(error.to_string().contains(sidecar), "{error}");
}
