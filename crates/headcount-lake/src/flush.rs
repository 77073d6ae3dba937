//! From the memtable to the tables.
//!
//! ```text
//! rotate the log, freeze the memtable      (the log's thread, in one step)
//! for each table: Parquet files, fsynced ─▶ one commit with txn = last sequence number ─▶ shown to queries
//! fingerprints to seen/, then remove the log's segments
//! ```
//!
//! A crash between any two of these steps leaves rows either in the log only, or in a table whose transaction number says
//! so; replay takes from the log only what is above that number.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use chrono::Utc;
use headcount_catalog::{TableId, TableKind};

use crate::counter;
use crate::delta::commit::{Change, Committed, commit};
use crate::delta::log::{ActiveFile, table_folder};
use crate::error::LakeError;
use crate::lake::Inner;
use crate::parquet_file::{ParquetFile, days, sorted_by_time};
use crate::seen::SeenFiles;

/// Compression of files that will be merged soon.
const LEVEL: i32 = 3;

/// What one flush at a time may touch.
#[derive(Debug)]
pub(crate) struct Flushing {
    pub(crate) seen_files: SeenFiles,
}

/// Moves the frozen memtable to the tables, and trims the log.
pub(crate) fn flush_frozen(inner: &Inner, flushing: &mut Flushing) -> Result<(), LakeError> {
    let Some((last, batches)) = inner.view.frozen_batches()? else {
        return Ok(());
    };
    for (index, batches) in batches.into_iter().enumerate() {
        if !batches.is_empty() {
            let table = u8::try_from(index).map_err(|_| LakeError::Closed)?;
            flush_table(inner, TableId(table), &batches, last)?;
        }
    }
    trim(inner, flushing, last)?;
    inner.view.drop_frozen();
    Ok(())
}

fn flush_table(
    inner: &Inner,
    id: TableId,
    batches: &[RecordBatch],
    last: u64,
) -> Result<(), LakeError> {
    let table = inner.schema.table(id).ok_or(LakeError::Closed)?;
    let folder = table_folder(&inner.root, table);
    let schema = &inner.layout.arrow[usize::from(id.0)];
    let mut rows = concat_batches(schema, batches)?;
    if table.kind == TableKind::Counter {
        rows = counter::sum(&rows)?;
    }
    let rows = sorted_by_time(&rows)?;
    let mut added: Vec<ActiveFile> = Vec::new();
    for (day, range) in days(&rows, Utc::now()) {
        let mut file = ParquetFile::create(&*inner.disk, &folder, &day, schema, LEVEL)?;
        file.write(&rows.slice(range.start, range.len()))?;
        added.push(file.finish()?);
    }
    let change = Change {
        operation: "WRITE",
        add: &added,
        remove: &[],
        data_change: true,
        applied: Some(last),
    };
    let mut log = inner.logs[usize::from(id.0)].lock();
    if commit(&*inner.disk, &mut log, table, &change)? == Committed::Before {
        // An earlier attempt made it after all; its files are the ones that count.
        for file in &added {
            let _swept_later = inner.disk.remove(&folder.join(&file.path));
        }
    }
    inner.view.publish_flush(id, log.files());
    Ok(())
}

/// Removes the segments whose rows are in the tables, after their fingerprints are in `seen/`.
fn trim(inner: &Inner, flushing: &mut Flushing, last: u64) -> Result<(), LakeError> {
    let (mut done, kept): (Vec<_>, Vec<_>) = inner
        .sealed
        .lock()
        .drain(..)
        .partition(|segment| segment.last <= last);
    done.sort_by_key(|segment| segment.file.first);
    let trimmed = remove_segments(inner, flushing, &done);
    let mut sealed = inner.sealed.lock();
    sealed.extend(kept);
    if trimmed.is_err() {
        // Tried again after the next flush; whatever was removed already is not missed then.
        sealed.extend(done);
    }
    trimmed
}

fn remove_segments(
    inner: &Inner,
    flushing: &mut Flushing,
    done: &[crate::wal::writer::SealedSegment],
) -> Result<(), LakeError> {
    let Some(newest) = done.last() else {
        return Ok(());
    };
    let fingerprints: Vec<u64> = done
        .iter()
        .flat_map(|segment| &segment.fingerprints)
        .copied()
        .collect();
    if !fingerprints.is_empty() {
        flushing
            .seen_files
            .keep(&*inner.disk, newest.file.first, &fingerprints)?;
    }
    let folder = inner.root.join("wal");
    for segment in done {
        if segment.file.path.exists() {
            let path = &segment.file.path;
            inner
                .disk
                .remove(path)
                .map_err(LakeError::io("remove", path))?;
        }
        // One at a time, oldest first: what is left after a crash has no hole.
        inner
            .disk
            .sync_folder(&folder)
            .map_err(LakeError::io("sync", &folder))?;
    }
    Ok(())
}
