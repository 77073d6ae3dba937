//! From a checkpoint's files to actions.

use std::path::{Path, PathBuf};

use arrow::json::WriterBuilder;
use arrow::json::writer::LineDelimited;
use headcount_log::disk::Disk;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use super::{schema, seal};
use crate::delta::actions::actions_in;
use crate::error::LakeError;

/// Rows that are converted at a time.
const BATCH: usize = 1024;

/// The actions of a checkpoint that consists of `files`.
pub(crate) fn read(disk: &dyn Disk, files: &[PathBuf]) -> Result<Vec<Value>, LakeError> {
    if let [file] = files {
        seal::check(disk, file)?;
    }
    let mut actions = Vec::new();
    for file in files {
        read_file(disk, file, &mut actions)?;
    }
    // V2: most actions are in files of their own.
    let sidecars: Vec<String> = actions
        .iter()
        .filter_map(|action| Some(action["sidecar"]["path"].as_str()?.to_owned()))
        .collect();
    for sidecar in sidecars {
        let folder = files.first().and_then(|file| file.parent());
        let folder = folder.unwrap_or(Path::new("")).join("_sidecars");
        read_parquet(disk, &folder.join(sidecar), &mut actions)?;
    }
    Ok(actions)
}

fn read_file(disk: &dyn Disk, file: &Path, actions: &mut Vec<Value>) -> Result<(), LakeError> {
    if file
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        let text = disk.read_text(file).map_err(LakeError::io("read", file))?;
        actions.extend(actions_in(file, &text)?);
        return Ok(());
    }
    read_parquet(disk, file, actions)
}

/// Arrow's JSON writer turns each row into an action as a commit has it: structs and maps become objects.
fn read_parquet(disk: &dyn Disk, path: &Path, actions: &mut Vec<Value>) -> Result<(), LakeError> {
    let damaged = |reason: String| LakeError::Damaged {
        path: path.to_path_buf(),
        offset: 0,
        reason,
    };
    let file = disk.open(path).map_err(LakeError::io("open", path))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(|reader| reader.with_batch_size(BATCH).build())
        .map_err(|error| damaged(error.to_string()))?;
    for batch in reader {
        let batch = batch.map_err(|error| damaged(error.to_string()))?;
        let batch = schema::without_parsed_columns(&batch)?;
        let mut writer = WriterBuilder::new()
            .with_explicit_nulls(true)
            .build::<_, LineDelimited>(Vec::new());
        writer.write(&batch)?;
        writer.finish()?;
        let text =
            String::from_utf8(writer.into_inner()).map_err(|error| damaged(error.to_string()))?;
        for mut action in actions_in(path, &text)? {
            remove_nulls(&mut action);
            if action != json!({}) {
                actions.push(action);
            }
        }
    }
    Ok(())
}

/// Fields that are maps: a null in one is a value, such as that of a partition without a value.
const MAPS: [&str; 4] = ["partitionValues", "tags", "configuration", "options"];

/// Removes what a commit leaves out: the columns of the other actions, and fields without a value.
fn remove_nulls(action: &mut Value) {
    let Value::Object(fields) = action else {
        return;
    };
    fields.retain(|_, value| !value.is_null());
    for (name, value) in fields.iter_mut() {
        if !MAPS.contains(&name.as_str()) {
            remove_nulls(value);
        }
    }
}
