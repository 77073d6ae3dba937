//! From the start of telemetry to the end of the process, through forks.

use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use crate::consent::Mode;
use crate::recorder::Recorder;
use crate::settings::Settings;
use crate::{platform, worker};

/// How long the end of a process may wait for our own thread to let go of the queue. It lets go after the
/// record that it is writing, if any: a matter of microseconds, unless the disk or the machine is overloaded.
const EXIT_PATIENCE: Duration = Duration::from_millis(250);

/// Recorders that the end of the process writes down.
static LIVE: Mutex<Vec<Weak<Lifetime>>> = Mutex::new(Vec::new());

/// One started telemetry.
#[derive(Debug)]
pub(crate) struct Lifetime {
    settings: Arc<Settings>,
    life: Life,
}

/// The recorder of one process, and, after a fork, that of the child: the parent's is of no use there, since its locks
/// may be held by threads that the child does not have.
#[derive(Debug)]
struct Life {
    generation: u32,
    /// Always there until dropped.
    recorder: Option<Arc<Recorder>>,
    next: OnceLock<Box<Life>>,
}

impl Lifetime {
    /// Begins, and sees to it that the end of the process writes down what waits.
    pub(crate) fn begin(settings: Arc<Settings>, recorder: Arc<Recorder>) -> Arc<Self> {
        let lifetime = Arc::new(Self {
            settings,
            life: Life::new(recorder),
        });
        register(&lifetime);
        lifetime
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// This process's recorder.
    #[inline]
    pub(crate) fn recorder(&self) -> Option<&Arc<Recorder>> {
        self.life.recorder()
    }
}

impl Life {
    fn new(recorder: Arc<Recorder>) -> Self {
        Self {
            generation: recorder.generation,
            recorder: Some(recorder),
            next: OnceLock::new(),
        }
    }

    /// This process's recorder.
    #[inline]
    fn recorder(&self) -> Option<&Arc<Recorder>> {
        match self.generation == platform::generation() {
            true => self.recorder.as_ref(),
            false => self.after_fork(),
        }
    }

    #[cold]
    fn after_fork(&self) -> Option<&Arc<Recorder>> {
        let parent = self.recorder.as_ref()?;
        let next = self.next.get_or_init(|| {
            let settings = Arc::clone(&parent.settings);
            Box::new(Life::new(Recorder::new(settings, parent.mode())))
        });
        next.recorder()
    }

    /// This process's recorder, if it recorded anything.
    fn existing(&self) -> Option<&Arc<Recorder>> {
        match self.generation == platform::generation() {
            true => self.recorder.as_ref(),
            false => self.next.get()?.existing(),
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // A parent's queue may be locked for ever in its child; nothing of it is touched there.
        if self.generation != platform::generation() {
            std::mem::forget(self.recorder.take());
        }
    }
}

impl Drop for Lifetime {
    fn drop(&mut self) {
        if let Some(recorder) = self.life.existing() {
            write_down(recorder);
        }
    }
}

/// Writes what waits in memory and lets go of the segment, so that any process may send it. If somebody has turned
/// telemetry off since it was last looked, everything is given up instead.
fn write_down(recorder: &Recorder) {
    recorder.worker.stop();
    write_waiting(recorder);
}

/// The same, while our thread lives on.
fn write_waiting(recorder: &Recorder) {
    platform::without_size_signal(|| {
        if recorder.settings.still_allowed() == Mode::Off {
            recorder.lower_mode(Mode::Off);
        }
        let Some(mut drain) = worker::lock_drain(recorder, EXIT_PATIENCE) else {
            return;
        };
        if recorder.mode() == Mode::Off {
            drain.give_up(recorder);
            return;
        }
        let _events = drain.run(recorder, || false);
        drain.report_losses(recorder);
        drain.spool.seal();
    });
}

/// Notes a recorder for the end of the process.
fn register(lifetime: &Arc<Lifetime>) {
    platform::at_exit(write_all_down);
    // A forked child may have inherited the lock held by a thread that it does not have: never wait for it.
    for _ in 0..100 {
        if let Ok(mut live) = LIVE.try_lock() {
            live.retain(|known| known.strong_count() > 0);
            live.push(Arc::downgrade(lifetime));
            return;
        }
        std::thread::yield_now();
    }
}

/// Writes what every telemetry of this process holds in memory to its spool, as the end of the process does, and sends
/// nothing: for a process that is about to end by `_exit`, which runs no handler.
pub fn write_down_all() {
    let Ok(live) = LIVE.try_lock() else {
        return;
    };
    let lifetimes: Vec<Arc<Lifetime>> = live.iter().filter_map(Weak::upgrade).collect();
    drop(live);
    for lifetime in lifetimes {
        if let Some(recorder) = lifetime.life.existing() {
            write_waiting(recorder);
        }
    }
}

/// Called by the C library when the process ends by `exit` or by returning from `main`.
extern "C" fn write_all_down() {
    let _never_unwinds = std::panic::catch_unwind(|| {
        let Ok(live) = LIVE.try_lock() else {
            return;
        };
        for lifetime in live.iter().filter_map(Weak::upgrade) {
            if let Some(recorder) = lifetime.life.existing() {
                write_down(recorder);
            }
            // Its drop would do the same again, and the process ends anyway.
            std::mem::forget(lifetime);
        }
    });
}
