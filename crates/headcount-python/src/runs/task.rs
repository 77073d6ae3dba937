use std::sync::Mutex;

use headcount as client;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::Kept;
use crate::awaited::Done;
use crate::boundary::{contain_panic, lock};
use crate::error_type::{error_type, raised};
use crate::reading::{Given, Reader, Unknown};

/// A task's run, from its start to its end. A run that is garbage-collected without an end counts as failed (``dropped``).
///
/// As a context manager it completes at the end of the block, or fails if an exception leaves the block. The exception's class
/// is recorded, never its message.
///
/// >>> import headcount
/// >>> telemetry = headcount.Telemetry.off()
/// >>> task = headcount.Task("Find papers")
/// >>> run = telemetry.crew(headcount.Crew(tasks=[task]))
/// >>> doing = run.task(task)
/// >>> doing.fail("TimeoutError")
/// >>> run.fail()
#[pyclass(frozen, weakref, module = "headcount")]
pub(crate) struct TaskRun {
    telemetry: client::Telemetry,
    kept: Mutex<Kept<client::TaskRun>>,
}

/// How a task ends.
enum End {
    Completed(Option<client::Content>),
    Failed(Option<String>),
}

impl TaskRun {
    pub(crate) fn new(telemetry: client::Telemetry, run: Option<client::TaskRun>) -> Self {
        Self {
            telemetry,
            kept: Kept::new(run),
        }
    }

    fn end(&self, end: End) {
        contain_panic(|| {
            let mut kept = lock(&self.kept);
            let Some(run) = kept.run.take() else {
                return;
            };
            match end {
                End::Completed(output) => match output.or_else(|| kept.output.take()) {
                    Some(output) => run.complete_with(output),
                    None => run.complete(),
                },
                End::Failed(Some(error_type)) => run.fail(&error_type),
                End::Failed(None) => run.fail_untyped(),
            }
        });
    }

    fn exit(&self, exit: &[Bound<'_, PyAny>]) {
        self.end(match raised(exit) {
            Some(error_type) => End::Failed(error_type),
            None => End::Completed(None),
        });
    }
}

#[pymethods]
impl TaskRun {
    /// The task's output: content, recorded at the end if its crew shares. It cannot be read back.
    #[getter]
    fn output(&self) -> Option<&str> {
        None
    }

    #[setter]
    fn set_output(&self, output: &Bound<'_, PyAny>) {
        let mut reader = Reader::default();
        let output = reader.content((!output.is_none()).then_some(output));
        self.telemetry.refuse_values(reader.refused());
        lock(&self.kept).output = output;
    }

    /// An input of the task: content, recorded only if its crew shares. A task may have several.
    #[pyo3(signature = (input=None, *extra, **unknown), text_signature = "($self, input)")]
    fn share_input(
        &self,
        input: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        unknown: Option<Unknown<'_, '_>>,
    ) {
        let mut reader = Reader::new(extra, unknown);
        let input = reader.text(input);
        self.telemetry.refuse_values(reader.refused());
        contain_panic(|| {
            if let (Some(run), Some(input)) = (&lock(&self.kept).run, input) {
                run.share_input(input);
            }
        });
    }

    /// The task completed. ``output`` is content, recorded only if its crew shares.
    #[pyo3(signature = (output=None, *extra, **unknown), text_signature = "($self, output=None)")]
    fn complete(
        &self,
        output: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        unknown: Option<Unknown<'_, '_>>,
    ) {
        let mut reader = Reader::new(extra, unknown);
        let output = reader.content(output);
        self.telemetry.refuse_values(reader.refused());
        self.end(End::Completed(output));
    }

    /// The task failed. ``error`` is the error's class: its name, such as ``"ValidationError"``, the class itself, or an
    /// exception, of which only the class is read.
    #[pyo3(signature = (error=None, *extra, **unknown), text_signature = "($self, error=None)")]
    fn fail(
        &self,
        error: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        unknown: Option<Unknown<'_, '_>>,
    ) {
        let mut reader = Reader::new(extra, unknown);
        let error_type = error_type(&mut reader, error);
        self.telemetry.refuse_values(reader.refused());
        self.end(End::Failed(error_type));
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*exit), text_signature = "($self, error_type, error, traceback, /)")]
    fn __exit__(&self, exit: Vec<Bound<'_, PyAny>>) -> bool {
        self.exit(&exit);
        false
    }

    fn __aenter__(slf: Bound<'_, Self>) -> Done {
        Done::new(slf.into_any().unbind())
    }

    #[pyo3(signature = (*exit), text_signature = "($self, error_type, error, traceback, /)")]
    fn __aexit__(&self, py: Python<'_>, exit: Vec<Bound<'_, PyAny>>) -> Done {
        self.exit(&exit);
        Done::new(py.None())
    }
}
