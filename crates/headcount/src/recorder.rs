//! From a call to bytes in a queue: what happens on the host's own thread.
//!
//! A call encodes its span into memory that the thread keeps for that, and hands a copy of the right size to a bounded
//! queue. It takes no lock that another thread may hold, makes no system call (but for the first event after a pause,
//! which wakes our thread) and never waits: what finds no room is dropped and counted (promise 4).

use std::cell::RefCell;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, TryLockError};

use headcount_wire::{SpanHeader, StatusCode, write_span};

use crate::consent::Mode;
use crate::drain::Drain;
use crate::field::{SpanWriter, Verdict};
use crate::losses::{LossReason, Losses};
use crate::settings::Settings;
use crate::spool::Spool;
use crate::worker::Worker;
use crate::{clock, platform, random};

/// How many events may wait in memory for our thread.
const QUEUE_EVENTS: usize = 2_048;
/// How many bytes of them.
const QUEUE_BYTES: u64 = 1_024 * 1_024;
/// One event in [`Recorder::queue`]; what is below it counts bytes, of which there are never so many.
const ONE_EVENT: u64 = 1 << 40;
/// The largest event: several contents of 64 KiB characters each fit.
const EVENT_LIMIT: usize = 512 * 1_024;
/// How much memory a thread keeps for encoding, in bytes.
const SCRATCH_KEPT: usize = 16 * 1_024;

/// One encoded span on its way to the spool.
#[derive(Debug)]
pub(crate) struct Draft {
    /// As `ScopeSpans` holds it.
    pub(crate) span: Box<[u8]>,
    /// A text in it has to be scrubbed first.
    pub(crate) doubtful: bool,
}

/// What one process shares between its threads. A forked child makes one of its own: it cannot use its parent's, whose
/// locks may be held by threads that the child does not have.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) settings: Arc<Settings>,
    pub(crate) generation: u32,
    mode: AtomicU8,
    sender: SyncSender<Draft>,
    /// How many events wait, and how many bytes they are: in one number, [`ONE_EVENT`] for each event.
    queue: AtomicU64,
    pub(crate) recorded: AtomicU64,
    pub(crate) written: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) values_refused: AtomicU64,
    pub(crate) losses: Losses,
    pub(crate) drain: Mutex<Drain>,
    pub(crate) worker: Worker,
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
    pub(crate) fn new(settings: Arc<Settings>, mode: Mode) -> Arc<Self> {
        let (sender, receiver) = sync_channel(QUEUE_EVENTS);
        let drain = Mutex::new(Drain::new(receiver, &settings));
        Arc::new(Self {
            settings,
            generation: platform::generation(),
            mode: AtomicU8::new(mode as u8),
            sender,
            queue: AtomicU64::new(0),
            recorded: AtomicU64::new(0),
            written: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            values_refused: AtomicU64::new(0),
            losses: Losses::default(),
            drain,
            worker: Worker::default(),
        })
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
        let _before = self.mode.fetch_min(mode as u8, Ordering::Relaxed);
    }

    /// Records one event.
    pub(crate) fn record(
        self: &Arc<Self>,
        event: &Event,
        write: impl FnOnce(&mut SpanWriter<'_, '_>),
    ) {
        if self.mode.load(Ordering::Relaxed) == Mode::Off as u8 {
            return;
        }
        let _before = self.recorded.fetch_add(1, Ordering::Relaxed);
        let mut verdict = Verdict::default();
        let span = encode(event, &mut verdict, write);
        if verdict.refused > 0 {
            let refused = u64::from(verdict.refused);
            let _before = self.values_refused.fetch_add(refused, Ordering::Relaxed);
        }
        let Some(span) = span else {
            self.lose(LossReason::TooLarge, 1);
            return;
        };
        let length = span.len();
        let before = self
            .queue
            .fetch_add(ONE_EVENT + length as u64, Ordering::Relaxed);
        let draft = Draft {
            span,
            doubtful: verdict.doubtful,
        };
        let bytes = before % ONE_EVENT + length as u64;
        let sent = match bytes > QUEUE_BYTES {
            true => Err(TrySendError::Full(draft)),
            false => self.sender.try_send(draft),
        };
        if sent.is_err() {
            self.left_queue(length);
            self.lose(LossReason::QueueFull, 1);
        }
        self.worker.wake(self);
    }

    /// Whether something waits that no folder holds, on a machine that lets us write nowhere. While somebody is at it, to
    /// write or to send, that is not known, and something may.
    pub(crate) fn holds_in_memory(&self) -> bool {
        let drain = match self.drain.try_lock() {
            Ok(drain) => drain,
            Err(TryLockError::Poisoned(drain)) => drain.into_inner(),
            Err(TryLockError::WouldBlock) => return true,
        };
        match &drain.spool {
            Spool::Memory(memory) => !memory.is_empty(),
            Spool::Disk(_) => false,
        }
    }

    /// An event of `length` bytes is not in the queue any more.
    pub(crate) fn left_queue(&self, length: usize) {
        let _before = self
            .queue
            .fetch_sub(ONE_EVENT + length as u64, Ordering::Relaxed);
    }

    /// How many events wait in memory.
    pub(crate) fn queued(&self) -> u64 {
        self.queue.load(Ordering::Acquire) / ONE_EVENT
    }

    /// Counts events that will not reach a segment.
    pub(crate) fn lose(&self, reason: LossReason, events: u64) {
        let _before = self.dropped.fetch_add(events, Ordering::Release);
        self.losses.add(reason, events);
    }
}

/// The span's bytes; `None` if it is too large, or if the thread is past encoding.
fn encode(
    event: &Event,
    verdict: &mut Verdict,
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
        write(&mut SpanWriter::new(attributes, verdict));
    });
    let span = (scratch.len() <= EVENT_LIMIT).then(|| Box::from(scratch.as_slice()));
    if scratch.capacity() <= SCRATCH_KEPT {
        let _kept = SCRATCH.try_with(|kept| {
            if let Ok(mut kept) = kept.try_borrow_mut() {
                *kept = scratch;
            }
        });
    }
    span
}

#[cfg(test)]
mod tests {
    use crate::Telemetry;

    #[test]
    fn while_somebody_is_at_it_memory_may_hold_something() {
        let home = tempfile::tempdir().unwrap();
        let telemetry = Telemetry::builder("rig", "1").home(home.path()).start();
        let recorder = telemetry.recorder().unwrap();
        assert!(!recorder.holds_in_memory());
        let drain = recorder.drain.lock().unwrap();
        assert!(recorder.holds_in_memory());
        drop(drain);
        assert!(!recorder.holds_in_memory());
    }
}
