//! The worker thread's state, as other threads see it, and their requests to it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread::Thread;

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
    thread: OnceLock<Thread>,
    stop: AtomicBool,
    /// A crew or a flow ended: worth an upload now.
    hurry: AtomicBool,
    /// A thread waits until everything is sent.
    flush: AtomicBool,
    /// A switch says off.
    turn_off: AtomicBool,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            state: AtomicU8::new(State::NotStarted as u8),
            thread: OnceLock::new(),
            stop: AtomicBool::new(false),
            hurry: AtomicBool::new(false),
            flush: AtomicBool::new(false),
            turn_off: AtomicBool::new(false),
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
    pub(super) fn started(&self, thread: &Thread) {
        // Only one thread is ever started.
        let _ = self.thread.set(thread.clone());
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

    pub(super) fn unpark(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
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
