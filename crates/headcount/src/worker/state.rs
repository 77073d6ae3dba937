//! The worker thread's state, as other threads see it, and their requests to it.

use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::thread::JoinHandle;

use crate::platform;

/// The state of the worker thread.
///
/// ```text
/// NotStarted ──event──► Awake ◄──event── Asleep
///                        │ └────idle────────►┘
///                        └──no thread, or it ends──► Ended
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum State {
    /// No event was recorded yet.
    NotStarted,
    /// The thread looks at the queue at least every fifty milliseconds.
    Awake,
    /// The thread is parked until an event comes.
    Asleep,
    /// The thread has ended, or none could be started. The end of the process writes the events that wait.
    Ended,
}

/// The next step of a thread that recorded an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wake {
    /// Nothing.
    Nothing,
    /// Start the worker thread.
    Start,
    /// Unpark the worker thread.
    Unpark,
}

/// The worker thread's handle, which all threads of the process share.
#[derive(Debug)]
pub(crate) struct Worker {
    state: AtomicU8,
    /// Written only when a thread starts or ends.
    thread: RwLock<Option<JoinHandle<()>>>,
    /// The system's number of the thread; 0 if it is unknown.
    thread_id: AtomicU32,
    /// The thread is asked to end until the next event.
    rest: AtomicBool,
    stop: AtomicBool,
    /// A crew or a flow ended: worth an upload now.
    hurry: AtomicBool,
    /// A thread waits until everything is sent.
    flush: AtomicBool,
    /// A switch says off.
    turn_off: AtomicBool,
    /// An upload is under way.
    uploading: AtomicBool,
    /// Until when uploads go on after a stop, in milliseconds since 1970 UTC.
    uploads_until: AtomicU64,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            state: AtomicU8::new(State::NotStarted as u8),
            thread: RwLock::new(None),
            thread_id: AtomicU32::new(0),
            rest: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            hurry: AtomicBool::new(false),
            flush: AtomicBool::new(false),
            turn_off: AtomicBool::new(false),
            uploading: AtomicBool::new(false),
            uploads_until: AtomicU64::new(0),
        }
    }
}

impl Worker {
    #[inline]
    pub(super) fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            state if state == State::NotStarted as u8 => State::NotStarted,
            state if state == State::Awake as u8 => State::Awake,
            state if state == State::Asleep as u8 => State::Asleep,
            _ => State::Ended,
        }
    }

    /// Whether an event calls for [`event_recorded`](Self::event_recorded). One load, and almost always no.
    #[inline]
    pub(super) fn needs_wake(&self) -> bool {
        matches!(self.state(), State::NotStarted | State::Asleep)
    }

    /// An event was recorded.
    pub(super) fn event_recorded(&self) -> Wake {
        match self.state() {
            // NotStarted => Awake
            State::NotStarted if self.change(State::NotStarted, State::Awake) => Wake::Start,
            // Asleep => Awake
            State::Asleep if self.change(State::Asleep, State::Awake) => Wake::Unpark,
            // Another thread made the transition first, and starts or unparks the worker.
            State::NotStarted | State::Asleep => Wake::Nothing,
            // Awake => Awake: the worker looks at the queue soon.
            // Ended => Ended: the end of the process looks at it.
            State::Awake | State::Ended => Wake::Nothing,
        }
    }

    /// The worker begins a pass: Asleep => Awake, Awake => Awake.
    pub(super) fn pass_begins(&self) {
        self.set(State::Awake);
    }

    /// The worker found nothing to do for a while: Awake => Asleep.
    pub(super) fn falls_asleep(&self) {
        self.set(State::Asleep);
    }

    /// The worker ends, or could not be started: any => Ended.
    pub(super) fn ends(&self) {
        self.set(State::Ended);
    }

    fn set(&self, state: State) {
        self.state.store(state as u8, Ordering::Release);
    }

    /// `false` if another thread changed the state first.
    fn change(&self, from: State, to: State) -> bool {
        let (from, to) = (from as u8, to as u8);
        self.state
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Notes the thread that was started.
    pub(super) fn started(&self, thread: JoinHandle<()>) {
        if let Ok(mut known) = self.thread.write() {
            *known = Some(thread);
        }
    }

    /// Notes the thread's number; called on the thread.
    pub(super) fn runs_as(&self, thread_id: u32) {
        self.thread_id.store(thread_id, Ordering::Release);
    }

    /// Ends the thread after it wrote the events that wait, and waits for its end. The next event starts it again.
    pub(super) fn rest(&self) {
        if !matches!(self.state(), State::Awake | State::Asleep) {
            return;
        }
        let thread = match self.thread.write() {
            Ok(mut known) => known.take(),
            Err(_) => None,
        };
        let Some(thread) = thread else {
            return;
        };
        let thread_id = self.thread_id.swap(0, Ordering::AcqRel);
        self.rest.store(true, Ordering::Release);
        thread.thread().unpark();
        // A thread that panicked has ended too.
        let _ = thread.join();
        self.rest.store(false, Ordering::Release);
        platform::wait_for_end_of_thread(thread_id);
    }

    /// Whether the thread was asked to end until the next event.
    pub(super) fn is_to_rest(&self) -> bool {
        self.rest.load(Ordering::Acquire)
    }

    /// The thread ends until the next event: Awake => NotStarted.
    pub(super) fn rests(&self) {
        self.set(State::NotStarted);
    }

    /// Asks for an upload soon.
    pub(crate) fn hurry(&self) {
        self.hurry.store(true, Ordering::Release);
        self.unpark();
    }

    /// Whether an upload was asked for since the last call.
    pub(super) fn take_hurry(&self) -> bool {
        self.hurry.swap(false, Ordering::AcqRel)
    }

    /// Asks for an upload now, because a thread waits for it.
    pub(crate) fn flush(&self) {
        self.flush.store(true, Ordering::Release);
        self.unpark();
    }

    /// Whether a thread asked for an upload now, since the last call.
    pub(super) fn take_flush(&self) -> bool {
        self.flush.swap(false, Ordering::AcqRel)
    }

    /// Asks the thread to empty the queue and the spool, and to end.
    pub(crate) fn turn_off(&self) {
        self.turn_off.store(true, Ordering::Release);
        self.unpark();
    }

    /// Whether the thread was asked to empty the queue and the spool.
    pub(super) fn is_turned_off(&self) -> bool {
        self.turn_off.load(Ordering::Acquire)
    }

    /// Asks the thread to end.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.unpark();
    }

    /// Whether the thread was asked to end.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Lets uploads go on until this time, in milliseconds since 1970 UTC, although the thread is asked to end.
    pub(super) fn uploads_until(&self, millis: u64) {
        self.uploads_until.store(millis, Ordering::Release);
    }

    /// Whether an upload must end before its next request.
    pub(super) fn must_not_upload(&self, now_millis: u64) -> bool {
        self.is_stopped() && now_millis >= self.uploads_until.load(Ordering::Acquire)
    }

    /// An upload begins.
    pub(super) fn upload_begins(&self) {
        self.uploading.store(true, Ordering::Release);
    }

    /// An upload has ended.
    pub(super) fn upload_ended(&self) {
        self.uploading.store(false, Ordering::Release);
    }

    /// Whether an upload is under way.
    pub(super) fn is_uploading(&self) -> bool {
        self.uploading.load(Ordering::Acquire)
    }

    pub(super) fn unpark(&self) {
        if let Ok(thread) = self.thread.read()
            && let Some(thread) = &*thread
        {
            thread.thread().unpark();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_event_starts_the_thread() {
        let worker = Worker::default();
        assert!(worker.needs_wake());
        assert_eq!(worker.event_recorded(), Wake::Start);
        assert!(!worker.needs_wake());
        assert_eq!(worker.event_recorded(), Wake::Nothing);
    }

    #[test]
    fn an_event_wakes_a_thread_that_sleeps() {
        let worker = Worker::default();
        worker.pass_begins();
        worker.falls_asleep();
        assert_eq!(worker.event_recorded(), Wake::Unpark);
        assert_eq!(worker.state(), State::Awake);
    }

    #[test]
    fn an_ended_thread_stays_ended() {
        let worker = Worker::default();
        worker.ends();
        assert_eq!(worker.event_recorded(), Wake::Nothing);
        assert_eq!(worker.state(), State::Ended);
    }
}
