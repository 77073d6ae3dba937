//! What `async with` waits for, which is always there already.

use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;

/// Something to await that is done at once.
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

    /// The end of an iteration is how a coroutine gives its value (PEP 380).
    fn __next__(&self, py: Python<'_>) -> PyResult<()> {
        Err(PyStopIteration::new_err(self.value.clone_ref(py)))
    }
}
