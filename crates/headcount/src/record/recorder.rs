//! The recorder: the sending end of the queue, and the counters.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use headcount_wire::{SpanHeader, StatusCode, write_span};

use super::counters::Counters;
use super::losses::{LossReason, Losses};
use super::span::{Findings, SpanWriter};
use crate::consent::Mode;
use crate::platform::{clock, random};

/// How many events may wait in memory for the worker thread.
const QUEUE_EVENTS: usize = 2_048;
/// How many bytes of them.
const QUEUE_BYTES: u64 = 1_024 * 1_024;
/// One event in [`Recorder::queue`]; the bits below it count bytes, of which there are never as many.
const ONE_EVENT: u64 = 1 << 40;
/// The largest event: several contents of 64 KiB characters each fit.
const EVENT_LIMIT: usize = 512 * 1_024;
/// How much memory a thread keeps for encoding, in bytes.
const SCRATCH_KEPT: usize = 16 * 1_024;

/// An encoded span on its way to the spool.
#[derive(Debug)]
pub(crate) struct QueuedSpan {
    /// As `ScopeSpans` holds it.
    pub(crate) span: Box<[u8]>,
    /// A text in it has to be scrubbed first.
    pub(crate) needs_scrubbing: bool,
}

/// Shared by all threads of one process. A forked child makes its own.
#[derive(Debug)]
pub(crate) struct Recorder {
    mode: AtomicU8,
    sender: SyncSender<QueuedSpan>,
    /// How many events wait, and how many bytes they are: in one number, [`ONE_EVENT`] for each event.
    queue: AtomicU64,
    pub(crate) recorded: AtomicU64,
    pub(crate) written: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) values_refused: AtomicU64,
    pub(crate) losses: Losses,
}

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A span's name and times.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event {
    pub(crate) name: &'static str,
    pub(crate) start_nanos: u64,
    pub(crate) end_nanos: u64,
    pub(crate) failed: bool,
}

impl Event {
    /// Something that happened now.
    pub(crate) fn now(name: &'static str) -> Self {
        let now = clock::now_nanos();
        Self {
            name,
            start_nanos: now,
            end_nanos: now,
            failed: false,
        }
    }
}

impl Recorder {
    /// A recorder, and the receiving end of its queue.
    pub(crate) fn new(mode: Mode) -> (Self, Receiver<QueuedSpan>) {
        let (sender, receiver) = sync_channel(QUEUE_EVENTS);
        let recorder = Self {
            mode: AtomicU8::new(mode as u8),
            sender,
            queue: AtomicU64::new(0),
            recorded: AtomicU64::new(0),
            written: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            values_refused: AtomicU64::new(0),
            losses: Losses::default(),
        };
        (recorder, receiver)
    }

    pub(crate) fn mode(&self) -> Mode {
        match self.mode.load(Ordering::Relaxed) {
            mode if mode == Mode::On as u8 => Mode::On,
            mode if mode == Mode::Local as u8 => Mode::Local,
            _ => Mode::Off,
        }
    }

    /// Off stays off for the life of the process; nothing turns it on again.
    pub(crate) fn lower_mode(&self, mode: Mode) {
        self.mode.fetch_min(mode as u8, Ordering::Relaxed);
    }

    /// Records one event; `true` if the worker thread should look at the queue.
    #[must_use]
    pub(crate) fn record(
        &self,
        event: &Event,
        write: impl FnOnce(&mut SpanWriter<'_, '_>),
    ) -> bool {
        if self.mode.load(Ordering::Relaxed) == Mode::Off as u8 {
            return false;
        }
        self.recorded.fetch_add(1, Ordering::Relaxed);
        let mut findings = Findings::default();
        let span = encode(event, &mut findings, write);
        if findings.refused > 0 {
            let refused = u64::from(findings.refused);
            self.values_refused.fetch_add(refused, Ordering::Relaxed);
        }
        let Some(span) = span else {
            self.lose(LossReason::TooLarge, 1);
            return false;
        };
        let length = span.len();
        let before = self
            .queue
            .fetch_add(ONE_EVENT + length as u64, Ordering::Relaxed);
        let queued = QueuedSpan {
            span,
            needs_scrubbing: findings.needs_scrubbing,
        };
        let bytes = before % ONE_EVENT + length as u64;
        let sent = match bytes > QUEUE_BYTES {
            true => Err(TrySendError::Full(queued)),
            false => self.sender.try_send(queued),
        };
        if sent.is_err() {
            self.left_queue(length);
            self.lose(LossReason::QueueFull, 1);
        }
        true
    }

    /// Takes an event of `length` bytes off the queue's count.
    pub(crate) fn left_queue(&self, length: usize) {
        self.queue
            .fetch_sub(ONE_EVENT + length as u64, Ordering::Relaxed);
    }

    /// How many events wait in memory.
    pub(crate) fn queued(&self) -> u64 {
        self.queue.load(Ordering::Acquire) / ONE_EVENT
    }

    /// The counters, read so that `recorded` is `written + waiting + dropped`.
    pub(crate) fn counters(&self) -> Counters {
        let load = |counter: &AtomicU64| counter.load(Ordering::Acquire);
        // The order matters: an event that is recorded or written in between counts as waiting.
        let (written, dropped) = (load(&self.written), load(&self.dropped));
        let recorded = load(&self.recorded);
        Counters {
            recorded,
            written,
            waiting: recorded.saturating_sub(written + dropped),
            dropped,
            values_refused: load(&self.values_refused),
        }
    }

    /// Counts events that will not reach a segment.
    pub(crate) fn lose(&self, reason: LossReason, events: u64) {
        self.dropped.fetch_add(events, Ordering::Release);
        self.losses.add(reason, events);
    }
}

/// The span's bytes; `None` if it is too large.
fn encode(
    event: &Event,
    findings: &mut Findings,
    write: impl FnOnce(&mut SpanWriter<'_, '_>),
) -> Option<Box<[u8]>> {
    let (trace_id, span_id) = random::span_ids();
    let header = SpanHeader {
        trace_id,
        span_id,
        name: event.name,
        start_unix_nano: event.start_nanos,
        end_unix_nano: event.end_nanos,
        status: match event.failed {
            true => StatusCode::Error,
            false => StatusCode::Unset,
        },
    };
    let mut scratch = SCRATCH
        .try_with(|scratch| Some(std::mem::take(&mut *scratch.try_borrow_mut().ok()?)))
        .ok()
        .flatten()
        .unwrap_or_default();
    scratch.clear();
    write_span(&mut scratch, &header, |attributes| {
        write(&mut SpanWriter::new(attributes, findings));
    });
    let span = (scratch.len() <= EVENT_LIMIT).then(|| Box::from(scratch.as_slice()));
    if scratch.capacity() <= SCRATCH_KEPT {
        let _ = SCRATCH.try_with(|kept| {
            if let Ok(mut kept) = kept.try_borrow_mut() {
                *kept = scratch;
            }
        });
    }
    span
}
