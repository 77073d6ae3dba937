//! The client for Python: `import headcount`.
//!
//! A thin layer over `headcount`, whose names and promises it keeps. `reading` is where values of the host come in: it
//! takes what is of the right type, counts the rest, and runs none of the host's code; so no call raises. `boundary` keeps
//! faults of ours on this side. The Python files beside this crate (`python/headcount`) have the types and the start of
//! `python -m headcount`.
//!
//! `tests/python-client` has the tests; `conformance/` those that every client passes.

mod awaited;
mod books;
mod boundary;
mod command;
mod decision;
mod deployment;
mod descriptors;
mod error_type;
mod events;
mod flush;
mod handle;
mod reading;
mod runs;
mod start;
mod telemetry;

use pyo3::prelude::*;

/// Headcount's client, in Rust; use it through the package `headcount`.
///
/// It shares nothing between calls but what has locks of its own.
#[pymodule(gil_used = false)]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::books::Books;
    #[pymodule_export]
    use crate::command::command;
    #[pymodule_export]
    use crate::decision::Decision;
    #[pymodule_export]
    use crate::deployment::Deployment;
    #[pymodule_export]
    use crate::descriptors::{Agent, Crew, Llm, Task, Tool};
    #[pymodule_export]
    use crate::handle::Telemetry;
    #[pymodule_export]
    use crate::runs::{CrewRun, FlowRun, TaskRun};
    #[pymodule_export]
    use crate::start::start;
    #[pymodule_export]
    use crate::write_down;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}

/// Writes what waits in memory to disk and sends nothing: before an end of the process that runs no handler.
#[pyfunction]
fn write_down(py: Python<'_>) {
    py.detach(|| boundary::quiet(headcount::write_down_all));
}
