//! Which receipts have come with rows, so that orders under made-up tokens take no room.
//!
//! A filter (Bloom) of keyed hashes: it never misses a receipt that was noted, and takes at most a few in a hundred others for one.
//! It is in memory alone. A start reads it back from the rows; until that is done, every receipt counts as seen.

use std::sync::atomic::{AtomicBool, Ordering};

use headcount_catalog::{Cell, Entries, KeyedReceipt, RECEIPT_COLUMN, Schema};
use parking_lot::RwLock;

use super::filter::number;
use crate::wal::segment::Segment;

/// Bits of the first block: room for 260,000 receipts in 512 KiB. Each further block is twice as large as the one before.
const FIRST_BITS: usize = 1 << 22;
/// Bits of the largest block, and the most blocks: 200 MiB in all, for 100 million receipts. With more of them, ever more
/// made-up ones count as seen.
const MAX_BITS: usize = 1 << 27;
const MAX_BLOCKS: usize = 16;
/// Bits for each receipt, and how many of them are set: one number in 1,700 is found by chance, and one receipt, which is
/// looked for by its imprint in each of some twenty tables, in 80.
const BITS_EACH: usize = 16;
const PROBES: u64 = 8;

/// The receipts under which rows were stored, or may be about to be.
#[derive(Debug)]
pub struct SeenReceipts {
    blocks: RwLock<Vec<Block>>,
    /// The tables whose rows hold imprints of receipts.
    tables: Vec<String>,
    is_complete: AtomicBool,
}

#[derive(Debug)]
struct Block {
    words: Vec<u64>,
    room: usize,
}

impl SeenReceipts {
    /// A filter for the tables of `schema`, without a receipt.
    pub fn new(schema: &Schema) -> Self {
        let holds =
            |table: &&headcount_catalog::Table| table.column_index(RECEIPT_COLUMN).is_some();
        let tables = schema.tables.iter().filter(holds);
        Self {
            blocks: RwLock::default(),
            tables: tables.map(|table| table.name.clone()).collect(),
            is_complete: AtomicBool::new(false),
        }
    }

    /// Notes the receipt of a batch, before it is appended.
    pub fn note(&self, receipt: &KeyedReceipt) {
        self.insert(hash(receipt));
    }

    /// Notes the receipt of a row by its imprint.
    pub fn note_imprint(&self, imprint: &str) {
        if let Some(number) = number(imprint) {
            self.insert(number);
        }
    }

    /// Notes the receipts of rows that the log holds.
    pub fn note_replayed(&self, segments: &[Segment]) {
        for segment in segments {
            let columns = segment.schema.tables.iter();
            let columns: Vec<Option<usize>> = columns
                .map(|table| table.column_index(RECEIPT_COLUMN))
                .collect();
            let payloads = segment.frames.iter().map(|frame| &frame.payload);
            let entries = payloads.flat_map(|payload| Entries::new(payload)).flatten();
            for row in entries.flat_map(|entry| entry.rows()).flatten() {
                let column = columns.get(usize::from(row.table.0)).copied().flatten();
                for (found, cell) in row.cells().flatten() {
                    if let (true, Cell::Text(imprint)) = (Some(found) == column, cell) {
                        self.note_imprint(imprint);
                    }
                }
            }
        }
    }

    /// Every row of the store was noted.
    pub fn complete(&self) {
        self.is_complete.store(true, Ordering::Release);
    }

    /// Whether rows may have been stored under `receipt`.
    pub fn may_have(&self, receipt: &KeyedReceipt) -> bool {
        if !self.is_complete.load(Ordering::Acquire) {
            return true;
        }
        let blocks = self.blocks.read();
        let imprints = self.tables.iter().map(|table| receipt.imprint(table));
        let imprints = imprints.filter_map(|imprint| number(imprint.as_str()));
        std::iter::once(hash(receipt))
            .chain(imprints)
            .any(|number| blocks.iter().any(|block| block.contains(number)))
    }

    fn insert(&self, number: u64) {
        if self
            .blocks
            .read()
            .iter()
            .any(|block| block.contains(number))
        {
            return;
        }
        let mut blocks = self.blocks.write();
        let is_full = blocks.last().is_none_or(|block| block.room == 0);
        if is_full && blocks.len() < MAX_BLOCKS {
            let bits = blocks
                .last()
                .map_or(FIRST_BITS, |last| last.words.len() * 128);
            blocks.push(Block::new(bits.min(MAX_BITS)));
        }
        if let Some(block) = blocks.last_mut() {
            block.insert(number);
        }
    }
}

impl Block {
    fn new(bits: usize) -> Self {
        Self {
            words: vec![0; bits / 64],
            room: bits / BITS_EACH,
        }
    }

    /// The positions of a number's bits. The numbers are keyed hashes, of which nobody outside chooses one.
    fn bits(&self, number: u64) -> impl Iterator<Item = (usize, u64)> + use<> {
        let bits = self.words.len() as u64 * 64;
        let step = number.rotate_left(32).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        (0..PROBES).map(move |probe| {
            let bit = number.wrapping_add(probe.wrapping_mul(step)) % bits;
            ((bit / 64) as usize, 1 << (bit % 64))
        })
    }

    fn contains(&self, number: u64) -> bool {
        self.bits(number)
            .all(|(word, bit)| self.words[word] & bit != 0)
    }

    fn insert(&mut self, number: u64) {
        for (word, bit) in self.bits(number) {
            self.words[word] |= bit;
        }
        self.room = self.room.saturating_sub(1);
    }
}

fn hash(receipt: &KeyedReceipt) -> u64 {
    let first = receipt.as_bytes().first_chunk().copied();
    u64::from_le_bytes(first.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use headcount_catalog::Catalog;

    fn receipt(number: u64) -> KeyedReceipt {
        // As even as a keyed hash.
        let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        KeyedReceipt::new(
            (u128::from(mixed) << 64 | u128::from(mixed.rotate_left(23))).to_le_bytes(),
        )
    }

    #[test]
    fn no_receipt_that_was_noted_is_missed_and_few_others_are_found() {
        let seen = SeenReceipts::new(Catalog::embedded().schema());
        assert!(seen.may_have(&receipt(0)), "the rows were not read yet");
        seen.complete();
        // Into the third block.
        let count = (FIRST_BITS + 2 * FIRST_BITS) / BITS_EACH + 1_000;
        (0..count as u64).for_each(|number| seen.note(&receipt(number)));
        assert_eq!(seen.blocks.read().len(), 3);
        assert!(
            (0..count as u64)
                .step_by(97)
                .all(|number| seen.may_have(&receipt(number)))
        );
        let others = (0..10_000).filter(|number| seen.may_have(&receipt(1 << 40 | number)));
        assert!(others.count() < 500);
    }

    #[test]
    fn a_receipt_is_found_by_the_imprint_in_a_row() {
        let seen = SeenReceipts::new(Catalog::embedded().schema());
        seen.complete();
        assert!(!seen.may_have(&receipt(7)));
        seen.note_imprint(receipt(7).imprint("crews").as_str());
        assert!(seen.may_have(&receipt(7)));
        assert!(!seen.may_have(&receipt(8)));
    }
}
