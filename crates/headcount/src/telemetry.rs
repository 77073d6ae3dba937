//! The handle that a framework holds.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::consent::{self, Decision, Mode, Reason};
use crate::field::SpanWriter;
use crate::lifetime::Lifetime;
use crate::model::Keyer;
use crate::recorder::{Event, Recorder};
use crate::{Builder, EndpointError, installation, upload, worker};

/// Records what crews do. Cheap to clone; every clone is the same.
///
/// No call on it, or on anything that it gives, returns an error, waits, or panics; only [`flush`](Self::flush) waits, which
/// is what it is for. While telemetry is off each call is one comparison.
///
/// When the last clone is dropped, or the process ends, what waits in memory is written to disk (a millisecond or less);
/// nothing is ever sent at that time, and nobody waits for the network.
#[derive(Clone)]
pub struct Telemetry {
    inner: Option<Arc<Lifetime>>,
    decision: Arc<Decision>,
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
    /// Single values that were outside of the catalog's limits and left out of their event; words that look like a secret, an
    /// address or a path among them, which is seen when their event is written to the spool.
    pub values_refused: u64,
}

impl Telemetry {
    /// Begins to describe a framework: its name (letters, digits, `_`, `.`, `-`, at most 32) and its version.
    pub fn builder(framework: impl Into<String>, version: impl Into<String>) -> Builder {
        Builder::new(framework.into(), version.into())
    }

    /// Telemetry that is off, whatever anybody says: for a framework's own tests.
    #[must_use]
    pub fn off() -> Self {
        Self::off_because(Decision {
            mode: Mode::Off,
            reason: Reason::SwitchedOff,
            source: "code".to_owned(),
        })
    }

    /// Telemetry that is off because of `decision`.
    pub(crate) fn off_because(decision: Decision) -> Self {
        Self {
            inner: None,
            decision: Arc::new(decision),
        }
    }

    /// Telemetry that records into `lifetime`.
    pub(crate) fn new(lifetime: Arc<Lifetime>, decision: Decision) -> Self {
        Self {
            inner: Some(lifetime),
            decision: Arc::new(decision),
        }
    }

    /// How it was decided at the start whether anything may be recorded and sent.
    #[must_use]
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// Why nothing is sent although telemetry is on: the endpoint's address cannot be used, or this build cannot. `None` where
    /// it can, and where there is none, or telemetry is off.
    #[must_use]
    pub fn endpoint_error(&self) -> Option<EndpointError> {
        let endpoint = &self.inner.as_ref()?.settings().endpoint;
        endpoint.as_ref().err().copied().flatten()
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
        self.mode() != Mode::Off
    }

    /// What became of this process's events: `recorded` is `written + waiting + dropped`, always.
    #[must_use]
    pub fn books(&self) -> Books {
        let Some(recorder) = self.recorder() else {
            return Books::default();
        };
        let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Acquire);
        // What became of events first: of what is counted in between nothing more can be known than that it waits.
        let (written, dropped) = (load(&recorder.written), load(&recorder.dropped));
        let recorded = load(&recorder.recorded);
        Books {
            recorded,
            written,
            waiting: recorded.saturating_sub(written + dropped),
            dropped,
            values_refused: load(&recorder.values_refused),
        }
    }

    /// Counts values that the caller had to leave out of an event ([`Books::values_refused`]): a binding of another language
    /// is given things that no type of this crate can hold.
    pub fn refuse_values(&self, values: u64) {
        if let Some(recorder) = self.recorder()
            && recorder.mode() != Mode::Off
        {
            let _before = recorder.values_refused.fetch_add(values, Ordering::Relaxed);
        }
    }

    /// Writes what waits in memory to the spool, asks for it to be sent, and waits until it was, for at most `patience`;
    /// says whether the spool is empty. The only call that waits: for tests, and for programs that choose to.
    pub fn flush(&self, patience: Duration) -> bool {
        self.ask_again();
        let Some(recorder) = self.recorder() else {
            return true;
        };
        let deadline = Instant::now() + patience;
        // Somebody else is writing, and for longer than that: what waits in memory is not there yet.
        let Some(mut drain) = worker::lock_drain(&recorder, patience) else {
            return false;
        };
        let _events = drain.run(&recorder, || false);
        drop(drain);
        let folder = recorder.settings.folder();
        let mark = recorder.settings.collector();
        loop {
            // Without a folder all that waits is in memory.
            let is_settled = folder.as_deref().is_none_or(|folder| {
                !installation::is_waiting(folder, mark.as_deref())
                    && upload::settled(folder).is_empty()
            });
            if is_settled && !recorder.holds_in_memory() {
                return true;
            }
            if Instant::now() >= deadline || recorder.mode() != Mode::On {
                return false;
            }
            recorder.worker.flush();
            recorder.worker.wake(&recorder);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Records one event: one comparison while telemetry is off.
    #[inline]
    pub(crate) fn record(
        &self,
        event: impl FnOnce() -> Event,
        write: impl FnOnce(&mut SpanWriter<'_, '_>),
    ) {
        if let Some(lifetime) = &self.inner {
            record_into(lifetime, event, write);
        }
    }

    /// What makes keys; none while telemetry is off, so that nothing is hashed for nothing.
    pub(crate) fn keyer(&self) -> Option<&Keyer> {
        let inner = self.inner.as_ref()?;
        let is_recording = inner.recorder()?.mode() != Mode::Off;
        is_recording.then_some(&inner.settings().keyer)
    }

    /// The switches are read again where crews, tasks and flows begin and end: what was set after the start counts as well.
    /// On the host's own threads, because no other may read the environment while the host changes it; and not where a tool
    /// is used, which is to cost nothing.
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
            // Nothing is recorded from here on; our thread deletes what waits.
            recorder.lower_mode(Mode::Off);
            recorder.worker.turn_off();
            recorder.worker.wake(&recorder);
        }
    }

    /// Something ended that is worth sending now.
    pub(crate) fn hurry(&self) {
        if let Some(recorder) = self.recorder() {
            recorder.worker.hurry();
        }
    }

    pub(crate) fn recorder(&self) -> Option<Arc<Recorder>> {
        self.inner.as_ref()?.recorder().cloned()
    }
}

/// Apart, so that a call while telemetry is off does not pay for the frame of one while it is on.
#[inline(never)]
fn record_into(
    lifetime: &Lifetime,
    event: impl FnOnce() -> Event,
    write: impl FnOnce(&mut SpanWriter<'_, '_>),
) {
    if let Some(recorder) = lifetime.recorder() {
        recorder.record(&event(), write);
    }
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
