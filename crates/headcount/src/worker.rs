//! Our thread: it starts with the first event, moves what waits in memory to the spool, asks whether it still may, has
//! what waits in the spool sent, and sleeps while nothing happens. Nobody ever waits for it, and it waits for nobody: an
//! upload has a thread of its own.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, MutexGuard, OnceLock, TryLockError, Weak};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::consent::Mode;
use crate::drain::Drain;
use crate::errand::{Errand, later};
use crate::recorder::Recorder;
use crate::upload::{self, FIRST_UPLOAD, Left, UPLOAD_EVERY, jittered};
use crate::{clock, platform, spool};

/// How long events wait in memory, at most, while they come.
const DRAIN_EVERY: Duration = Duration::from_millis(50);
/// How long nothing happens before the thread sleeps until it is woken.
const IDLE_AFTER: Duration = Duration::from_secs(2);
/// How often, while events come or something is sent, it is looked whether somebody turned telemetry off.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How often old segments are looked for.
const TEND_EVERY: Duration = Duration::from_secs(3_600);
/// The first wait for a segment that another process holds; each further one doubles it, up to [`LONGEST_SLEEP`].
const FIRST_PATIENCE: Duration = Duration::from_millis(50);
/// It looks up now and then even so, should a wake-up have been missed.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// TLS needs about a tenth of it.
pub(crate) const STACK_BYTES: usize = 512 * 1_024;

const NOT_STARTED: u8 = 0;
const AWAKE: u8 = 1;
const ASLEEP: u8 = 2;
/// No thread could be had; the end of the process writes what waits.
const WITHOUT_THREAD: u8 = 3;

/// How the other threads see ours.
#[derive(Debug)]
pub(crate) struct Worker {
    state: AtomicU8,
    thread: OnceLock<Thread>,
    stop: AtomicBool,
    /// Something ended that is worth sending now.
    hurry: AtomicBool,
    /// Somebody waits for what is left to be sent.
    flush: AtomicBool,
    /// A switch was found to say off.
    turn_off: AtomicBool,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            state: AtomicU8::new(NOT_STARTED),
            thread: OnceLock::new(),
            stop: AtomicBool::new(false),
            hurry: AtomicBool::new(false),
            flush: AtomicBool::new(false),
            turn_off: AtomicBool::new(false),
        }
    }
}

impl Worker {
    /// Starts the thread, or wakes it if it sleeps. One load, almost always.
    #[inline]
    pub(crate) fn wake(&self, recorder: &Arc<Recorder>) {
        match self.state.load(Ordering::Acquire) {
            AWAKE | WITHOUT_THREAD => {}
            state => self.wake_slowly(recorder, state),
        }
    }

    #[cold]
    fn wake_slowly(&self, recorder: &Arc<Recorder>, state: u8) {
        let changed =
            self.state
                .compare_exchange(state, AWAKE, Ordering::AcqRel, Ordering::Relaxed);
        if changed.is_err() {
            return;
        }
        if state == ASLEEP {
            if let Some(thread) = self.thread.get() {
                thread.unpark();
            }
            return;
        }
        let weak = Arc::downgrade(recorder);
        let started = platform::with_signals_blocked(|| {
            std::thread::Builder::new()
                .name("headcount".to_owned())
                .stack_size(STACK_BYTES)
                .spawn(move || run(&weak))
        });
        match started {
            Ok(handle) => {
                let _first = self.thread.set(handle.thread().clone());
            }
            Err(_) => self.state.store(WITHOUT_THREAD, Ordering::Release),
        }
    }

    /// Asks for what waits to be sent soon.
    pub(crate) fn hurry(&self) {
        self.hurry.store(true, Ordering::Release);
        self.unpark();
    }

    /// Asks for what waits to be sent now, because somebody waits for that.
    pub(crate) fn flush(&self) {
        self.flush.store(true, Ordering::Release);
        self.unpark();
    }

    /// Has the thread empty the queue and the spool, and end.
    pub(crate) fn turn_off(&self) {
        self.turn_off.store(true, Ordering::Release);
        self.unpark();
    }

    /// Asks the thread to end when it can.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.unpark();
    }

    /// Whether the thread was asked to end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn unpark(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

/// The thread's life. It holds the recorder only while it works, so that dropping the last handle ends both.
fn run(weak: &Weak<Recorder>) {
    let now = Instant::now();
    let mut rounds = Rounds {
        upload_at: now + FIRST_UPLOAD,
        ask_at: now + ASK_EVERY,
        tend_at: now,
        last_event: now,
        has_hurried: false,
        patience: FIRST_PATIENCE,
        is_left: true,
        is_first: true,
        errand: None,
    };
    while let Some(recorder) = weak.upgrade() {
        let pass =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| rounds.pass(&recorder)));
        // A fault of ours ends our thread and nothing else; the end of the process writes what waits.
        let Ok(Some(pause)) = pass else {
            recorder
                .worker
                .state
                .store(WITHOUT_THREAD, Ordering::Release);
            return;
        };
        drop(recorder);
        std::thread::park_timeout(pause);
    }
}

/// What the thread remembers from one pass to the next.
struct Rounds {
    upload_at: Instant,
    ask_at: Instant,
    tend_at: Instant,
    last_event: Instant,
    /// Something was sent because something had ended.
    has_hurried: bool,
    /// How long a segment that another process holds is left alone.
    patience: Duration,
    /// Something may be there to be sent.
    is_left: bool,
    /// Nothing was done yet.
    is_first: bool,
    /// The upload that is under way.
    errand: Option<Errand>,
}

impl Rounds {
    /// Does what is due, and says for how long there is nothing to do; `None` when the end has come.
    fn pass(&mut self, recorder: &Arc<Recorder>) -> Option<Duration> {
        let worker = &recorder.worker;
        worker.state.store(AWAKE, Ordering::Release);
        if worker.is_stopped() {
            return None;
        }
        if std::mem::take(&mut self.is_first) {
            self.begin(recorder);
        }
        let moved = drain_until_stopped(recorder);
        let now = Instant::now();
        if moved > 0 {
            self.last_event = now;
            self.is_left = true;
            self.patience = FIRST_PATIENCE;
        }
        if worker.turn_off.load(Ordering::Acquire) {
            turn_off(recorder);
            return None;
        }
        if now >= self.ask_at {
            self.ask_at = now + ASK_EVERY;
            if recorder.settings.still_allowed() == Mode::Off {
                turn_off(recorder);
                return None;
            }
        }
        if now >= self.tend_at {
            self.tend_at = now + TEND_EVERY;
            tend(recorder);
        }
        self.upload(recorder, now);
        if recorder.mode() == Mode::Off {
            return None;
        }
        if now.duration_since(self.last_event) < IDLE_AFTER {
            return Some(DRAIN_EVERY);
        }
        worker.state.store(ASLEEP, Ordering::Release);
        // An event may have come before the thread was seen asleep.
        if recorder.queued() > 0 {
            return Some(Duration::ZERO);
        }
        if self.errand.is_some() {
            return Some(ASK_EVERY);
        }
        let until_upload = match self.is_left {
            true => self.upload_at.saturating_duration_since(Instant::now()),
            false => LONGEST_SLEEP,
        };
        Some(until_upload.clamp(DRAIN_EVERY, LONGEST_SLEEP))
    }

    /// Before anything is written: what waited for too long makes room, and is not gone on with.
    fn begin(&mut self, recorder: &Recorder) {
        self.tend_at = Instant::now() + TEND_EVERY;
        tend(recorder);
        let Some(folder) = recorder.settings.folder() else {
            return;
        };
        let is_backlog = !spool::list(&upload::spool_folder(&folder)).is_empty();
        if is_backlog && !upload::was_tried_just_now(&folder) {
            // A program that lives for some milliseconds sends what those before it left, or nobody does. It may end before
            // the answer comes, and the next one sends the same again: so not each of a thousand.
            self.upload_at = Instant::now();
        }
    }

    /// Has what waits sent, if it is time, and takes note of how that went.
    fn upload(&mut self, recorder: &Arc<Recorder>, now: Instant) {
        if let Some(errand) = &self.errand {
            let Some(left) = errand.ended() else {
                return;
            };
            self.errand = None;
            self.note(left);
        }
        let worker = &recorder.worker;
        let is_wanted = worker.flush.swap(false, Ordering::AcqRel);
        if worker.hurry.swap(false, Ordering::AcqRel) {
            // The first end in a process is worth a request of its own; on a server crews end all the time.
            if !self.has_hurried {
                self.has_hurried = true;
                self.upload_at = now;
            }
        }
        let is_due = self.is_left && now >= self.upload_at;
        if !is_wanted && !is_due {
            return;
        }
        if recorder.mode() != Mode::On || recorder.settings.endpoint.is_err() {
            self.is_left = false;
            self.note(Left::Nothing);
            return;
        }
        // What comes from here on may be too late for this one.
        self.is_left = false;
        self.errand = Errand::begin(recorder);
        if self.errand.is_none() {
            self.note(later());
        }
    }

    /// How an upload went says when the next one is due.
    fn note(&mut self, left: Left) {
        self.is_left |= left != Left::Nothing;
        let wait = match left {
            Left::Nothing => jittered(UPLOAD_EVERY.mul_f32(0.8), UPLOAD_EVERY.mul_f32(1.2)),
            Left::Soon => {
                let wait = jittered(self.patience / 2, self.patience);
                self.patience = (self.patience * 2).min(LONGEST_SLEEP);
                wait
            }
            Left::At(millis) => Duration::from_millis(millis.saturating_sub(clock::now_millis())),
        };
        self.upload_at = Instant::now() + wait;
    }
}

/// Gives up what waited for too long.
fn tend(recorder: &Recorder) {
    if let Some(folder) = recorder.settings.folder() {
        let before_an_off = recorder.settings.give_up_what_an_off_met();
        for (fate, events) in upload::tend(&folder).into_iter().chain(before_an_off) {
            recorder.losses.add_booked(fate, events);
        }
    }
}

/// The receiving end of the queue, unless somebody holds it for longer than `patience`.
pub(crate) fn lock_drain(recorder: &Recorder, patience: Duration) -> Option<MutexGuard<'_, Drain>> {
    let deadline = Instant::now() + patience;
    loop {
        match recorder.drain.try_lock() {
            Ok(drain) => return Some(drain),
            Err(TryLockError::Poisoned(drain)) => return Some(drain.into_inner()),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_micros(100));
            }
            Err(TryLockError::WouldBlock) => return None,
        }
    }
}

/// Moves what waits in memory to the spool, on our own thread, which makes way after each record for a thread that ends the process.
fn drain_until_stopped(recorder: &Recorder) -> u64 {
    let is_stopped = || recorder.worker.is_stopped();
    match recorder.drain.try_lock() {
        Ok(mut drain) => drain.run(recorder, is_stopped),
        Err(TryLockError::Poisoned(drain)) => drain.into_inner().run(recorder, is_stopped),
        Err(TryLockError::WouldBlock) => 0,
    }
}

/// Telemetry was turned off while this process ran: the queue and the spool are emptied.
pub(crate) fn turn_off(recorder: &Recorder) {
    recorder.lower_mode(Mode::Off);
    if let Some(mut drain) = lock_drain(recorder, LONGEST_SLEEP) {
        drain.give_up(recorder);
    }
}
