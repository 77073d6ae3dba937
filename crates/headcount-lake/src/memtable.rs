//! The rows that are in the log and not yet in a table.
//!
//! They arrive as encoded bytes and become Arrow columns on demand: the first query after an append decodes the rows that are
//! new since the last one, and drops their bytes. So an append costs no decoding, and no row is decoded twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use headcount_catalog::{Entries, Schema, TableId, Tally, TallyLayout};
use headcount_log::wal::Renumbering;
use headcount_log::wal::segment::Segment;
use parking_lot::Mutex;

use crate::arrow_rows::{RowsBuilder, arrow_schema};
use crate::error::LakeError;

/// Each table's rows, by its position in the schema.
pub(crate) type TableBatches = Vec<Vec<RecordBatch>>;

/// A batch of this many rows is full; further rows go to a new one.
const BATCH_ROWS: usize = 8192;

/// One frame's entries.
#[derive(Debug, Clone)]
pub(crate) struct Chunk {
    pub(crate) sequence: u64,
    pub(crate) bytes: Bytes,
    /// Set where the frame was written under another catalog.
    pub(crate) renumbering: Option<Arc<Renumbering>>,
}

/// The tables, as a memtable needs to know them.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) schema: Arc<Schema>,
    pub(crate) arrow: Vec<SchemaRef>,
    /// For each table the last sequence number whose rows it holds; rows up to it are not taken again.
    pub(crate) applied: Vec<u64>,
    tally: TallyLayout,
}

impl Layout {
    pub(crate) fn new(schema: Arc<Schema>, applied: Vec<u64>) -> Arc<Self> {
        let arrow = schema.tables.iter().map(arrow_schema).collect();
        let tally = TallyLayout::new(&schema);
        Arc::new(Self {
            schema,
            arrow,
            applied,
            tally,
        })
    }

    /// The tally of a frame that was written under our catalog.
    pub(crate) fn tally_of(&self, payload: &[u8]) -> Tally {
        Tally::of_frame(payload, &self.tally)
    }

    /// Whether the table holds the rows of the frame `sequence` already; also for a table that there is not.
    pub(crate) fn holds(&self, table: TableId, sequence: u64) -> bool {
        let applied = self.applied.get(usize::from(table.0));
        applied.is_none_or(|applied| sequence <= *applied)
    }
}

/// The chunks between two flushes.
#[derive(Debug)]
pub(crate) struct Generation {
    layout: Arc<Layout>,
    pending: Mutex<Vec<Chunk>>,
    /// One list of batches per table.
    decoded: Mutex<TableBatches>,
    bytes: AtomicUsize,
    /// What the frames say of their rows.
    tally: Mutex<Tally>,
    /// When the first chunk came.
    born: Mutex<Option<Instant>>,
}

impl Generation {
    pub(crate) fn new(layout: Arc<Layout>) -> Self {
        let decoded = Mutex::new(vec![Vec::new(); layout.schema.tables.len()]);
        Self {
            layout,
            pending: Mutex::default(),
            decoded,
            bytes: AtomicUsize::new(0),
            tally: Mutex::default(),
            born: Mutex::new(None),
        }
    }

    pub(crate) fn push(&self, chunk: Chunk) {
        self.bytes.fetch_add(chunk.bytes.len(), Ordering::Relaxed);
        self.born.lock().get_or_insert_with(Instant::now);
        self.pending.lock().push(chunk);
    }

    /// Adds the tally of the frame `sequence`.
    pub(crate) fn count(&self, sequence: u64, tally: &Tally) {
        let mut sum = self.tally.lock();
        for (table, day, arrivals) in tally.iter() {
            if !self.layout.holds(table, sequence) {
                sum.add(table, day, arrivals);
            }
        }
    }

    /// The tally of the frames pushed so far.
    pub(crate) fn tally(&self) -> Tally {
        self.tally.lock().clone()
    }

    /// How long its first chunk has been waiting.
    pub(crate) fn age(&self) -> Duration {
        self.born
            .lock()
            .map_or(Duration::ZERO, |born| born.elapsed())
    }

    /// Encoded bytes pushed so far.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Each table's rows of everything pushed so far.
    pub(crate) fn batches(&self) -> Result<TableBatches, LakeError> {
        let mut decoded = self.decoded.lock();
        // Copied under its own lock, so that an append never waits for decoding. A chunk leaves the list only once its rows
        // are among the decoded ones: after an error, a flush must not believe that there are fewer.
        let chunks = self.pending.lock().clone();
        if !chunks.is_empty() {
            let fresh = decode(&self.layout, &chunks)?;
            let mut extended = decoded.clone();
            for (batches, fresh) in extended.iter_mut().zip(fresh) {
                add(batches, fresh)?;
            }
            *decoded = extended;
            self.pending.lock().drain(..chunks.len());
        }
        Ok(decoded.clone())
    }
}

/// Adds `fresh`, merging it with a last batch that is still small.
fn add(batches: &mut Vec<RecordBatch>, fresh: Vec<RecordBatch>) -> Result<(), LakeError> {
    for batch in fresh {
        match batches.last_mut() {
            Some(last) if last.num_rows() + batch.num_rows() <= BATCH_ROWS => {
                *last = concat_batches(&batch.schema(), [&*last, &batch])?;
            }
            _ => batches.push(batch),
        }
    }
    Ok(())
}

/// The chunks of replayed segments.
pub(crate) fn chunks(segments: &[Segment], ours: &Schema) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    for segment in segments {
        let renumbering = Renumbering::between(&segment.schema, ours);
        for frame in &segment.frames {
            chunks.push(Chunk {
                sequence: frame.sequence,
                bytes: frame.payload.clone(),
                renumbering: renumbering.clone(),
            });
        }
    }
    chunks
}

/// The tallies of replayed segments' frames, in our numbers of tables.
pub(crate) fn tallies(segments: &[Segment], ours: &Schema) -> Vec<(u64, Tally)> {
    let mut tallies = Vec::new();
    for segment in segments {
        let renumbering = Renumbering::between(&segment.schema, ours);
        let layout = TallyLayout::new(&segment.schema);
        for frame in &segment.frames {
            let theirs = Tally::of_frame(&frame.payload, &layout);
            let tally = match &renumbering {
                None => theirs,
                Some(renumbering) => renumbered(&theirs, renumbering),
            };
            tallies.push((frame.sequence, tally));
        }
    }
    tallies
}

fn renumbered(theirs: &Tally, renumbering: &Renumbering) -> Tally {
    let mut tally = Tally::default();
    for (table, day, arrivals) in theirs.iter() {
        if let Some(table) = renumbering.table(table) {
            tally.add(table.id, day, arrivals);
        }
    }
    tally
}

/// Decodes chunks into one list of batches per table.
pub(crate) fn decode(layout: &Layout, chunks: &[Chunk]) -> Result<TableBatches, LakeError> {
    let mut builders: Vec<Option<RowsBuilder>> = Vec::new();
    builders.resize_with(layout.schema.tables.len(), || None);
    let mut batches = vec![Vec::new(); builders.len()];
    for chunk in chunks {
        decode_chunk(layout, chunk, &mut builders, &mut batches)?;
    }
    for (builder, batches) in builders.iter_mut().zip(&mut batches) {
        if let Some(builder) = builder.as_mut().filter(|builder| builder.rows() > 0) {
            batches.push(builder.finish()?);
        }
    }
    Ok(batches)
}

fn decode_chunk(
    layout: &Layout,
    chunk: &Chunk,
    builders: &mut [Option<RowsBuilder>],
    batches: &mut [Vec<RecordBatch>],
) -> Result<(), LakeError> {
    for entry in Entries::new(&chunk.bytes) {
        for row in entry?.rows() {
            let row = row?;
            let renumbered = match &chunk.renumbering {
                None => Some((row.table, None)),
                Some(renumbering) => {
                    let table = renumbering.table(row.table);
                    table.map(|table| (table.id, Some(table)))
                }
            };
            let Some((id, their_table)) = renumbered else {
                continue;
            };
            let index = usize::from(id.0);
            let Some(table) = layout.schema.table(id) else {
                continue;
            };
            if chunk.sequence <= layout.applied[index] {
                continue;
            }
            let builder = builders[index]
                .get_or_insert_with(|| RowsBuilder::new(table, Arc::clone(&layout.arrow[index])));
            match their_table {
                None => builder.push(&row, Some)?,
                Some(table) => builder.push(&row, |column| table.column(column))?,
            }
            if builder.rows() >= BATCH_ROWS {
                batches[index].push(builder.finish()?);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::support::{batch, schema};

    fn chunk(sequence: u64, bytes: &[u8]) -> Chunk {
        Chunk {
            sequence,
            bytes: Bytes::copy_from_slice(bytes),
            renumbering: None,
        }
    }

    #[test]
    fn rows_that_cannot_be_decoded_are_missed_at_every_call() {
        let layout = Layout::new(schema(), vec![0; schema().tables.len()]);
        let rows = |generation: &Generation| {
            let batches = generation.batches();
            batches.map(|tables| tables[0].iter().map(RecordBatch::num_rows).sum::<usize>())
        };
        let generation = Generation::new(layout);
        generation.push(chunk(1, batch(0..3).bytes()));
        assert_eq!(rows(&generation).unwrap(), 3);
        generation.push(chunk(2, batch(3..5).bytes()));
        generation.push(chunk(3, &batch(5..6).bytes()[..20]));
        for _ in 0..2 {
            let error = rows(&generation).unwrap_err();
            assert!(matches!(error, LakeError::Codec(_)), "{error}");
        }
        generation.pending.lock().pop();
        assert_eq!(
            rows(&generation).unwrap(),
            5,
            "the rows beside them are whole"
        );
    }
}
