//! The client for Python: `import headcount`.
//!
//! A thin layer over `headcount`, with its names and promises. `reading` reads the host's values: it accepts values of the
//! right type, counts all others, and runs none of the host's code, so no call raises. `boundary` stops panics. The Python
//! files in `python/headcount` have the types and `python -m headcount`.
//!
//! The tests are in `tests/python-client`, those that every client passes in `conformance/`.

mod awaited;
mod boundary;
mod command;
mod counters;
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
/// All state that calls share has its own locks.
#[pymodule(gil_used = false)]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::command::command;
    #[pymodule_export]
    use crate::counters::Counters;
    #[pymodule_export]
    use crate::decision::Decision;
    #[pymodule_export]
    use crate::deployment::Deployment;
    #[pymodule_export]
    use crate::descriptors::{Agent, Crew, Llm, Task, Tool};
    #[pymodule_export]
    use crate::end_threads;
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

/// Ends the client's threads until the next event: before a fork, of which CPython warns while other threads run.
#[pyfunction]
fn end_threads(py: Python<'_>) {
    py.detach(|| boundary::contain_panic(headcount::end_threads));
}

/// Writes the events in memory to disk and sends nothing: for a process that ends without running exit handlers.
#[pyfunction]
fn write_down(py: Python<'_>) {
    py.detach(|| boundary::contain_panic(headcount::write_all_to_spool));
}
