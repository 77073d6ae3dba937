//! Flush: moves the memtable's rows to the tables.
//!
//! ```text
//! rotate the log, freeze the memtable      (the log's thread, in one step)
//! for each table: Parquet files, fsynced ─▶ one commit with txn = last sequence number ─▶ shown to queries
//! watermark, fingerprints to seen/, then remove the log's segments
//! ```
//!
//! A crash between any two of these steps leaves rows either in the log only, or in a table whose transaction number includes
//! them; replay takes from the log only the rows above that number.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use chrono::Utc;
use headcount_catalog::{TableId, TableKind, Tally};
use headcount_log::wal::{Trimmer, WalHandle};

use crate::account::Account;
use crate::activity::milliseconds;
use crate::counter;
use crate::delta::commit::{Change, commit};
use crate::delta::log::table_folder;
use crate::error::LakeError;
use crate::low_priority;
use crate::new_files::NewFiles;
use crate::parquet_file::{ParquetFile, near_and_far, sorted_by_time};
use crate::state::LakeState;

/// Compression of files that will be merged soon.
const LEVEL: i32 = 3;

/// Moves everything appended so far to the tables.
pub(crate) async fn flush(state: &Arc<LakeState>, log: &WalHandle) -> Result<(), LakeError> {
    let mut trimmer = Arc::clone(&state.flushing).lock_owned().await;
    loop {
        let is_retried = state.view.is_frozen();
        if !is_retried {
            log.rotate().await?;
        }
        let (began, working) = (Instant::now(), Arc::clone(state));
        let flushed = low_priority::run(move || {
            let flushed = flush_frozen(&working, &mut trimmer);
            (trimmer, flushed)
        });
        let (guard, flushed) = flushed.await?;
        match flushed {
            Ok(0) => {}
            Ok(rows) => {
                state.activity.flushed(rows, began.elapsed());
                let ms = milliseconds(began);
                tracing::debug!(rows, ms, "flushed the rows in memory to the tables");
            }
            Err(error) => {
                state.activity.failed_flushes.add(1);
                return Err(error);
            }
        }
        if !is_retried {
            return Ok(());
        }
        trimmer = guard;
    }
}

/// Moves the frozen memtable to the tables, and trims the log; returns the number of rows.
fn flush_frozen(state: &LakeState, trimmer: &mut Trimmer) -> Result<u64, LakeError> {
    let Some((last, batches, tally)) = state.view.frozen_batches()? else {
        return Ok(0);
    };
    let rows = batches
        .iter()
        .flatten()
        .map(RecordBatch::num_rows)
        .sum::<usize>();
    // A table that cannot be written keeps its rows in memory and in the log, and does not keep those of the others there.
    let mut flushed = Ok(());
    for (index, batches) in batches.into_iter().enumerate() {
        let id = TableId(u8::try_from(index).map_err(|_| LakeError::Closed)?);
        // Rows that came again, and nothing else, are an entry in the account.
        if !batches.is_empty() || tally.iter().any(|(table, _, _)| table == id) {
            flushed = flushed.and(flush_table(state, id, &batches, &tally, last));
        }
    }
    flushed?;
    state.advance_watermark(last)?;
    trimmer.trim(last)?;
    state.view.drop_frozen();
    Ok(rows as u64)
}

fn flush_table(
    state: &LakeState,
    id: TableId,
    batches: &[RecordBatch],
    tally: &Tally,
    last: u64,
) -> Result<(), LakeError> {
    let table = state.schema.table(id).ok_or(LakeError::Closed)?;
    let folder = table_folder(&state.root, table);
    let schema = &state.layout.arrow[usize::from(id.0)];
    let mut rows = concat_batches(schema, batches)?;
    if table.kind == TableKind::Counter {
        rows = counter::sum(&rows)?;
    }
    let rows = sorted_by_time(&rows)?;
    let mut added = NewFiles::new(&*state.disk, &folder);
    for part in near_and_far(&rows, Utc::now())? {
        let mut file = ParquetFile::create(&*state.disk, &folder, table.kind, schema, LEVEL)?;
        file.write(&part)?;
        added.push(file.finish()?);
    }
    let change = Change {
        operation: "WRITE",
        add: added.as_slice(),
        remove: &[],
        data_change: true,
        applied: Some(last),
        account: &Account::of_flush(tally, id),
    };
    let mut log = state.logs[usize::from(id.0)].lock();
    // Where an earlier attempt succeeded after all, its files count, and these do not.
    let committed = commit(&*state.disk, &mut log, table, &change);
    added.settle(&committed, &log);
    committed?;
    state.view.publish_flush(id, log.files());
    Ok(())
}
