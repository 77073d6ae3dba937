//! The handle that a framework holds.

use std::fmt;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::{Duration, Instant};

use crate::consent::{self, Decision, Mode, Reason};
use crate::field::SpanWriter;
use crate::folders::{Folders, HOME_VARIABLE};
use crate::model::{Keyer, Runtime};
use crate::recorder::{Event, Recorder};
use crate::settings::{self, Settings};
use crate::surroundings::Surroundings;
use crate::upload::{Endpoint, EndpointError, Trust};
use crate::{installation, platform, worker};

/// How long the end of a process may wait for our own thread to let go of the queue. It lets go after the
/// record that it is writing, if any: a matter of microseconds, unless the disk or the machine is overloaded.
const EXIT_PATIENCE: Duration = Duration::from_millis(250);

/// Records what crews do. Cheap to clone; every clone is the same.
///
/// No call on it, or on anything that it gives, returns an error, waits, or panics. While telemetry is off each call is
/// one comparison.
///
/// When the last clone is dropped, or the process ends, what waits in memory is written to disk (a millisecond or less);
/// nothing is ever sent at that time, and nobody waits for the network.
#[derive(Clone)]
pub struct Telemetry {
    inner: Option<Arc<Inner>>,
    decision: Arc<Decision>,
}

struct Inner {
    settings: Arc<Settings>,
    life: Life,
}

/// The recorder of one process, and, after a fork, that of the child: the parent's is of no use there, since its locks
/// may be held by threads that the child does not have.
struct Life {
    generation: u32,
    /// Always there until dropped.
    recorder: Option<Arc<Recorder>>,
    next: OnceLock<Box<Life>>,
}

/// What a framework says about itself and about telemetry. Made by [`Telemetry::builder`].
#[derive(Debug, Clone)]
pub struct Builder {
    framework: String,
    version: String,
    runtime: Runtime,
    runtime_version: Option<String>,
    endpoint: Option<String>,
    switches: Vec<String>,
    trust: Vec<Vec<u8>>,
    home: Option<PathBuf>,
    told: bool,
    disabled: bool,
}

/// What became of the events of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Books {
    /// Calls that recorded an event.
    pub recorded: u64,
    /// Events that were written to the spool.
    pub written: u64,
    /// Events that wait in memory.
    pub waiting: u64,
    /// Events that were lost before they reached the spool.
    pub dropped: u64,
    /// Single values that were outside of the catalog's limits and left out of their event.
    pub values_refused: u64,
}

/// Recorders that the end of the process writes down.
static LIVE: Mutex<Vec<Weak<Inner>>> = Mutex::new(Vec::new());

impl Telemetry {
    /// Begins to describe a framework: its name (letters, digits, `_`, `.`, `-`, at most 32) and its version.
    pub fn builder(framework: impl Into<String>, version: impl Into<String>) -> Builder {
        Builder {
            framework: framework.into(),
            version: version.into(),
            runtime: Runtime::Rust,
            runtime_version: None,
            endpoint: None,
            switches: Vec::new(),
            trust: Vec::new(),
            home: None,
            told: false,
            disabled: false,
        }
    }

    /// Telemetry that is off, whatever anybody says: for a framework's own tests.
    #[must_use]
    pub fn off() -> Self {
        Self {
            inner: None,
            decision: Arc::new(Decision {
                mode: Mode::Off,
                reason: Reason::SwitchedOff,
                source: "code".to_owned(),
            }),
        }
    }

    /// How it was decided at the start whether anything may be recorded and sent.
    #[must_use]
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// What may happen now. It may have become less than it was at the start, and never becomes more.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.recorder()
            .map_or(Mode::Off, |recorder| recorder.mode())
    }

    /// Whether events are recorded: lets a caller leave out work that only telemetry needs.
    #[must_use]
    #[inline]
    pub fn is_recording(&self) -> bool {
        self.inner.is_some()
    }

    /// What became of this process's events: `recorded` is `written + waiting + dropped` whenever no call is under way.
    #[must_use]
    pub fn books(&self) -> Books {
        let Some(recorder) = self.recorder() else {
            return Books::default();
        };
        let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        Books {
            recorded: load(&recorder.recorded),
            written: load(&recorder.written),
            waiting: load(&recorder.queued),
            dropped: load(&recorder.dropped),
            values_refused: load(&recorder.values_refused),
        }
    }

    /// Writes what waits in memory to the spool, asks for it to be sent, and waits until it was, for at most `patience`;
    /// says whether the spool is empty. The only call that waits: for tests, and for programs that choose to.
    pub fn flush(&self, patience: Duration) -> bool {
        let Some(recorder) = self.recorder() else {
            return true;
        };
        let deadline = Instant::now() + patience;
        let _written = worker::drain(&recorder, patience);
        let Some(folder) = recorder.settings.folder() else {
            return false;
        };
        loop {
            if !recorder.holds_in_memory() && installation::pending(&folder) == 0 {
                return true;
            }
            if Instant::now() >= deadline || recorder.mode() != Mode::On {
                return false;
            }
            recorder.worker.hurry();
            recorder.worker.wake(&recorder);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Records one event.
    #[inline]
    pub(crate) fn record(
        &self,
        event: impl FnOnce() -> Event,
        write: impl FnOnce(&mut SpanWriter<'_, '_>),
    ) {
        if let Some(inner) = &self.inner
            && let Some(recorder) = inner.life.recorder()
        {
            recorder.record(&event(), write);
        }
    }

    /// What makes keys; none while telemetry is off, so that nothing is hashed for nothing.
    pub(crate) fn keyer(&self) -> Option<&Keyer> {
        self.inner.as_ref().map(|inner| &inner.settings.keyer)
    }

    /// The framework's switches are read again, where a crew begins: what was set after the start counts as well.
    pub(crate) fn ask_again(&self) {
        let Some(recorder) = self.recorder() else {
            return;
        };
        let settings = &recorder.settings;
        let names = consent::SWITCHES.iter().copied();
        let own = settings.switches.iter().map(String::as_str);
        let is_off = names.chain(own).any(|name| {
            let switch = consent::Switch::read(std::env::var_os(name).as_deref());
            !matches!(switch, consent::Switch::Silent | consent::Switch::No)
        });
        if is_off && recorder.mode() != Mode::Off {
            worker::turn_off(&recorder);
        }
    }

    /// Something ended that is worth sending now.
    pub(crate) fn hurry(&self) {
        if let Some(recorder) = self.recorder() {
            recorder.worker.hurry();
        }
    }

    fn recorder(&self) -> Option<Arc<Recorder>> {
        self.inner.as_ref()?.life.recorder().cloned()
    }
}

impl Builder {
    /// The collector's address: `https://host[:port][/path]`, or `http://` for one on this machine. Without it, events
    /// are recorded and never sent. No variable of the environment changes it.
    #[must_use]
    pub fn endpoint(mut self, address: impl Into<String>) -> Self {
        self.endpoint = Some(address.into());
        self
    }

    /// What the framework runs on, with its version. Rust of no version if nothing is said.
    #[must_use]
    pub fn runtime(mut self, runtime: Runtime, version: impl Into<String>) -> Self {
        self.runtime = runtime;
        self.runtime_version = Some(version.into());
        self
    }

    /// A variable of the framework's own that switches telemetry off, such as `MYFRAMEWORK_DISABLE_TELEMETRY`. It counts
    /// as well as `OTEL_SDK_DISABLED`, `HEADCOUNT_DISABLED` and `DO_NOT_TRACK`, which always do.
    #[must_use]
    pub fn switch(mut self, variable: impl Into<String>) -> Self {
        self.switches.push(variable.into());
        self
    }

    /// One more certificate authority, as DER: for a collector with certificates of one's own.
    #[must_use]
    pub fn trust(mut self, certificate: impl Into<Vec<u8>>) -> Self {
        self.trust.push(certificate.into());
        self
    }

    /// Keeps everything, the person's word among it, in this folder instead of the person's own: for tests, and for
    /// programs that are given a folder of their own. A path that is not absolute is passed over.
    #[must_use]
    pub fn home(mut self, folder: impl Into<PathBuf>) -> Self {
        self.home = Some(folder.into());
        self
    }

    /// Says that the framework has told its user, in its own way, what is collected and how to turn it off. Without
    /// this nothing is sent before the notice was shown on a terminal in an earlier run.
    #[must_use]
    pub fn told_user(mut self, told: bool) -> Self {
        self.told = told;
        self
    }

    /// Turns telemetry off in code.
    #[must_use]
    pub fn disabled(mut self, disabled: bool) -> Self {
        self.disabled = disabled;
        self
    }

    /// Starts. Decides whether anything may be recorded, and shows the notice if this is the first run; no thread is
    /// started before the first event, and nothing is sent before our own thread does.
    #[must_use]
    pub fn start(self) -> Telemetry {
        let variable = |name: &str| std::env::var_os(name);
        if !settings::is_framework_name(&self.framework) {
            let mut telemetry = Telemetry::off();
            telemetry.decision = Arc::new(Decision {
                mode: Mode::Off,
                reason: Reason::NotUnderstood,
                source: "the framework's name".to_owned(),
            });
            return telemetry;
        }
        let folders = Folders::find(|name| match &self.home {
            Some(home) if name == HOME_VARIABLE => Some(home.clone().into()),
            _ => variable(name),
        });
        let version = settings::clean_version(&self.version);
        let names = (self.framework.as_str(), version.as_str());
        let surroundings = consent::Surroundings::read(variable, &self.switches, &folders, names);
        let mut decision = consent::resolve(&surroundings.inputs(self.disabled, self.told, false));
        if decision.reason == Reason::CannotTell
            && let Some(folder) = folders.framework(&self.framework)
            && consent::tell(&self.framework, &folder)
        {
            decision = consent::resolve(&surroundings.inputs(self.disabled, false, true));
        }
        if decision.mode == Mode::Off {
            return Telemetry {
                inner: None,
                decision: Arc::new(decision),
            };
        }
        self.begin(version, folders, decision)
    }

    fn begin(self, version: String, folders: Folders, decision: Decision) -> Telemetry {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let cpus = std::thread::available_parallelism().map_or(0, usize::from);
        let interactive = std::io::stdin().is_terminal() || std::io::stderr().is_terminal();
        let secret = installation::secret(folders.framework(&self.framework).as_deref());
        let endpoint: Result<Endpoint, Option<EndpointError>> = match &self.endpoint {
            Some(text) => Endpoint::parse(text).map_err(Some),
            None => Err(None),
        };
        let settings = Arc::new(Settings {
            framework: self.framework,
            version,
            runtime: self.runtime,
            runtime_version: self
                .runtime_version
                .map(|version| settings::clean_version(&version))
                .filter(|version| !version.is_empty()),
            switches: self.switches,
            told: self.told,
            endpoint,
            trust: Trust(self.trust),
            folders,
            surroundings: Surroundings::look(is_set, interactive, cpus),
            keyer: Keyer::new(&secret),
        });
        platform::watch_forks();
        installation::remember(&settings);
        let recorder = Recorder::new(Arc::clone(&settings), decision.mode);
        let inner = Arc::new(Inner {
            settings,
            life: Life::new(recorder),
        });
        register(&inner);
        Telemetry {
            inner: Some(inner),
            decision: Arc::new(decision),
        }
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

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(recorder) = self.life.existing() {
            write_down(recorder);
        }
    }
}

/// Writes what waits in memory and lets go of the segment, so that any process may send it.
fn write_down(recorder: &Recorder) {
    recorder.worker.stop();
    let _events = worker::drain(recorder, EXIT_PATIENCE);
    if let Ok(mut drain) = recorder.drain.try_lock() {
        drain.report_losses(recorder);
        drain.spool.seal();
    }
}

/// Notes a recorder for the end of the process.
fn register(inner: &Arc<Inner>) {
    platform::at_exit(write_all_down);
    // A forked child may have inherited the lock held by a thread that it does not have: never wait for it.
    for _ in 0..100 {
        if let Ok(mut live) = LIVE.try_lock() {
            live.retain(|known| known.strong_count() > 0);
            live.push(Arc::downgrade(inner));
            return;
        }
        std::thread::yield_now();
    }
}

/// Called by the C library when the process ends by `exit` or by returning from `main`.
extern "C" fn write_all_down() {
    let _never_unwinds = std::panic::catch_unwind(|| {
        let Ok(live) = LIVE.try_lock() else {
            return;
        };
        for inner in live.iter().filter_map(Weak::upgrade) {
            if let Some(recorder) = inner.life.existing() {
                write_down(recorder);
            }
            // Its drop would do the same again, and the process ends anyway.
            std::mem::forget(inner);
        }
    });
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Telemetry")
            .field("decision", &self.decision)
            .field("books", &self.books())
            .finish_non_exhaustive()
    }
}
