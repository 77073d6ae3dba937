//! The awaitable of `async with`, which is always ready.

use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;

/// An awaitable that is ready at once.
#[pyclass(frozen, module = "headcount._native")]
pub(crate) struct Done {
    value: Py<PyAny>,
}

impl Done {
    pub(crate) fn new(value: Py<PyAny>) -> Self {
        Self { value }
    }
}

#[pymethods]
impl Done {
    fn __await__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    /// A coroutine returns its value by `StopIteration` (PEP 380).
    fn __next__(&self, py: Python<'_>) -> PyResult<()> {
        Err(PyStopIteration::new_err(self.value.clone_ref(py)))
    }
}
