//! Our one thread: it starts with the first event, moves what waits in memory to the spool, sends what waits in the
//! spool, and sleeps while nothing happens. Nobody ever waits for it.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, MutexGuard, OnceLock, TryLockError, Weak};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::consent::{self, Mode};
use crate::drain::Drain;
use crate::ledger::Fate;
use crate::recorder::Recorder;
use crate::spool::Spool;
use crate::upload::{self, Answer, Circuit, FIRST_UPLOAD, Left, UPLOAD_EVERY, jittered};
use crate::{clock, platform};

/// How long events wait in memory, at most, while they come.
const DRAIN_EVERY: Duration = Duration::from_millis(50);
/// How long nothing happens before the thread sleeps until it is woken.
const IDLE_AFTER: Duration = Duration::from_secs(2);
/// How often, while events come, it is looked whether somebody turned telemetry off.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How often old segments are looked for.
const TEND_EVERY: Duration = Duration::from_secs(3_600);
/// The first wait for a segment that another process holds; each further one doubles it, up to [`LONGEST_SLEEP`].
const FIRST_PATIENCE: Duration = Duration::from_millis(50);
/// It looks up now and then even so, should a wake-up have been missed.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// TLS needs about a tenth of it.
const STACK_BYTES: usize = 512 * 1_024;

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
}

impl Rounds {
    /// Does what is due, and says for how long there is nothing to do; `None` when the end has come.
    fn pass(&mut self, recorder: &Arc<Recorder>) -> Option<Duration> {
        let worker = &recorder.worker;
        worker.state.store(AWAKE, Ordering::Release);
        if worker.stop.load(Ordering::Acquire) {
            return None;
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
        let until_upload = match self.is_left {
            true => self.upload_at.saturating_duration_since(Instant::now()),
            false => LONGEST_SLEEP,
        };
        Some(until_upload.clamp(DRAIN_EVERY, LONGEST_SLEEP))
    }

    /// Sends, if it is time.
    fn upload(&mut self, recorder: &Arc<Recorder>, now: Instant) {
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
        let left = send(recorder);
        self.is_left = left != Left::Nothing;
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
        for (fate, events) in upload::tend(&folder) {
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
    let is_stopped = || recorder.worker.stop.load(Ordering::Acquire);
    match recorder.drain.try_lock() {
        Ok(mut drain) => drain.run(recorder, is_stopped),
        Err(TryLockError::Poisoned(drain)) => drain.into_inner().run(recorder, is_stopped),
        Err(TryLockError::WouldBlock) => 0,
    }
}

/// Sends what waits, if it still may be sent; says what is left.
pub(crate) fn send(recorder: &Arc<Recorder>) -> Left {
    let settings = &recorder.settings;
    if recorder.mode() != Mode::On {
        return Left::Nothing;
    }
    if settings.still_allowed() != Mode::On {
        turn_off(recorder);
        return Left::Nothing;
    }
    let Some(uploader) = settings.uploader() else {
        return Left::Nothing;
    };
    let from_memory = {
        let mut drain = match recorder.drain.lock() {
            Ok(drain) => drain,
            Err(poisoned) => poisoned.into_inner(),
        };
        drain.spool.seal();
        match &drain.spool {
            Spool::Memory(_) if clock::now_millis() < drain.circuit.closed_until_millis => {
                return Left::At(drain.circuit.closed_until_millis);
            }
            Spool::Memory(memory) => Some(memory.body()),
            Spool::Disk(_) => None,
        }
    };
    match from_memory {
        Some((_, _, 0)) => Left::Nothing,
        Some((body, _, records)) => send_memory(recorder, &uploader, &body, records),
        None => {
            let should_stop =
                || recorder.worker.stop.load(Ordering::Acquire) || recorder.mode() != Mode::On;
            let run = uploader.run(&should_stop);
            for (fate, events) in &run.given_up {
                recorder.losses.add_booked(*fate, *events);
            }
            if run.is_gone {
                recorder.lower_mode(Mode::Off);
            }
            run.left
        }
    }
}

/// A machine without a disk to write to: what was recorded is sent from memory, or is lost with the process.
fn send_memory(
    recorder: &Arc<Recorder>,
    uploader: &upload::Uploader,
    body: &[u8],
    records: usize,
) -> Left {
    let answer = uploader.send_from_memory(body);
    let Ok(mut drain) = recorder.drain.lock() else {
        return Left::Nothing;
    };
    let drain = &mut *drain;
    let Spool::Memory(memory) = &mut drain.spool else {
        return Left::Nothing;
    };
    if answer.is_failure() {
        drain.circuit = drain
            .circuit
            .failed(clock::now_millis(), answer.retry_after());
        return Left::At(drain.circuit.closed_until_millis);
    }
    drain.circuit = Circuit::succeeded(clock::now_millis());
    match answer {
        Answer::Status(410, _) => {
            recorder.losses.add_booked(Fate::Gone, memory.clear());
            recorder.lower_mode(Mode::Off);
        }
        Answer::Status(status, _) if upload::is_refusal(status) => {
            recorder
                .losses
                .add_booked(Fate::Refused, memory.sent(records));
        }
        _ => {
            let _delivered = memory.sent(records);
        }
    }
    Left::Nothing
}

/// Telemetry was turned off while this process ran: the queue and the spool are emptied.
fn turn_off(recorder: &Recorder) {
    recorder.lower_mode(Mode::Off);
    if let Some(mut drain) = lock_drain(recorder, LONGEST_SLEEP) {
        drain.give_up(recorder);
    }
}

impl crate::settings::Settings {
    /// What the files say now; what the environment said at the start, or when a crew last began, stays said.
    pub(crate) fn still_allowed(&self) -> Mode {
        let framework = (self.framework.as_str(), self.version.as_str());
        let mut surroundings =
            consent::Surroundings::read(|_| None, &self.switches, &self.folders, framework);
        surroundings.read_files(&self.folders, framework);
        // Whether anybody was told was settled at the start.
        consent::resolve(&surroundings.inputs(false, true, false)).mode
    }
}
