//! The pipeline of one process: recorder, queue, spool writer, worker thread.

use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use super::state::Worker;
use crate::activity::{self, ActivityKeeper};
use crate::consent::{ConsentReason, Mode};
use crate::platform::{self, clock};
use crate::record::Recorder;
use crate::settings::Settings;
use crate::spool::{DeliveryStatus, Spool, SpoolWriter, discard_all, discard_for};
use crate::upload::Circuit;

/// How long the worker waits for another thread that holds the spool writer, once telemetry is off.
const TURN_OFF_TIMEOUT: Duration = Duration::from_secs(60);

/// The parts that the threads of one process share. A forked child makes its own: it cannot use its parent's, whose locks
/// may be held by threads that the child does not have.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) settings: Arc<Settings>,
    pub(crate) recorder: Recorder,
    pub(crate) writer: Mutex<SpoolWriter>,
    activity: ActivityKeeper,
    /// The circuit breaker of a spool in memory. That of a spool on disk is a file, which processes share.
    pub(super) memory_circuit: Mutex<Circuit>,
    pub(crate) worker: Worker,
    pub(super) generation: u32,
    /// When it was made, in milliseconds since 1970 UTC.
    pub(super) started_millis: u64,
}

impl Pipeline {
    pub(crate) fn new(settings: Arc<Settings>, mode: Mode) -> Arc<Self> {
        let (recorder, receiver) = Recorder::new(mode);
        let writer = SpoolWriter::new(
            receiver,
            settings.folder().as_deref(),
            settings.collector(),
            Arc::clone(&settings.resource),
        );
        let activity = ActivityKeeper::new(
            settings.folder(),
            settings.folders.clone(),
            &settings.resource.version,
        );
        Arc::new(Self {
            settings,
            recorder,
            activity,
            writer: Mutex::new(writer),
            memory_circuit: Mutex::default(),
            worker: Worker::default(),
            generation: platform::generation(),
            started_millis: clock::now_millis(),
        })
    }

    /// The spool writer; `None` if another thread holds it for longer than `timeout`.
    pub(crate) fn lock_writer(&self, timeout: Duration) -> Option<MutexGuard<'_, SpoolWriter>> {
        let deadline = Instant::now() + timeout;
        loop {
            match self.writer.try_lock() {
                Ok(writer) => return Some(writer),
                Err(TryLockError::Poisoned(writer)) => return Some(writer.into_inner()),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_micros(100));
                }
                Err(TryLockError::WouldBlock) => return None,
            }
        }
    }

    /// Moves events from the queue to the spool, and the week's beat with them if one is due; stops after a record if
    /// `should_yield` says that another thread needs the writer. Returns how many events it moved.
    pub(crate) fn write(&self, writer: &mut SpoolWriter, should_yield: impl Fn() -> bool) -> u64 {
        // Never for an installation that may not send, and never without an event.
        if self.recorder.mode() == Mode::On
            && self.recorder.queued() > 0
            && let Some(beat) = self.activity.note(clock::now_millis())
        {
            writer.send_along(beat);
        }
        writer.run(&self.recorder, should_yield)
    }

    /// Whether records are in memory because no folder is writable. While another thread holds the spool writer this is not
    /// known, and counts as yes.
    pub(crate) fn holds_in_memory(&self) -> bool {
        let writer = match self.writer.try_lock() {
            Ok(writer) => writer,
            Err(TryLockError::Poisoned(writer)) => writer.into_inner(),
            Err(TryLockError::WouldBlock) => return true,
        };
        match &writer.spool {
            Spool::Memory(memory) => !memory.is_empty(),
            Spool::Disk(_) => false,
        }
    }

    /// Telemetry was turned off while this process runs: empties the queue and the spool.
    pub(super) fn turn_off(&self) {
        self.recorder.lower_mode(Mode::Off);
        if let Some(mut writer) = self.lock_writer(TURN_OFF_TIMEOUT) {
            self.discard(&mut writer);
        }
    }

    /// Empties the queue and the spool.
    pub(super) fn discard(&self, writer: &mut SpoolWriter) {
        writer.discard(&self.recorder);
        let Some(folder) = self.settings.folder() else {
            return;
        };
        let is_gone = self.settings.decision_now().reason == ConsentReason::Gone;
        match self.settings.collector() {
            // Nobody said off: another collector may still accept the events for it.
            Some(collector) if is_gone => {
                discard_for(&folder, &collector);
            }
            _ => {
                discard_all(&folder, DeliveryStatus::TurnedOff);
                activity::forget(&folder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::builder::Builder;

    #[test]
    fn while_the_writer_is_in_use_memory_may_hold_records() {
        let home = tempfile::tempdir().unwrap();
        let builder = Builder::new("rig".to_owned(), "1".to_owned());
        let telemetry = builder.home(home.path()).start();
        let pipeline = telemetry.pipeline().unwrap();
        assert!(!pipeline.holds_in_memory());
        let writer = pipeline.writer.lock().unwrap();
        assert!(pipeline.holds_in_memory());
        drop(writer);
        assert!(!pipeline.holds_in_memory());
    }
}
