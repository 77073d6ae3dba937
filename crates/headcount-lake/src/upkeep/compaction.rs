//! Merges a day's small files into few large ones: better compressed, and fewer to open.
//!
//! The rows stay the same; a reader sees the old files or the new one. Files are merged in tiers, those of like size with
//! each other, so that a row is rewritten a few times in its life however often its day is flushed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{RecordBatch, new_null_array};
use arrow::compute::concat_batches;
use arrow::datatypes::{Schema as ArrowSchema, SchemaRef};
use chrono::Utc;
use headcount_catalog::{TableId, TableKind};
use headcount_log::erasure::ErasureFilter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::counter;
use crate::delta::commit::{Change, Committed, commit};
use crate::delta::log::{ActiveFile, table_folder};
use crate::erasure::rows::without_erased;
use crate::error::LakeError;
use crate::parquet_file::{ParquetFile, ROW_GROUP_ROWS, sorted_by_time, today};
use crate::state::LakeState;

/// Files of this size or more are not merged.
const LARGE: u64 = 64 << 20;
/// Compression of files that stay.
const LEVEL: i32 = 7;
/// Merged files are closed at about this size.
const TARGET: usize = 128 << 20;

/// Merges files of one day and like size, where there are enough of them.
pub(super) fn merge_full_tiers(state: &LakeState, id: TableId) -> Result<(), LakeError> {
    let files = state.logs[usize::from(id.0)].lock().files();
    for group in plan(&files, state.options.compact_at_files) {
        merge(state, id, &group)?;
    }
    Ok(())
}

/// Merges each past day into one file; today and later days too if `with_today`.
pub(super) fn merge_days(
    state: &LakeState,
    id: TableId,
    with_today: bool,
) -> Result<(), LakeError> {
    let files = state.logs[usize::from(id.0)].lock().files();
    let today = today(Utc::now());
    let before = (!with_today).then_some(today.as_str());
    for group in plan_whole_days(&files, before) {
        merge(state, id, &group)?;
    }
    Ok(())
}

/// The groups of a day's files to merge.
fn plan(files: &[ActiveFile], at_files: usize) -> Vec<Vec<ActiveFile>> {
    let mut tiers: BTreeMap<(&str, u32), Vec<ActiveFile>> = BTreeMap::new();
    for file in files.iter().filter(|file| is_mergeable(file)) {
        // A tier is a factor of eight in rows; a merged file moves up by about one.
        let tier = (file.rows.unwrap_or_default() / 256 + 1).ilog2() / 3;
        tiers
            .entry((&file.day, tier))
            .or_default()
            .push(file.clone());
    }
    let full = tiers.into_values().filter(|files| files.len() >= at_files);
    full.collect()
}

/// Each day's small files, for days before `today` (or all days), where there are at least two.
fn plan_whole_days(files: &[ActiveFile], before: Option<&str>) -> Vec<Vec<ActiveFile>> {
    let mut days: BTreeMap<&str, Vec<ActiveFile>> = BTreeMap::new();
    for file in files.iter().filter(|file| is_mergeable(file)) {
        if before.is_none_or(|today| file.day.as_str() < today) {
            days.entry(&file.day).or_default().push(file.clone());
        }
    }
    days.into_values().filter(|files| files.len() > 1).collect()
}

/// A file with a deletion vector is left alone: merging it would bring back rows that another program deleted.
fn is_mergeable(file: &ActiveFile) -> bool {
    file.size < LARGE && file.deletion_vector.is_none()
}

/// Replaces `old`, files of one day, by one file (or a few large ones).
fn merge(state: &LakeState, id: TableId, old: &[ActiveFile]) -> Result<(), LakeError> {
    let table = state.schema.table(id).ok_or(LakeError::Closed)?;
    let folder = table_folder(&state.root, table);
    let Some(day) = old.first().map(|file| file.day.clone()) else {
        return Ok(());
    };
    let mut old = old.to_vec();
    old.sort_by_key(|file| file.time);
    let counter = table.kind == TableKind::Counter;
    let added = rewrite(state, &folder, &day, &old, counter, None)?;
    let change = Change {
        operation: "OPTIMIZE",
        add: &added,
        remove: &old,
        // Summed counts are the same facts in fewer rows, but a reader of changes must not take both.
        data_change: counter,
        applied: None,
    };
    let mut log = state.logs[usize::from(id.0)].lock();
    if commit(&*state.disk, &mut log, table, &change)? == Committed::Obsolete {
        for file in &added {
            // A file that stays is vacuumed later.
            let _ = state.disk.remove(&folder.join(&file.path));
        }
    }
    state.view.publish_files(id, log.files());
    Ok(())
}

/// Writes the rows of `old` except those that are `erased`, one sorted row group after the other, so that memory holds one row
/// group at a time.
pub(crate) fn rewrite(
    state: &LakeState,
    folder: &Path,
    day: &str,
    old: &[ActiveFile],
    counter: bool,
    erased: Option<&ErasureFilter>,
) -> Result<Vec<ActiveFile>, LakeError> {
    let schema = common_schema(state, folder, old)?;
    let mut added = Vec::new();
    let mut open: Option<ParquetFile<'_>> = None;
    let mut gathered: Vec<RecordBatch> = Vec::new();
    let mut rows = 0;
    for (index, file) in old.iter().enumerate() {
        let path = folder.join(&file.path);
        let reader = state
            .disk
            .open(&path)
            .map_err(LakeError::io("open", &path))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(reader)?.with_batch_size(32 << 10);
        let mut batches = reader.build()?.peekable();
        while let Some(batch) = batches.next() {
            let mut batch = widened(&batch?, &schema)?;
            if let Some(erased) = erased {
                batch = without_erased(erased, batch)?;
            }
            rows += batch.num_rows();
            gathered.push(batch);
            let last = batches.peek().is_none() && index + 1 == old.len();
            if rows < ROW_GROUP_ROWS && !last {
                continue;
            }
            let mut group = concat_batches(&schema, &gathered)?;
            gathered.clear();
            rows = 0;
            if counter {
                group = counter::sum(&group)?;
            }
            if group.num_rows() == 0 {
                continue;
            }
            let group = sorted_by_time(&group)?;
            let mut target = match open.take() {
                Some(target) => target,
                None => ParquetFile::create(&*state.disk, folder, day, &schema, LEVEL)?,
            };
            target.write(&group)?;
            target.end_row_group()?;
            if target.bytes_written() >= TARGET {
                added.push(target.finish()?);
            } else {
                open = Some(target);
            }
        }
    }
    if let Some(target) = open {
        added.push(target.finish()?);
    }
    Ok(added)
}

/// All columns of all files, also those that the catalog no longer has: merging loses nothing.
fn common_schema(
    state: &LakeState,
    folder: &Path,
    files: &[ActiveFile],
) -> Result<SchemaRef, LakeError> {
    let mut schemas = Vec::new();
    for file in files {
        let path = folder.join(&file.path);
        let reader = state
            .disk
            .open(&path)
            .map_err(LakeError::io("open", &path))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(reader)?;
        schemas.push(
            reader
                .schema()
                .as_ref()
                .clone()
                .with_metadata(Default::default()),
        );
    }
    Ok(Arc::new(ArrowSchema::try_merge(schemas)?))
}

fn widened(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, LakeError> {
    let column = |field: &Arc<arrow::datatypes::Field>| match batch.column_by_name(field.name()) {
        Some(column) => Arc::clone(column),
        None => new_null_array(field.data_type(), batch.num_rows()),
    };
    let columns = schema.fields().iter().map(column).collect();
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}
