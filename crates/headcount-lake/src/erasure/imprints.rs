//! Which rows of one table are to be erased, and whether a file holds any.

use std::fs::File;
use std::hash::BuildHasherDefault;
use std::path::Path;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::DataType;
use hashbrown::HashSet;
use headcount_catalog::{KeyedReceipt, RECEIPT_COLUMN};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::error::LakeError;
use crate::seen::Identity;

/// What the rows of one table hold of receipts that are erased.
#[derive(Debug)]
pub(crate) struct Imprints(HashSet<u64, BuildHasherDefault<Identity>>);

impl Imprints {
    pub(crate) fn of(receipts: &[KeyedReceipt], table: &str) -> Self {
        let imprints = receipts.iter().map(|receipt| receipt.imprint(table));
        Self(
            imprints
                .filter_map(|imprint| number(imprint.as_str()))
                .collect(),
        )
    }

    /// Whether a row of the file is to be erased. Reads one column.
    pub(crate) fn are_in(&self, path: &Path) -> Result<bool, LakeError> {
        let file = File::open(path).map_err(LakeError::io("open", path))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)?;
        if reader.schema().column_with_name(RECEIPT_COLUMN).is_none() {
            return Ok(false);
        }
        let column = ProjectionMask::columns(reader.parquet_schema(), [RECEIPT_COLUMN]);
        let reader = reader.with_projection(column).with_batch_size(32 << 10);
        for batch in reader.build()? {
            if self.to_keep(&batch?)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The rows that stay.
    pub(crate) fn without(&self, batch: RecordBatch) -> Result<RecordBatch, LakeError> {
        match self.to_keep(&batch)? {
            Some(kept) => Ok(filter_record_batch(&batch, &kept)?),
            None => Ok(batch),
        }
    }

    /// Which rows stay; `None` where all do.
    fn to_keep(&self, batch: &RecordBatch) -> Result<Option<BooleanArray>, LakeError> {
        let Some(column) = batch.column_by_name(RECEIPT_COLUMN) else {
            return Ok(None);
        };
        if column.null_count() == column.len() {
            return Ok(None);
        }
        // Another program may have written the file with another type of text.
        let column = cast(column, &DataType::Utf8)?;
        let is_kept = |imprint: Option<&str>| {
            imprint
                .and_then(number)
                .is_none_or(|n| !self.0.contains(&n))
        };
        let kept: BooleanArray = column
            .as_string::<i32>()
            .iter()
            .map(|imprint| Some(is_kept(imprint)))
            .collect();
        Ok((kept.true_count() < kept.len()).then_some(kept))
    }
}

/// An imprint's 16 hexadecimal digits as a number.
fn number(imprint: &str) -> Option<u64> {
    u64::from_str_radix(imprint, 16).ok()
}
