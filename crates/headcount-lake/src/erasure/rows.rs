//! Rows to be erased, in record batches and in files.

use std::path::Path;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::DataType;
use headcount_catalog::RECEIPT_COLUMN;
use headcount_log::disk::Disk;
use headcount_log::erasure::ErasureFilter;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

use crate::checksum::BlockChecksums;
use crate::error::LakeError;
use crate::table_file::{self, unreadable};

/// Whether a row of the file is to be erased. Reads one column.
pub(crate) fn has_erased(
    disk: &dyn Disk,
    filter: &ErasureFilter,
    path: &Path,
    checksums: Option<&BlockChecksums>,
) -> Result<bool, LakeError> {
    let Some(batches) = receipt_column(disk, path, checksums)? else {
        return Ok(false);
    };
    for batch in batches {
        if rows_to_keep(filter, &batch.map_err(unreadable(path))?)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Calls `note` with the imprint of each row that has one. Reads one column.
pub(crate) fn each_imprint(
    disk: &dyn Disk,
    path: &Path,
    checksums: Option<&BlockChecksums>,
    mut note: impl FnMut(&str),
) -> Result<(), LakeError> {
    let Some(batches) = receipt_column(disk, path, checksums)? else {
        return Ok(());
    };
    for batch in batches {
        let batch = batch.map_err(unreadable(path))?;
        let column = cast(batch.column(0), &DataType::Utf8)?;
        column
            .as_string::<i32>()
            .iter()
            .flatten()
            .for_each(&mut note);
    }
    Ok(())
}

/// The column of receipts; `None` where the file has none.
fn receipt_column(
    disk: &dyn Disk,
    path: &Path,
    checksums: Option<&BlockChecksums>,
) -> Result<Option<ParquetRecordBatchReader>, LakeError> {
    let reader = table_file::open(disk, path, checksums)?;
    if reader.schema().column_with_name(RECEIPT_COLUMN).is_none() {
        return Ok(None);
    }
    let column = ProjectionMask::columns(reader.parquet_schema(), [RECEIPT_COLUMN]);
    let reader = reader.with_projection(column).with_batch_size(32 << 10);
    Ok(Some(reader.build().map_err(unreadable(path))?))
}

/// The rows that are not to be erased.
pub(crate) fn without_erased(
    filter: &ErasureFilter,
    batch: RecordBatch,
) -> Result<RecordBatch, LakeError> {
    match rows_to_keep(filter, &batch)? {
        Some(kept) => Ok(filter_record_batch(&batch, &kept)?),
        None => Ok(batch),
    }
}

/// A mask of the rows to keep; `None` where that is all of them.
fn rows_to_keep(
    filter: &ErasureFilter,
    batch: &RecordBatch,
) -> Result<Option<BooleanArray>, LakeError> {
    let Some(column) = batch.column_by_name(RECEIPT_COLUMN) else {
        return Ok(None);
    };
    if column.null_count() == column.len() {
        return Ok(None);
    }
    // Another program may have written the file with another type of text.
    let column = cast(column, &DataType::Utf8)?;
    let is_kept = |imprint: Option<&str>| imprint.is_none_or(|imprint| !filter.matches(imprint));
    let kept: BooleanArray = column
        .as_string::<i32>()
        .iter()
        .map(|imprint| Some(is_kept(imprint)))
        .collect();
    Ok((kept.true_count() < kept.len()).then_some(kept))
}
