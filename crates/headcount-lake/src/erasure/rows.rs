//! Rows to be erased, in record batches and in files.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::DataType;
use headcount_catalog::{CrewColumns, KeyedReceipt, RECEIPT_COLUMN, Table};
use headcount_log::disk::Disk;
use headcount_log::erasure::{CrewOrder, ErasureFilter, Run};
use parking_lot::Mutex;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::crew_filter::{CrewFilter, present, unknown_runs};
use crate::checksum::BlockChecksums;
use crate::error::LakeError;
use crate::table_file::{self, unreadable};
use crate::verified_file::VerifiedFile;

/// Rows read at a time.
pub(crate) const BATCH_ROWS: usize = 32 << 10;

/// Which rows of one table are to be erased: those that came under a receipt, and those of crews.
#[derive(Debug)]
pub(crate) struct RowFilter {
    receipts: ErasureFilter,
    has_receipts: bool,
    orders: Vec<CrewOrder>,
    crews: CrewFilter,
    columns: CrewColumns,
    /// What was left out since this was last asked for.
    left_out: Mutex<LeftOutByOrder>,
}

/// By the number of an order: the rows that were left out for it.
pub(crate) type LeftOutByOrder = BTreeMap<u64, LeftOutRows>;

/// Rows that were left out for an order.
#[derive(Debug, Clone, Default)]
pub(crate) struct LeftOutRows {
    /// Their number.
    pub(crate) rows: u64,
    /// The runs that they tell of, and that the order does not know yet.
    pub(crate) runs: Vec<Run>,
}

impl LeftOutRows {
    /// Adds others.
    pub(crate) fn add(&mut self, others: Self) {
        self.rows += others.rows;
        self.runs.extend(others.runs);
    }
}

impl RowFilter {
    /// The filter of `table`; `None` where it cannot hold such rows.
    pub(crate) fn of(
        table: &Table,
        receipts: &[KeyedReceipt],
        orders: &[CrewOrder],
    ) -> Option<Self> {
        let has_receipts = !receipts.is_empty() && table.column_index(RECEIPT_COLUMN).is_some();
        let columns = table.crew_columns();
        let orders = match columns.names().next() {
            Some(_) => orders.to_vec(),
            None => Vec::new(),
        };
        if !has_receipts && orders.is_empty() {
            return None;
        }
        let names = orders.iter().map(|order| Arc::clone(&order.names));
        Some(Self {
            receipts: ErasureFilter::new(receipts, &table.name),
            has_receipts,
            crews: CrewFilter::new(columns, names.collect()),
            columns,
            left_out: Mutex::default(),
            orders,
        })
    }

    /// Whether a value that is to be erased stands anywhere in `bytes`, which need not be whole records.
    pub(crate) fn is_in(&self, bytes: &[u8]) -> bool {
        self.receipts.is_in(bytes)
            || self
                .orders
                .iter()
                .any(|order| order.names.find_in(bytes).is_some())
    }

    /// What was left out for the orders since this was last asked.
    pub(crate) fn take_left_out(&self) -> LeftOutByOrder {
        std::mem::take(&mut *self.left_out.lock())
    }

    /// The rows of the batch, which has all columns, that are not to be erased.
    pub(crate) fn without_erased(&self, batch: RecordBatch) -> Result<RecordBatch, LakeError> {
        let Some(Judged { kept, orders }) = self.judge(&batch)? else {
            return Ok(batch);
        };
        for (index, order) in self.orders.iter().enumerate() {
            let rows = orders.iter().filter(|of| **of == index).count() as u64;
            // Also of rows that go for another order, or under a receipt.
            let runs = unknown_runs(&order.names, self.columns, &batch)?;
            if rows > 0 || !runs.is_empty() {
                let mut left_out = self.left_out.lock();
                let of_order = left_out.entry(order.number).or_default();
                of_order.add(LeftOutRows { rows, runs });
            }
        }
        Ok(filter_record_batch(&batch, &kept)?)
    }

    /// `None` where no row is to be erased.
    fn judge(&self, batch: &RecordBatch) -> Result<Option<Judged>, LakeError> {
        let receipts = self.kept_by_receipt(batch)?;
        let crews = match self.orders.is_empty() {
            true => None,
            false => self.crews.matches(batch)?,
        };
        let Some(crews) = crews else {
            return Ok(receipts.map(|kept| Judged {
                kept,
                orders: Vec::new(),
            }));
        };
        let is_kept_by_receipt = |row| receipts.as_ref().is_none_or(|kept| kept.value(row));
        let kept: BooleanArray = crews
            .iter()
            .enumerate()
            .map(|(row, order)| Some(order.is_none() && is_kept_by_receipt(row)))
            .collect();
        Ok(Some(Judged {
            kept,
            orders: crews.into_iter().flatten().collect(),
        }))
    }

    /// A mask of the rows that no receipt erases; `None` where that is all of them.
    fn kept_by_receipt(&self, batch: &RecordBatch) -> Result<Option<BooleanArray>, LakeError> {
        let column = batch.column_by_name(RECEIPT_COLUMN);
        let Some(column) = column.filter(|_| self.has_receipts) else {
            return Ok(None);
        };
        if column.null_count() == column.len() {
            return Ok(None);
        }
        // Another program may have written the file with another type of text.
        let column = cast(column, &DataType::Utf8)?;
        let is_kept =
            |imprint: Option<&str>| imprint.is_none_or(|imprint| !self.receipts.matches(imprint));
        let kept: BooleanArray = column
            .as_string::<i32>()
            .iter()
            .map(|imprint| Some(is_kept(imprint)))
            .collect();
        Ok((kept.true_count() < kept.len()).then_some(kept))
    }

    /// The columns that decide about the rows of a file.
    fn columns_to_read(
        &self,
        reader: &ParquetRecordBatchReaderBuilder<VerifiedFile>,
    ) -> Vec<&'static str> {
        let mut columns = match self.orders.is_empty() {
            true => Vec::new(),
            false => self.crews.columns_to_read(reader.metadata()),
        };
        if self.has_receipts {
            columns.push(RECEIPT_COLUMN);
        }
        present(reader.schema(), columns)
    }
}

/// Rows of a batch, of which some are to be erased.
struct Judged {
    kept: BooleanArray,
    /// For each row of a crew, the position of its order.
    orders: Vec<usize>,
}

/// Whether a row of the file is to be erased. Reads the columns that decide.
pub(crate) fn has_erased(
    disk: &dyn Disk,
    filter: &RowFilter,
    path: &Path,
    checksums: Option<&BlockChecksums>,
) -> Result<bool, LakeError> {
    let reader = table_file::open(disk, path, checksums)?;
    let columns = filter.columns_to_read(&reader);
    let Some(batches) = project(reader, path, &columns)? else {
        return Ok(false);
    };
    for batch in batches {
        if filter.judge(&batch.map_err(unreadable(path))?)?.is_some() {
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
    let reader = table_file::open(disk, path, checksums)?;
    let columns = present(reader.schema(), vec![RECEIPT_COLUMN]);
    let Some(batches) = project(reader, path, &columns)? else {
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

/// The rows of the file with `columns` alone; `None` without any.
pub(crate) fn project(
    reader: ParquetRecordBatchReaderBuilder<VerifiedFile>,
    path: &Path,
    columns: &[&'static str],
) -> Result<Option<ParquetRecordBatchReader>, LakeError> {
    if columns.is_empty() {
        return Ok(None);
    }
    let mask = ProjectionMask::columns(reader.parquet_schema(), columns.iter().copied());
    let reader = reader.with_projection(mask).with_batch_size(BATCH_ROWS);
    Ok(Some(reader.build().map_err(unreadable(path))?))
}
