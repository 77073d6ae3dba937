//! The worker thread.

use std::sync::{Arc, TryLockError, Weak};
use std::time::{Duration, Instant};

use super::pipeline::Pipeline;
use super::send::send;
use super::state::Wake;
use crate::consent::Mode;
use crate::platform::{self, clock};
use crate::spool::{self, spool_folder};
use crate::upload::{
    FIRST_UPLOAD, Left, STACK_BYTES, UPLOAD_EVERY, UploadThread, jittered, later,
    was_tried_recently,
};

/// How long an event waits in memory, at most, while events come.
const WRITE_EVERY: Duration = Duration::from_millis(50);
/// After this long without an event the thread sleeps until it is woken.
const IDLE_AFTER: Duration = Duration::from_secs(2);
/// How often the thread checks whether telemetry was turned off, while events come or are sent.
const CHECK_CONSENT_EVERY: Duration = Duration::from_secs(1);
/// How often the spool is maintained.
const MAINTAIN_EVERY: Duration = Duration::from_secs(3_600);
/// The first pause for a segment that another process holds; each further one doubles it, up to [`LONGEST_SLEEP`].
const FIRST_RETRY_PAUSE: Duration = Duration::from_millis(50);
/// The longest sleep, in case a wake-up was missed.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// Wakes the worker thread after an event, and starts it with the first one.
#[inline]
pub(crate) fn wake(pipeline: &Arc<Pipeline>) {
    if pipeline.worker.needs_wake() {
        wake_slowly(pipeline);
    }
}

#[cold]
fn wake_slowly(pipeline: &Arc<Pipeline>) {
    match pipeline.worker.event_recorded() {
        Wake::Nothing => {}
        Wake::Unpark => pipeline.worker.unpark(),
        Wake::Start => start(pipeline),
    }
}

fn start(pipeline: &Arc<Pipeline>) {
    let weak = Arc::downgrade(pipeline);
    let started = platform::with_signals_blocked(|| {
        std::thread::Builder::new()
            .name("headcount".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || run(&weak))
    });
    match started {
        Ok(handle) => pipeline.worker.started(handle),
        Err(_) => pipeline.worker.ends(),
    }
}

/// Runs until the process ends, or until it has to rest. The thread holds the pipeline only while it works, so that dropping the last handle ends
/// both.
fn run(weak: &Weak<Pipeline>) {
    let now = Instant::now();
    let mut schedule = Schedule {
        upload_at: now + FIRST_UPLOAD,
        check_at: now + CHECK_CONSENT_EVERY,
        maintain_at: now,
        last_event: now,
        was_hurried: false,
        retry_pause: FIRST_RETRY_PAUSE,
        is_left: true,
        is_first: true,
        upload: None,
    };
    while let Some(pipeline) = weak.upgrade() {
        pipeline.worker.runs_as(platform::thread_id());
        let pass =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| schedule.pass(&pipeline)));
        let pause = match pass {
            Ok(Next::Sleep(pause)) => pause,
            Ok(Next::Rest) => return pipeline.worker.rests(),
            // A panic ends this thread and nothing else; the end of the process writes the events that wait.
            Ok(Next::End) | Err(_) => return pipeline.worker.ends(),
        };
        drop(pipeline);
        std::thread::park_timeout(pause);
    }
}

/// The next step of the thread.
enum Next {
    Sleep(Duration),
    /// The thread ends, and the next event starts it again.
    Rest,
    End,
}

/// When each kind of work is due.
struct Schedule {
    upload_at: Instant,
    check_at: Instant,
    maintain_at: Instant,
    last_event: Instant,
    /// An upload was brought forward because a crew or a flow ended.
    was_hurried: bool,
    /// The pause for a segment that another process holds.
    retry_pause: Duration,
    /// Events may be left to send.
    is_left: bool,
    /// The first pass has not begun.
    is_first: bool,
    /// The upload that is under way.
    upload: Option<UploadThread>,
}

impl Schedule {
    /// Does the work that is due.
    fn pass(&mut self, pipeline: &Arc<Pipeline>) -> Next {
        let worker = &pipeline.worker;
        worker.pass_begins();
        if worker.is_stopped() {
            return Next::End;
        }
        if std::mem::take(&mut self.is_first) {
            self.begin(pipeline);
        }
        let moved = write_until_stopped(pipeline);
        if worker.is_to_rest() {
            return Next::Rest;
        }
        let now = Instant::now();
        if moved > 0 {
            self.last_event = now;
            self.is_left = true;
            self.retry_pause = FIRST_RETRY_PAUSE;
        }
        if worker.is_turned_off() {
            pipeline.turn_off();
            return Next::End;
        }
        if now >= self.check_at {
            self.check_at = now + CHECK_CONSENT_EVERY;
            if pipeline.settings.still_allowed() == Mode::Off {
                pipeline.turn_off();
                return Next::End;
            }
        }
        if now >= self.maintain_at {
            self.maintain_at = now + MAINTAIN_EVERY;
            maintain(pipeline);
        }
        self.upload(pipeline, now);
        if pipeline.recorder.mode() == Mode::Off {
            return Next::End;
        }
        if now.duration_since(self.last_event) < IDLE_AFTER {
            return Next::Sleep(WRITE_EVERY);
        }
        worker.falls_asleep();
        // An event may have come before other threads saw this one asleep.
        if pipeline.recorder.queued() > 0 {
            return Next::Sleep(Duration::ZERO);
        }
        if self.upload.is_some() {
            return Next::Sleep(CHECK_CONSENT_EVERY);
        }
        let until_upload = match self.is_left {
            true => self.upload_at.saturating_duration_since(Instant::now()),
            false => LONGEST_SLEEP,
        };
        Next::Sleep(until_upload.clamp(WRITE_EVERY, LONGEST_SLEEP))
    }

    /// Before anything is written: removes old segments, so that they neither take room nor are appended to.
    fn begin(&mut self, pipeline: &Pipeline) {
        self.maintain_at = Instant::now() + MAINTAIN_EVERY;
        maintain(pipeline);
        let Some(folder) = pipeline.settings.folder() else {
            return;
        };
        let is_backlog = !spool::list(&spool_folder(&folder)).is_empty();
        if is_backlog && !was_tried_recently(&folder) {
            // A short program sends the events of earlier runs at once, so that its end does not wait for them. But it may
            // end before the response comes, and the next run sends them again: so not every run tries.
            self.upload_at = Instant::now();
        }
    }

    /// Starts an upload if one is due, and notes the result of one that is over.
    fn upload(&mut self, pipeline: &Arc<Pipeline>, now: Instant) {
        if let Some(upload) = &self.upload {
            let Some(left) = upload.result() else {
                return;
            };
            self.upload = None;
            self.note(left);
        }
        let worker = &pipeline.worker;
        let is_wanted = worker.take_flush();
        if worker.take_hurry() {
            // The first end in a process is worth a request of its own. On a server crews end all the time.
            if !self.was_hurried {
                self.was_hurried = true;
                self.upload_at = now;
            }
        }
        let is_due = self.is_left && now >= self.upload_at;
        if !is_wanted && !is_due {
            return;
        }
        if pipeline.recorder.mode() != Mode::On || pipeline.settings.endpoint.is_err() {
            self.is_left = false;
            self.note(Left::Nothing);
            return;
        }
        // Events from here on may be too late for this upload.
        self.is_left = false;
        let for_upload = Arc::clone(pipeline);
        let worker_thread = std::thread::current();
        self.upload =
            UploadThread::start(move || send(&for_upload), move || worker_thread.unpark());
        if self.upload.is_none() {
            self.note(later());
        }
    }

    /// Schedules the next upload.
    fn note(&mut self, left: Left) {
        self.is_left |= left != Left::Nothing;
        let wait = match left {
            Left::Nothing => jittered(UPLOAD_EVERY.mul_f32(0.8), UPLOAD_EVERY.mul_f32(1.2)),
            Left::Soon => {
                let wait = jittered(self.retry_pause / 2, self.retry_pause);
                self.retry_pause = (self.retry_pause * 2).min(LONGEST_SLEEP);
                wait
            }
            Left::At(millis) => Duration::from_millis(millis.saturating_sub(clock::now_millis())),
        };
        self.upload_at = Instant::now() + wait;
    }
}

/// Writes missing ledger lines, and removes segments that are too old or from before the last off.
fn maintain(pipeline: &Pipeline) {
    if let Some(folder) = pipeline.settings.folder() {
        let before_last_off = pipeline.settings.discard_before_last_off();
        for (status, events) in spool::maintain(&folder).into_iter().chain(before_last_off) {
            status.count_loss(&pipeline.recorder.losses, events);
        }
    }
}

/// Moves events from the queue to the spool; stops after a record if a thread that ends the process needs the writer.
fn write_until_stopped(pipeline: &Pipeline) -> u64 {
    let is_stopped = || pipeline.worker.is_stopped();
    match pipeline.writer.try_lock() {
        Ok(mut writer) => pipeline.write(&mut writer, is_stopped),
        Err(TryLockError::Poisoned(writer)) => pipeline.write(&mut writer.into_inner(), is_stopped),
        Err(TryLockError::WouldBlock) => 0,
    }
}
