//! From a checkpoint's files to actions.

use std::path::{Path, PathBuf};

use arrow::json::LineDelimitedWriter;
use headcount_log::disk::Disk;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use super::schema;
use crate::delta::actions::actions_in;
use crate::error::LakeError;

/// Rows that are converted at a time.
const BATCH: usize = 1024;

/// The actions of a checkpoint that consists of `files`.
pub(in crate::delta) fn read(disk: &dyn Disk, files: &[PathBuf]) -> Result<Vec<Value>, LakeError> {
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

/// Arrow's JSON writer turns each row into an action as a commit has it: structs and maps become objects, and nulls are left
/// out.
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
