use headcount as client;
use pyo3::prelude::*;

/// What became of the events of this process: ``recorded`` is ``written + waiting + dropped`` whenever no call is under way.
#[pyclass(frozen, eq, module = "headcount")]
#[derive(PartialEq, Eq)]
pub(crate) struct Books {
    inner: client::Books,
}

impl Books {
    pub(crate) fn new(inner: client::Books) -> Self {
        Self { inner }
    }
}

#[pymethods]
impl Books {
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

    /// Single values that were left out of their event: of a wrong type, or outside of the catalog's limits.
    #[getter]
    fn values_refused(&self) -> u64 {
        self.inner.values_refused
    }

    fn __repr__(&self) -> String {
        let books = &self.inner;
        format!(
            "Books(recorded={}, written={}, waiting={}, dropped={}, values_refused={})",
            books.recorded, books.written, books.waiting, books.dropped, books.values_refused
        )
    }
}
