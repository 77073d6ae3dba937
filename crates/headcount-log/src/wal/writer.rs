//! The one thread that writes the log.
//!
//! ```text
//! requests ──▶ group (all that wait, up to 4 MiB) ──▶ drop duplicate spans ─────▶ one frame ──▶ write, fdatasync
//!                                                                                                  │
//!          answers ◀── memtable ◀──────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Each frame ends with a tally: how many rows of each table and day came with it, and what became of them. So what the tables are
//! to hold is known from counters that are durable in the same step as the rows (decision 0031).
//!
//! A span that is sent again while its first copy waits for its fsync is in the same group or a later one, so it is
//! acknowledged only after the first copy is durable.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use headcount_catalog::{Fate, Tally, TallyLayout};
use tokio::sync::mpsc;

use super::activity::LogActivity;
use super::command::{Appended, Command, PendingAppend};
use super::format::{self, FRAME_HEADER, FRAME_LIMIT};
use super::newest;
use super::segment::{Frame, SealedSegment, SegmentFile};
use super::sink::RowSink;
use super::trim::SealedSegments;
use crate::dedup::DedupIndex;
use crate::disk::{Disk, DiskFile};
use crate::erasure::ErasedReceipts;
use crate::error::AppendError;

/// A group is closed at this size: large enough to share an fsync, small enough to keep its latency.
const GROUP_BYTES: usize = 4 << 20;
/// Numbers of rows that were dropped, by table and day, for which a frame is written although it has no row: so many as an honest
/// sender never has, and few enough to keep in memory.
const UNWRITTEN_TALLY: usize = 10_000;

struct OpenSegment {
    file: SegmentFile,
    writer: Box<dyn DiskFile>,
    length: u64,
    fingerprints: Vec<u64>,
}

/// The log's settings, and the state that it continues from.
pub struct WalConfig {
    /// The file system.
    pub disk: Arc<dyn Disk>,
    /// The folder of the segments.
    pub folder: PathBuf,
    /// The header of new segments: see [`header`](super::format::header).
    pub header: Vec<u8>,
    /// Where the rows have what they are counted by.
    pub tally: TallyLayout,
    /// The sequence number of the next frame.
    pub next_sequence: u64,
    /// The spans that were stored before.
    pub dedup: DedupIndex,
    /// Gets the rows once they are durable.
    pub sink: Arc<dyn RowSink>,
    /// Gets the segments that are full or were given up.
    pub sealed: SealedSegments,
    /// How long an append waits for room in the sink before it is refused.
    pub append_timeout: Duration,
    /// Receipts under which nothing is stored.
    pub erased: ErasedReceipts,
}

/// The thread's state.
pub(super) struct Writer {
    config: WalConfig,
    /// The segment being written, if there is one.
    segment: Option<OpenSegment>,
    /// The counts of acknowledged rows that were dropped since the last frame. They go with the next one; a crash before that loses
    /// that these rows came, and that they were dropped.
    unwritten: Tally,
    activity: Arc<LogActivity>,
}

impl Writer {
    pub(super) fn new(config: WalConfig, activity: Arc<LogActivity>) -> Self {
        Self {
            config,
            segment: None,
            unwritten: Tally::default(),
            activity,
        }
    }

    /// Serves commands until every handle is dropped. Replies may go unheard: a sender may have gone away.
    pub(super) fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        while let Some(command) = commands.blocking_recv() {
            let mut next = Some(command);
            while let Some(command) = next.take() {
                match command {
                    Command::Rotate(reply) => {
                        self.rotate();
                        let _ = reply.send(self.remove_void());
                    }
                    Command::Ping(reply) => {
                        let _ = reply.send(());
                    }
                    Command::Append(first) => {
                        let mut bytes = first.batch.bytes().len();
                        let mut group = vec![first];
                        while bytes < GROUP_BYTES {
                            match commands.try_recv() {
                                Ok(Command::Append(further)) => {
                                    bytes += further.batch.bytes().len();
                                    group.push(further);
                                }
                                Ok(other) => {
                                    next = Some(other);
                                    break;
                                }
                                Err(_) => break,
                            }
                        }
                        self.write_group(group, bytes);
                    }
                }
            }
        }
    }

    fn write_group(&mut self, group: Vec<PendingAppend>, bytes: usize) {
        if bytes > FRAME_LIMIT {
            return refuse(group, &AppendError::TooLarge(bytes));
        }
        if !self.config.sink.wait_for_room(self.config.append_timeout) {
            return refuse(group, &AppendError::Overloaded);
        }
        let mut frame = Vec::with_capacity(FRAME_HEADER + bytes);
        frame.resize(FRAME_HEADER, 0);
        let mut fresh = Vec::new();
        let mut answers = Vec::with_capacity(group.len());
        let mut tally = self.unwritten.clone();
        let erased = self.config.erased.read();
        for waiting in group {
            let mut appended = Appended::default();
            let entries = waiting.batch.entries().map_while(Result::ok);
            let receipt = waiting.batch.receipt();
            if receipt.is_some_and(|receipt| erased.contains(&receipt)) {
                // Its sender asked for everything under this receipt to be erased, and learns nothing from the answer.
                entries.for_each(|entry| tally.count(&entry, &self.config.tally, Fate::Erased));
                answers.push((waiting.reply, appended, waiting.reservation));
                continue;
            }
            for (index, entry) in entries.enumerate() {
                let is_span = u64::from(index < waiting.batch.span_count());
                let fate = match self.config.dedup.insert(entry.fingerprint.0) {
                    true => Fate::Kept,
                    false => Fate::Duplicate,
                };
                tally.count(&entry, &self.config.tally, fate);
                if fate == Fate::Kept {
                    frame.extend_from_slice(entry.bytes);
                    fresh.push(entry.fingerprint.0);
                    appended.stored += is_span;
                    appended.written = true;
                } else {
                    appended.duplicates += is_span;
                }
            }
            // The frame has a copy, so the memory is still reserved.
            answers.push((waiting.reply, appended, waiting.reservation));
        }
        drop(erased);
        if let Err(error) = self.write_counted(frame, &fresh, tally) {
            self.config.dedup.forget(&fresh);
            // Whoever asked reports it, once and not for each request.
            tracing::debug!(%error, "a group of batches was not stored");
            for (reply, _, reservation) in answers {
                drop(reservation);
                let _ = reply.send(Err(error.clone()));
            }
            return;
        }
        for (reply, appended, reservation) in answers {
            drop(reservation);
            let _ = reply.send(Ok(appended));
        }
    }

    /// Writes the frame with its tally. One without rows waits in memory for the next frame that has some.
    fn write_counted(
        &mut self,
        mut frame: Vec<u8>,
        fingerprints: &[u64],
        tally: Tally,
    ) -> Result<(), AppendError> {
        if fingerprints.is_empty() && tally.len() < UNWRITTEN_TALLY {
            self.unwritten = tally;
            return Ok(());
        }
        tally.write(&mut frame);
        let payload = frame.len() - FRAME_HEADER;
        if payload > FRAME_LIMIT {
            return Err(AppendError::TooLarge(payload));
        }
        self.write_frame(frame, fingerprints)?;
        self.unwritten = Tally::default();
        Ok(())
    }

    /// Writes what was counted and is in no frame, before a flush: so it is lost only with the power or the process.
    fn write_unwritten(&mut self) {
        let mut frame = vec![0; FRAME_HEADER];
        self.unwritten.write(&mut frame);
        if frame.len() == FRAME_HEADER {
            return;
        }
        match self.write_frame(frame, &[]) {
            Ok(()) => self.unwritten = Tally::default(),
            Err(error) => {
                tracing::debug!(%error, "the counts of repeated rows were not stored; they go with the next frame");
            }
        }
    }

    /// Makes the frame durable and visible.
    fn write_frame(&mut self, mut frame: Vec<u8>, fingerprints: &[u64]) -> Result<(), AppendError> {
        format::seal_frame(&mut frame, self.config.next_sequence);
        let mut segment = match self.segment.take() {
            Some(segment) => segment,
            None => self
                .begin_segment()
                .map_err(|error| AppendError::from(&error))?,
        };
        if let Err(error) = segment.writer.write_all(&frame) {
            // Nothing of the frame may stay in front of the next one. A file that cannot be cut is given up.
            match segment.writer.truncate(segment.length) {
                Ok(()) => self.segment = Some(segment),
                Err(_) => self.seal(segment),
            }
            return Err(AppendError::from(&error));
        }
        let began = Instant::now();
        let synced = segment.writer.sync();
        self.activity.syncs.observe(began.elapsed());
        if let Err(error) = synced {
            // Whether the frame is on the medium is unknown, and asking again would not tell. The next segment's
            // name says that it does not count.
            self.seal(segment);
            return Err(AppendError::from(&error));
        }
        if segment.length == self.config.header.len() as u64 {
            self.note_newest(&segment.file);
        }
        self.activity.groups.add(1);
        self.activity.bytes.add(frame.len() as u64);
        segment.length += frame.len() as u64;
        segment.fingerprints.extend_from_slice(fingerprints);
        self.segment = Some(segment);
        self.config.sink.push(Frame {
            sequence: self.config.next_sequence,
            payload: Bytes::from(frame).slice(FRAME_HEADER..),
        });
        self.config.next_sequence += 1;
        Ok(())
    }

    /// Creates the segment that begins with the next sequence number, durably, before a frame is written to it.
    fn begin_segment(&self) -> io::Result<OpenSegment> {
        let file = SegmentFile::new(&self.config.folder, self.config.next_sequence);
        let unfinished = file.path.with_extension("wal.tmp");
        if self.config.disk.exists(&unfinished) {
            self.config.disk.remove(&unfinished)?;
        }
        let mut writer = self.config.disk.create(&unfinished)?;
        writer.write_all(&self.config.header)?;
        writer.sync()?;
        // Replaces a segment of this name without a single frame that counts, if one was given up.
        self.config.disk.rename(&unfinished, &file.path)?;
        self.config.disk.sync_folder(&self.config.folder)?;
        Ok(OpenSegment {
            file,
            writer,
            length: self.config.header.len() as u64,
            fingerprints: Vec::new(),
        })
    }

    /// Notes a segment whose first frame is durable. The frame counts whether or not this succeeds.
    fn note_newest(&self, file: &SegmentFile) {
        let root = self.config.folder.parent();
        let noted = root.map(|root| newest::note(&*self.config.disk, root, file.first));
        if let Some(Err(error)) = noted {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "could not note the log's newest segment; if somebody deleted it, the next start would not miss it"
            );
        }
    }

    /// Puts the segment among the sealed ones, unless the next segment will take its name.
    fn seal(&self, segment: OpenSegment) {
        if segment.file.first < self.config.next_sequence {
            self.config.sealed.lock().push(SealedSegment {
                file: segment.file,
                last: self.config.next_sequence - 1,
                fingerprints: segment.fingerprints,
            });
        }
    }

    /// Seals the segment; the next append begins another. It is not begun here: a segment whose creation failed halfway
    /// would void what is still written to the one before it.
    fn rotate(&mut self) {
        self.write_unwritten();
        if let Some(segment) = self.segment.take() {
            self.seal(segment);
        }
        self.config.sink.freeze(self.config.next_sequence - 1);
    }

    /// Removes the segment that the next one would replace: it was given up before a frame of it counted, and may hold the
    /// bytes of one that was never acknowledged. If nothing more is appended, they would stay.
    fn remove_void(&self) -> io::Result<()> {
        let void = SegmentFile::new(&self.config.folder, self.config.next_sequence);
        if !self.config.disk.exists(&void.path) {
            return Ok(());
        }
        self.config.disk.remove(&void.path)?;
        self.config.disk.sync_folder(&self.config.folder)
    }
}

fn refuse(group: Vec<PendingAppend>, error: &AppendError) {
    for append in group {
        let PendingAppend {
            reply,
            batch,
            reservation,
        } = append;
        drop((batch, reservation));
        let _ = reply.send(Err(error.clone()));
    }
}
