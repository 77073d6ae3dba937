use headcount as client;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::boundary::contain_panic;
use crate::reading::{Reader, Unknown};

/// Records what crews do. Created by ``headcount.start``.
///
/// No call on it, or on a value that it returns, raises, fails or waits. Only ``flush`` waits. While telemetry is off, calls do
/// nothing. When the process ends, events in memory are written to disk and nothing is sent.
///
/// >>> import headcount
/// >>> telemetry = headcount.start("my-framework", "1.2.3", disabled=True)
/// >>> telemetry.mode
/// 'off'
/// >>> str(telemetry.decision)
/// 'off: code says so'
/// >>> telemetry.tool_used("search", attempts=1, llm="gpt-4o-mini")
#[pyclass(frozen, weakref, module = "headcount")]
pub(crate) struct Telemetry {
    /// `Some` until it is dropped.
    inner: Option<client::Telemetry>,
}

impl Telemetry {
    pub(crate) fn new(inner: client::Telemetry) -> Self {
        Self { inner: Some(inner) }
    }

    /// The client's handle, or one that is off.
    pub(crate) fn client(&self) -> client::Telemetry {
        self.inner.clone().unwrap_or_else(client::Telemetry::off)
    }

    /// Whether events are recorded.
    pub(crate) fn is_on(&self) -> bool {
        self.inner
            .as_ref()
            .is_some_and(client::Telemetry::is_recording)
    }

    /// Reads the values of one call and records it.
    #[inline]
    pub(crate) fn record<'py, V>(
        &self,
        extra: &Bound<'py, PyTuple>,
        unknown: Option<Unknown<'_, 'py>>,
        read: impl FnOnce(&mut Reader) -> V,
        record: impl FnOnce(&client::Telemetry, V),
    ) {
        let Some(inner) = &self.inner else {
            return;
        };
        if !inner.is_recording() {
            return;
        }
        let mut reader = Reader::new(extra, unknown);
        let values = read(&mut reader);
        count(inner, &reader);
        contain_panic(|| record(inner, values));
    }
}

/// Counts the values that a call's reader refused.
#[inline]
pub(crate) fn count(telemetry: &client::Telemetry, reader: &Reader) {
    if reader.refused() > 0 {
        telemetry.refuse_values(reader.refused());
    }
}

impl Drop for Telemetry {
    /// The last handle writes the events in memory to disk. Other Python threads run meanwhile.
    fn drop(&mut self) {
        let Some(inner) = self.inner.take() else {
            return;
        };
        if !inner.is_recording() {
            return;
        }
        let mut inner = Some(inner);
        // Fails while the interpreter finalizes; the exit handler writes the events then.
        let _ = Python::try_attach(|py| {
            let inner = inner.take();
            py.detach(|| contain_panic(|| drop(inner)));
        });
    }
}
