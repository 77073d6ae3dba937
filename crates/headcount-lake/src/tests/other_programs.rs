//! Commits of other programs to the tables of a running store.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, LargeStringArray, RecordBatch, StringViewArray};
use headcount_catalog::TableId;
use headcount_log::disk::{Disk, RealDisk};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};

use super::support::{batch, by_hand, schema, sql, stored};
use crate::account::Account;
use crate::delta::commit::{Change, Committed, commit};
use crate::delta::log::{TableLog, table_folder};
use crate::{Lake, LakeError};

fn crews(root: &Path) -> PathBuf {
    root.join("tables/default/crews")
}

/// Commits as another program does: the next version's file appears.
fn commit_beside(folder: &Path, actions: &[Value]) -> u64 {
    let version = (0..)
        .find(|version| !commit_file(folder, *version).exists())
        .unwrap();
    let lines: Vec<String> = actions.iter().map(Value::to_string).collect();
    std::fs::write(commit_file(folder, version), lines.join("\n")).unwrap();
    version
}

fn commit_file(folder: &Path, version: u64) -> PathBuf {
    folder.join(format!("_delta_log/{version:020}.json"))
}

/// The `add` actions of all commits.
fn added(folder: &Path) -> Vec<Value> {
    let mut added = Vec::new();
    for version in 0.. {
        let Ok(text) = std::fs::read_to_string(commit_file(folder, version)) else {
            return added;
        };
        let actions = text.lines().map(|line| serde_json::from_str(line).unwrap());
        added.extend(actions.filter_map(|action: Value| action.get("add").cloned()));
    }
    added
}

#[tokio::test]
async fn rows_that_another_program_deleted_are_gone_from_the_next_answer() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    lake.append(batch(0..5)).await.unwrap();
    lake.flush().await.unwrap();
    lake.append(batch(5..10)).await.unwrap();
    lake.flush().await.unwrap();
    assert_eq!(stored(&lake.snapshot().await.unwrap()).await.len(), 10);
    let before = lake.revision();
    let folder = crews(dir.path());
    let files = added(&folder);
    let first =
        json!({"remove": {"path": files[0]["path"], "dataChange": true, "deletionTimestamp": 1}});
    commit_beside(&folder, &[first]);
    let left = stored(&lake.snapshot().await.unwrap()).await;
    assert!(!left.is_empty() && left.len() < 10, "{left:?}");
    assert_ne!(lake.revision(), before);
    // The removed file may go at once.
    std::fs::remove_file(folder.join(files[0]["path"].as_str().unwrap())).unwrap();
    assert_eq!(stored(&lake.snapshot().await.unwrap()).await, left);
}

#[tokio::test]
async fn nothing_is_committed_to_a_table_that_became_unsupported_and_its_rows_wait() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    lake.append(batch(0..9)).await.unwrap();
    lake.flush().await.unwrap();
    lake.append(batch(9..12)).await.unwrap();
    let folder = crews(dir.path());
    let protocol = json!({"protocol": {"minReaderVersion": 3, "minWriterVersion": 7,
        "readerFeatures": ["variantType"], "writerFeatures": ["variantType"]}});
    let version = commit_beside(&folder, &[protocol]);
    for _ in 0..3 {
        let error = lake.flush().await.unwrap_err();
        assert!(
            matches!(error, LakeError::UnsupportedFeature { .. }),
            "{error}"
        );
    }
    assert!(!commit_file(&folder, version + 1).exists());
    // Queries of the table are refused by the feature's name, and the other tables are answered.
    let snapshot = lake.snapshot().await.unwrap();
    let context = datafusion::prelude::SessionContext::new();
    context
        .register_table("crews", snapshot.provider(TableId(0)))
        .unwrap();
    let refused = context.sql("SELECT count(*) FROM crews").await.unwrap();
    let error = refused.collect().await.unwrap_err().to_string();
    assert!(error.contains("variantType"), "{error}");
    let others = sql(&snapshot, "SELECT count(*) AS n FROM shared_agents").await;
    assert!(others.contains("| 4 |"), "{others}");
    assert_eq!(snapshot.file_count(TableId(1)), 2, "the others are flushed");
    // Once the table is as it was, the rows go there.
    std::fs::remove_file(commit_file(&folder, version)).unwrap();
    lake.flush().await.unwrap();
    assert_eq!(
        stored(&lake.snapshot().await.unwrap()).await,
        (0..12).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_file_that_got_a_deletion_vector_meanwhile_is_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    lake.append(batch(0..3)).await.unwrap();
    lake.close().await.unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::default());
    let schema = schema();
    let table = &schema.tables[0];
    let folder = table_folder(dir.path(), table);
    let mut log = TableLog::open(&disk, &folder, table, "collector").unwrap();
    let old = vec![log.files()[0].clone()];
    let add = added(&folder).remove(0);
    let mut with_vector = add.clone();
    with_vector["deletionVector"] = json!({"storageType": "u", "pathOrInlineDv": "ab^-aqEH.-t@S}K{vb[*k^", "offset": 4,
        "sizeInBytes": 40, "cardinality": 1});
    let remove = json!({"path": add["path"], "dataChange": true, "deletionTimestamp": 1});
    let version = commit_beside(
        &folder,
        &[json!({"add": with_vector}), json!({"remove": remove})],
    );
    let change = Change {
        operation: "OPTIMIZE",
        add: &[],
        remove: &old,
        data_change: false,
        applied: None,
        account: &Account::default(),
    };
    let committed = commit(&*disk, &mut log, table, &change).unwrap();
    assert_eq!(committed, Committed::Obsolete);
    assert!(!commit_file(&folder, version + 1).exists());
}

/// Other programs store text as views or with long offsets, and numbers in fewer bits.
#[tokio::test]
async fn files_of_other_arrow_types_are_merged() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
    lake.append(batch([3])).await.unwrap();
    lake.flush().await.unwrap();
    let folder = crews(dir.path());
    for (name, id) in [
        (
            "a",
            Arc::new(StringViewArray::from(vec!["view"])) as ArrayRef,
        ),
        ("b", Arc::new(LargeStringArray::from(vec!["large"]))),
    ] {
        let tasks: ArrayRef = Arc::new(Int32Array::from(vec![7]));
        let rows =
            RecordBatch::try_from_iter([("id", Arc::clone(&id)), ("tasks", tasks), ("note", id)])
                .unwrap();
        let path = format!("{name}.parquet");
        let file = std::fs::File::create(folder.join(&path)).unwrap();
        let mut writer = ArrowWriter::try_new(file, rows.schema(), None).unwrap();
        writer.write(&rows).unwrap();
        writer.close().unwrap();
        let size = folder.join(&path).metadata().unwrap().len();
        let add = json!({"path": path, "size": size, "partitionValues": {}, "modificationTime": 1, "dataChange": true});
        commit_beside(&folder, &[json!({"add": add})]);
    }
    lake.compact().await.unwrap();
    let snapshot = lake.snapshot().await.unwrap();
    assert_eq!(snapshot.file_count(TableId(0)), 1);
    assert_eq!(lake.unreadable_files(), 0);
    let rows = sql(&snapshot, "SELECT id, tasks FROM crews ORDER BY id").await;
    for row in [
        "| 0000000000000003 | 3     |",
        "| large            | 7     |",
        "| view             | 7     |",
    ] {
        assert!(rows.contains(row), "{rows}");
    }
}
