use headcount as client;
use pyo3::prelude::*;

/// Counters of the events of this process: ``recorded`` is ``written + waiting + dropped`` whenever no call is under way.
///
/// ``Books`` is the former name of this class.
#[pyclass(frozen, eq, module = "headcount")]
#[derive(PartialEq, Eq)]
pub(crate) struct Counters {
    inner: client::Counters,
}

impl Counters {
    pub(crate) fn new(inner: client::Counters) -> Self {
        Self { inner }
    }
}

#[pymethods]
impl Counters {
    /// Calls that recorded an event.
    #[getter]
    fn recorded(&self) -> u64 {
        self.inner.recorded
    }

    /// Events that were written to the spool.
    #[getter]
    fn written(&self) -> u64 {
        self.inner.written
    }

    /// Events that wait in memory.
    #[getter]
    fn waiting(&self) -> u64 {
        self.inner.waiting
    }

    /// Events that were lost before they reached the spool.
    #[getter]
    fn dropped(&self) -> u64 {
        self.inner.dropped
    }

    /// Values that were left out of their event: of a wrong type, or outside the catalog's limits.
    #[getter]
    fn values_refused(&self) -> u64 {
        self.inner.values_refused
    }

    fn __repr__(&self) -> String {
        let counters = &self.inner;
        format!(
            "Counters(recorded={}, written={}, waiting={}, dropped={}, values_refused={})",
            counters.recorded,
            counters.written,
            counters.waiting,
            counters.dropped,
            counters.values_refused
        )
    }
}
