//! Checkpoints of a table's log: its actions at one version, in one Parquet file (Delta protocol, "Checkpoints").
//!
//! Checkpoints of both specifications are read: V1, in one file or several parts, and V2 with its sidecar files. They are
//! written as V1 in one file with the classic name, which every Delta reader takes.

mod reconciled;
mod schema;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::json::{LineDelimitedWriter, ReaderBuilder};
use chrono::Utc;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};

use self::reconciled::Reconciled;
pub(super) use self::reconciled::vector_id;
use super::replay::{actions_in, replay};
use crate::disk::Disk;
use crate::error::LakeError;

/// Rows that are converted at a time.
const BATCH: usize = 1024;

/// The actions of a checkpoint that consists of `files`.
pub(super) fn read(files: &[PathBuf]) -> Result<Vec<Value>, LakeError> {
    let mut actions = Vec::new();
    for file in files {
        read_file(file, &mut actions)?;
    }
    // V2: most actions are in files of their own.
    let sidecars: Vec<String> = actions
        .iter()
        .filter_map(|action| Some(action["sidecar"]["path"].as_str()?.to_owned()))
        .collect();
    for sidecar in sidecars {
        let folder = files.first().and_then(|file| file.parent());
        let folder = folder.unwrap_or(Path::new("")).join("_sidecars");
        read_parquet(&folder.join(sidecar), &mut actions)?;
    }
    Ok(actions)
}

fn read_file(file: &Path, actions: &mut Vec<Value>) -> Result<(), LakeError> {
    if file
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        let text = std::fs::read_to_string(file).map_err(LakeError::io("read", file))?;
        actions.extend(actions_in(file, &text)?);
        return Ok(());
    }
    read_parquet(file, actions)
}

/// Arrow's JSON writer turns each row into an action as it would stand in a commit: structs and maps become objects, and
/// what is null is left out.
fn read_parquet(path: &Path, actions: &mut Vec<Value>) -> Result<(), LakeError> {
    let damaged = |reason: String| LakeError::Damaged {
        path: path.to_path_buf(),
        offset: 0,
        reason,
    };
    let file = File::open(path).map_err(LakeError::io("open", path))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(|reader| reader.with_batch_size(BATCH).build())
        .map_err(|error| damaged(error.to_string()))?;
    for batch in reader {
        let batch = batch.map_err(|error| damaged(error.to_string()))?;
        let batch = schema::without_parsed_columns(&batch)?;
        let mut writer = LineDelimitedWriter::new(Vec::new());
        writer.write(&batch)?;
        writer.finish()?;
        let text =
            String::from_utf8(writer.into_inner()).map_err(|error| damaged(error.to_string()))?;
        let read = actions_in(path, &text)?;
        actions.extend(read.into_iter().filter(|action| action != &json!({})));
    }
    Ok(())
}

/// Writes the checkpoint of `version`; it and `_last_checkpoint` are durable afterwards.
///
/// The state is read from the log anew instead of being kept in memory: a checkpoint holds things that nothing else asks
/// for, such as the transactions of other programs and the files that were removed.
pub(crate) fn write(disk: &dyn Disk, log_folder: &Path, version: u64) -> Result<(), LakeError> {
    let (state, reached) = replay(
        log_folder,
        Some(version),
        Reconciled::default,
        |state, action| {
            state.apply(action);
        },
    )?;
    let path = log_folder.join(format!("{version:020}.checkpoint.parquet"));
    if reached != Some(version) {
        return Err(LakeError::Damaged {
            path,
            offset: 0,
            reason: format!("commit {version} is not in the log"),
        });
    }
    let adds = state.files();
    let actions = state.into_actions(Utc::now().timestamp_millis());
    let bytes = encode(&actions)?;
    let hint = json!({
        "version": version,
        "size": actions.len(),
        "sizeInBytes": bytes.len(),
        "numOfAddFiles": adds,
    });
    disk.replace(&path, &bytes)
        .map_err(LakeError::io("write", &path))?;
    let path = log_folder.join("_last_checkpoint");
    disk.replace(&path, hint.to_string().as_bytes())
        .map_err(LakeError::io("write", &path))
}

fn encode(actions: &[Value]) -> Result<Vec<u8>, LakeError> {
    let schema = Arc::new(schema::v1());
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(concat!("headcount ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties))?;
    let mut decoder = ReaderBuilder::new(schema)
        .with_batch_size(BATCH)
        .build_decoder()?;
    for actions in actions.chunks(BATCH) {
        decoder.serialize(actions)?;
        if let Some(batch) = decoder.flush()? {
            writer.write(&batch)?;
        }
    }
    Ok(writer.into_inner()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delta::replay::commit_path;
    use crate::disk::RealDisk;

    fn commit(folder: &Path, version: u64, actions: &[Value]) {
        let lines: Vec<String> = actions.iter().map(Value::to_string).collect();
        std::fs::write(commit_path(folder, version), lines.join("\n")).unwrap();
    }

    fn all(folder: &Path) -> (Vec<Value>, Option<u64>) {
        replay(folder, None, Vec::new, |all: &mut Vec<Value>, action| {
            all.push(action.clone());
        })
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
        commit(
            folder,
            1,
            &[txn("ours", 1), txn("theirs", 9), add("c", None)],
        );
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
                remove("b", 3 * DAY),
                json!({"domainMetadata": {"domain": "d", "configuration": "{}", "removed": false}}),
            ],
        );
        commit(folder, 4, &[add("later", None)]);
        write(&RealDisk, folder, 3).unwrap();
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
        assert_eq!(
            of("add")[1]["partitionValues"],
            json!({"day": "2026-11-29"})
        );
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
        write(&RealDisk, folder, 0).unwrap();
        let first = all(folder).0;
        std::fs::remove_file(commit_path(folder, 0)).unwrap();
        commit(folder, 1, &[]);
        write(&RealDisk, folder, 1).unwrap();
        assert_eq!(all(folder).0, first);
    }

    #[test]
    fn a_damaged_checkpoint_is_passed_over_where_older_entries_say_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path();
        commit(folder, 0, &[protocol(), metadata(), add("a", None)]);
        commit(folder, 1, &[add("b", None)]);
        write(&RealDisk, folder, 1).unwrap();
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
        let error = replay(folder, None, || (), |(), _| ()).unwrap_err();
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
        let error = replay(folder, None, || (), |(), _| ()).unwrap_err();
        assert!(error.to_string().contains(sidecar), "{error}");
    }
}
