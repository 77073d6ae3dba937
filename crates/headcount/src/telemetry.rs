//! The handle that a framework holds.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::consent::{self, ConsentReason, Decision, Mode};
use crate::model::Keyer;
use crate::record::{Counters, Event, SpanWriter};
use crate::spool;
use crate::upload::EndpointError;
use crate::worker::{self, Pipeline, Session};

/// Records what crews do. Cheap to clone; every clone is the same.
///
/// No call on it, or on a value that it returns, reports an error, waits, or panics. Only [`flush`](Self::flush) waits. While
/// telemetry is off, each call is one comparison.
///
/// When the last clone is dropped, or the process ends, events in memory are written to disk (a millisecond or less). The end of
/// a process sends nothing, unless events of earlier runs wait and nothing was sent for a minute: then it waits for one upload, at
/// most half a second.
#[derive(Clone)]
pub struct Telemetry {
    inner: Option<Arc<Session>>,
    decision: Arc<Decision>,
}

impl Telemetry {
    /// Telemetry that is always off: for a framework's own tests.
    #[must_use]
    pub fn off() -> Self {
        Self::off_because(Decision {
            mode: Mode::Off,
            reason: ConsentReason::SwitchedOff,
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

    /// Telemetry that records into `session`.
    pub(crate) fn new(session: Arc<Session>, decision: Decision) -> Self {
        Self {
            inner: Some(session),
            decision: Arc::new(decision),
        }
    }

    /// The decision at the start: whether events are recorded and sent, and why.
    #[must_use]
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// Why nothing is sent although telemetry is on: the endpoint's address cannot be used, or this build does not support it.
    /// `None` if it can be used, if there is no endpoint, or if telemetry is off.
    #[must_use]
    pub fn endpoint_error(&self) -> Option<EndpointError> {
        let endpoint = &self.inner.as_ref()?.settings().endpoint;
        endpoint.as_ref().err().copied().flatten()
    }

    /// The current mode. It may be less than at the start, and never becomes more.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.pipeline()
            .map_or(Mode::Off, |pipeline| pipeline.recorder.mode())
    }

    /// Whether events are recorded. A caller can skip work that only telemetry needs.
    #[must_use]
    #[inline]
    pub fn is_recording(&self) -> bool {
        self.mode() != Mode::Off
    }

    /// The counters of this process's events: `recorded` is `written + waiting + dropped`, always.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.pipeline()
            .map_or_else(Counters::default, |pipeline| pipeline.recorder.counters())
    }

    /// Former name of [`counters`](Self::counters).
    #[deprecated(note = "renamed to `counters`")]
    #[must_use]
    pub fn books(&self) -> Counters {
        self.counters()
    }

    /// Counts values that the caller had to leave out of an event ([`Counters::values_refused`]): a binding of another language
    /// gets values that no type of this crate can hold.
    pub fn refuse_values(&self, values: u64) {
        if let Some(pipeline) = self.pipeline()
            && pipeline.recorder.mode() != Mode::Off
        {
            let counter = &pipeline.recorder.values_refused;
            counter.fetch_add(values, Ordering::Relaxed);
        }
    }

    /// Writes the events in memory to the spool, starts an upload, and waits for it, for at most `timeout`; returns whether the
    /// spool is empty. The only call that waits: for tests, and for programs that choose to.
    pub fn flush(&self, timeout: Duration) -> bool {
        self.check_switches();
        let Some(pipeline) = self.pipeline() else {
            return true;
        };
        let deadline = Instant::now() + timeout;
        // Another thread is writing: not all events have reached the spool.
        let Some(mut writer) = pipeline.lock_writer(timeout) else {
            return false;
        };
        pipeline.write(&mut writer, || false);
        drop(writer);
        let folder = pipeline.settings.folder();
        let mark = pipeline.settings.collector();
        loop {
            let is_empty = folder.as_deref().is_none_or(|folder| {
                !spool::holds_records(folder, mark.as_deref()) && spool::retired(folder).is_empty()
            });
            if is_empty && !pipeline.holds_in_memory() {
                return true;
            }
            if Instant::now() >= deadline || pipeline.recorder.mode() != Mode::On {
                return false;
            }
            pipeline.worker.flush();
            worker::wake(&pipeline);
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
        if let Some(session) = &self.inner {
            record_into(session, event, write);
        }
    }

    /// The maker of keys; `None` while telemetry is off, so that no time is spent on hashing.
    pub(crate) fn keyer(&self) -> Option<&Keyer> {
        let inner = self.inner.as_ref()?;
        let is_recording = inner.pipeline()?.recorder.mode() != Mode::Off;
        is_recording.then_some(&inner.settings().keyer)
    }

    /// Reads the switches again: a switch that is set after the start counts too. Called where crews, tasks and flows begin and
    /// end; on the host's own threads, because other threads must not read the environment while the host changes it; and not
    /// where a tool is used, which must cost almost nothing.
    pub(crate) fn check_switches(&self) {
        let Some(pipeline) = self.pipeline() else {
            return;
        };
        let settings = &pipeline.settings;
        let names = consent::SWITCHES.iter().copied();
        let own = settings.switches.iter().map(String::as_str);
        let is_off = names.chain(own).any(|name| {
            let switch = consent::Switch::read(std::env::var_os(name).as_deref());
            !matches!(switch, consent::Switch::Silent | consent::Switch::No)
        });
        if is_off && pipeline.recorder.mode() != Mode::Off {
            // Nothing is recorded from here on; the worker thread removes the events that wait.
            pipeline.recorder.lower_mode(Mode::Off);
            pipeline.worker.turn_off();
            worker::wake(&pipeline);
        }
    }

    /// Asks for an upload soon: a crew or a flow ended.
    pub(crate) fn hurry(&self) {
        if let Some(pipeline) = self.pipeline() {
            pipeline.worker.hurry();
        }
    }

    pub(crate) fn pipeline(&self) -> Option<Arc<Pipeline>> {
        self.inner.as_ref()?.pipeline().cloned()
    }
}

/// A function of its own, so that a call while telemetry is off does not pay for this stack frame.
#[inline(never)]
fn record_into(
    session: &Session,
    event: impl FnOnce() -> Event,
    write: impl FnOnce(&mut SpanWriter<'_, '_>),
) {
    if let Some(pipeline) = session.pipeline()
        && pipeline.recorder.record(&event(), write)
    {
        worker::wake(pipeline);
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Telemetry")
            .field("decision", &self.decision)
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}
