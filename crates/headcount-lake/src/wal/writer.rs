//! The one thread that writes the log.
//!
//! ```text
//! requests ──▶ group (all that wait, up to 4 MiB) ──▶ drop spans already seen ──▶ one frame ──▶ write, fdatasync
//!                                                                                                  │
//!          answers ◀── memtable ◀──────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A span that is sent again while its first copy waits for its fsync is in the same group or a later one, so it is
//! acknowledged only after the first copy is durable.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use headcount_catalog::AdmittedBatch;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::format::{self, FRAME_HEADER, FRAME_LIMIT};
use super::replay::SegmentFile;
use crate::disk::{Disk, DiskFile};
use crate::erasure::Erased;
use crate::error::AppendError;
use crate::lake::Appended;
use crate::memtable::Chunk;
use crate::seen::Seen;
use crate::snapshot::View;

/// A group is closed at this size: large enough to share an fsync, small enough to keep its latency.
const GROUP_BYTES: usize = 4 << 20;

/// What the thread is asked to do.
pub(crate) enum Command {
    /// Store a batch; answered after its fsync.
    Append(Waiting),
    /// Seal the segment and freeze the memtable; answered when both have happened, and with whether no bytes are left in the
    /// log that do not count.
    Rotate(oneshot::Sender<io::Result<()>>),
}

/// A batch whose sender waits, or has gone away meanwhile.
pub(crate) struct Waiting {
    pub(crate) batch: AdmittedBatch,
    pub(crate) reply: oneshot::Sender<Result<Appended, AppendError>>,
    /// The room that the batch takes, here and at whoever appends it: given back when nothing of it waits any more.
    pub(crate) held: Box<dyn Send>,
}

/// A segment that gets no further frames: what to remove, and remember, once the tables hold its rows.
#[derive(Debug)]
pub(crate) struct SealedSegment {
    pub(crate) file: SegmentFile,
    pub(crate) last: u64,
    pub(crate) fingerprints: Vec<u64>,
}

struct OpenSegment {
    file: SegmentFile,
    writer: Box<dyn DiskFile>,
    length: u64,
    fingerprints: Vec<u64>,
}

/// The thread's state.
pub(crate) struct Writer {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) folder: PathBuf,
    pub(crate) header: Vec<u8>,
    pub(crate) next_sequence: u64,
    pub(crate) seen: Seen,
    pub(crate) view: Arc<View>,
    pub(crate) sealed: Arc<Mutex<Vec<SealedSegment>>>,
    pub(crate) patience: Duration,
    /// Receipts under which nothing is stored.
    pub(crate) erased: Erased,
    pub(crate) segment: Segmented,
}

/// The segment being written, if there is one.
#[derive(Default)]
pub(crate) struct Segmented(Option<OpenSegment>);

impl Writer {
    /// Serves commands until every sender is gone.
    pub(crate) fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        while let Some(command) = commands.blocking_recv() {
            let mut next = Some(command);
            while let Some(command) = next.take() {
                match command {
                    Command::Rotate(reply) => {
                        self.rotate();
                        let _gone = reply.send(self.remove_void());
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

    fn write_group(&mut self, group: Vec<Waiting>, bytes: usize) {
        if bytes > FRAME_LIMIT {
            return refuse(group, &AppendError::TooLarge(bytes));
        }
        if !self.view.wait_for_room(self.patience) {
            return refuse(group, &AppendError::Overloaded);
        }
        let mut frame = Vec::with_capacity(FRAME_HEADER + bytes);
        frame.resize(FRAME_HEADER, 0);
        let mut fresh = Vec::new();
        let mut answers = Vec::with_capacity(group.len());
        let erased = self.erased.read();
        for waiting in group {
            let mut appended = Appended::default();
            let receipt = waiting.batch.receipt();
            if receipt.is_some_and(|receipt| erased.contains(&receipt)) {
                // Its sender asked for what comes under this receipt to be erased, and learns nothing from the answer.
                answers.push((waiting.reply, appended, waiting.held));
                continue;
            }
            let entries = waiting.batch.entries().map_while(Result::ok);
            for (index, entry) in entries.enumerate() {
                let is_span = u64::from(index < waiting.batch.span_count());
                if self.seen.insert(entry.fingerprint.0) {
                    frame.extend_from_slice(entry.bytes);
                    fresh.push(entry.fingerprint.0);
                    appended.stored += is_span;
                    appended.written = true;
                } else {
                    appended.duplicates += is_span;
                }
            }
            // The frame has a copy, so the room is still taken.
            answers.push((waiting.reply, appended, waiting.held));
        }
        drop(erased);
        if let Err(error) = self.write_frame(frame, &fresh) {
            self.seen.forget(&fresh);
            tracing::error!(%error, "a group of batches was not stored");
            for (reply, _, held) in answers {
                drop(held);
                let _gone = reply.send(Err(error.clone()));
            }
            return;
        }
        for (reply, appended, held) in answers {
            drop(held);
            let _gone = reply.send(Ok(appended));
        }
    }

    /// Makes the frame durable and visible; does nothing where it has no payload.
    fn write_frame(&mut self, mut frame: Vec<u8>, fingerprints: &[u64]) -> Result<(), AppendError> {
        if fingerprints.is_empty() {
            return Ok(());
        }
        format::seal_frame(&mut frame, self.next_sequence);
        let mut segment = match self.segment.0.take() {
            Some(segment) => segment,
            None => self.begin_segment().map_err(|error| refusal(&error))?,
        };
        if let Err(error) = segment.writer.write_all(&frame) {
            // Nothing of the frame may stay in front of the next one. A file that cannot even be cut is given up.
            match segment.writer.truncate(segment.length) {
                Ok(()) => self.segment.0 = Some(segment),
                Err(_) => self.seal(segment),
            }
            return Err(refusal(&error));
        }
        if let Err(error) = segment.writer.sync() {
            // Whether the frame is on the medium is unknown, and asking again would not tell. The next segment's
            // name says that it does not count.
            self.seal(segment);
            return Err(refusal(&error));
        }
        segment.length += frame.len() as u64;
        segment.fingerprints.extend_from_slice(fingerprints);
        self.segment.0 = Some(segment);
        self.view.push(Chunk {
            sequence: self.next_sequence,
            bytes: Bytes::from(frame).slice(FRAME_HEADER..),
            renumbering: None,
        });
        self.next_sequence += 1;
        Ok(())
    }

    /// Creates the segment that begins with the next sequence number, durably, before a frame is written to it.
    fn begin_segment(&self) -> io::Result<OpenSegment> {
        let file = SegmentFile::new(&self.folder, self.next_sequence);
        let unfinished = file.path.with_extension("wal.tmp");
        if unfinished.exists() {
            self.disk.remove(&unfinished)?;
        }
        let mut writer = self.disk.create(&unfinished)?;
        writer.write_all(&self.header)?;
        writer.sync()?;
        // Replaces a segment of this name without a single frame that counts, if one was given up.
        self.disk.rename(&unfinished, &file.path)?;
        self.disk.sync_folder(&self.folder)?;
        Ok(OpenSegment {
            file,
            writer,
            length: self.header.len() as u64,
            fingerprints: Vec::new(),
        })
    }

    /// Puts the segment among the sealed ones, unless the next segment will take its name.
    fn seal(&self, segment: OpenSegment) {
        if segment.file.first < self.next_sequence {
            self.sealed.lock().push(SealedSegment {
                file: segment.file,
                last: self.next_sequence - 1,
                fingerprints: segment.fingerprints,
            });
        }
    }

    /// Seals the segment; the next append begins another. It is not begun here: a segment whose creation failed halfway
    /// would void what is still written to the one before it.
    fn rotate(&mut self) {
        if let Some(segment) = self.segment.0.take() {
            self.seal(segment);
        }
        self.view.freeze(self.next_sequence - 1);
    }

    /// Removes the segment that the next one would replace: it was given up before a frame of it counted, and may hold the
    /// bytes of one that was never acknowledged. Where nothing more comes, they would stay.
    fn remove_void(&self) -> io::Result<()> {
        let void = SegmentFile::new(&self.folder, self.next_sequence);
        if !void.path.exists() {
            return Ok(());
        }
        self.disk.remove(&void.path)?;
        self.disk.sync_folder(&self.folder)
    }
}

fn refuse(group: Vec<Waiting>, error: &AppendError) {
    for Waiting { reply, batch, held } in group {
        drop((batch, held));
        let _gone = reply.send(Err(error.clone()));
    }
}

fn refusal(error: &io::Error) -> AppendError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => AppendError::DiskFull,
        _ => AppendError::Log(error.to_string()),
    }
}
