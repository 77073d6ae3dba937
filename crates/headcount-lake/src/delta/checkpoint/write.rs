//! From a log to a checkpoint.

use std::path::Path;
use std::sync::Arc;

use arrow::json::ReaderBuilder;
use chrono::Utc;
use headcount_log::disk::Disk;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};

use super::reconciled::Reconciled;
use super::{LAST_CHECKPOINT, name, schema, seal};
use crate::delta::replay::{commit_path, replay};
use crate::error::LakeError;

/// Rows that are converted at a time.
const BATCH: usize = 1024;

/// Writes the checkpoint of `version`; it and `_last_checkpoint` are durable afterwards.
///
/// The state is read from the log again instead of being kept in memory: a checkpoint holds things that nothing else asks
/// for, such as the transactions of other programs and the files that were removed.
pub(crate) fn write(disk: &dyn Disk, log_folder: &Path, version: u64) -> Result<(), LakeError> {
    let state = state_at(disk, log_folder, version)?;
    let path = log_folder.join(name(version));
    let adds = state.files();
    let actions = state.into_actions(Utc::now().timestamp_millis());
    let bytes = encode(&actions)?;
    let hint = json!({
        "version": version,
        "size": actions.len(),
        "sizeInBytes": bytes.len(),
        "numOfAddFiles": adds,
        "tags": { seal::TAG: seal::of(version, &bytes) },
    });
    disk.replace(&path, &bytes)
        .map_err(LakeError::io("write", &path))?;
    let path = log_folder.join(LAST_CHECKPOINT);
    disk.replace(&path, hint.to_string().as_bytes())
        .map_err(LakeError::io("write", &path))
}

/// The `add` actions in force at `version`, with everything that whoever wrote them put there.
pub(crate) fn active_adds(
    disk: &dyn Disk,
    log_folder: &Path,
    version: u64,
) -> Result<Vec<Value>, LakeError> {
    Ok(state_at(disk, log_folder, version)?.into_adds())
}

fn state_at(disk: &dyn Disk, log_folder: &Path, version: u64) -> Result<Reconciled, LakeError> {
    let (state, reached) = replay(
        disk,
        log_folder,
        Some(version),
        Reconciled::default,
        |state, action| state.apply(action),
    )?;
    if reached == Some(version) {
        return Ok(state);
    }
    Err(LakeError::Damaged {
        path: commit_path(log_folder, version),
        offset: 0,
        reason: format!("commit {version} is not in the log"),
    })
}

pub(super) fn encode(actions: &[Value]) -> Result<Vec<u8>, LakeError> {
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
