use std::sync::Mutex;
use std::time::SystemTime;

use headcount as client;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::{Kept, TaskRun, since};
use crate::awaited::Done;
use crate::boundary::{contain_panic, lock};
use crate::descriptors::{Crew, Task};
use crate::error_type::raised;
use crate::reading::{Given, Reader, Unknown};

/// A crew's run, from ``telemetry.crew(…)`` until it completes or fails. A run that is garbage-collected without an end counts as
/// failed.
///
/// As a context manager it completes at the end of the block, or fails if an exception leaves the block.
///
/// >>> import headcount
/// >>> telemetry = headcount.Telemetry.off()
/// >>> task = headcount.Task("Find papers")
/// >>> with telemetry.crew(headcount.Crew(tasks=[task])) as run:
/// ...     with run.task(task) as doing:
/// ...         doing.output = "Five papers"
/// ...     run.output = "Five papers"
#[pyclass(frozen, weakref, module = "headcount")]
pub(crate) struct CrewRun {
    telemetry: client::Telemetry,
    kept: Mutex<Kept<client::CrewRun>>,
}

impl CrewRun {
    pub(crate) fn begin(
        telemetry: &client::Telemetry,
        crew: Option<&Crew>,
        started: Option<SystemTime>,
    ) -> Self {
        let run = crew.and_then(|crew| {
            contain_panic(|| {
                let run = telemetry.crew_started(&crew.inner);
                Some(since(run, started, client::CrewRun::since))
            })
        });
        Self {
            telemetry: telemetry.clone(),
            kept: Kept::new(run),
        }
    }

    /// Calls `record` with the run, if it has not ended.
    fn with(&self, record: impl FnOnce(&client::CrewRun)) {
        contain_panic(|| {
            if let Some(run) = &lock(&self.kept).run {
                record(run);
            }
        });
    }

    fn end(&self, output: Option<client::Content>, is_completed: bool) {
        contain_panic(|| {
            let mut kept = lock(&self.kept);
            let output = output.or_else(|| kept.output.take());
            match (kept.run.take(), output) {
                (Some(run), Some(output)) if is_completed => run.complete_with(output),
                (Some(run), _) if is_completed => run.complete(),
                (Some(run), _) => run.fail(),
                (None, _) => {}
            }
        });
    }
}

#[pymethods]
impl CrewRun {
    /// Whether anything is recorded of this run.
    #[getter]
    fn is_recording(&self) -> bool {
        contain_panic(|| {
            let kept = lock(&self.kept);
            kept.run.as_ref().is_some_and(client::CrewRun::is_recording)
        })
    }

    /// One of the crew's tasks starts. ``started`` is the time in seconds since 1970, if the task started earlier.
    #[pyo3(signature = (task=None, *extra, started=None, **unknown), text_signature = "($self, task, *, started=None)")]
    fn task(
        &self,
        task: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        started: Given<'_, '_>,
        unknown: Option<Unknown<'_, '_>>,
    ) -> TaskRun {
        let mut reader = Reader::new(extra, unknown);
        let started = reader.moment(started);
        let task = task.and_then(|task| task.cast::<Task>().ok());
        let mut begun = None;
        if let Some(task) = task {
            self.with(|run| {
                let task = run.task_started(&task.get().inner);
                begun = Some(since(task, started, client::TaskRun::since));
            });
        }
        // Not a task, or its crew has ended.
        reader.refuse(u64::from(begun.is_none()));
        self.telemetry.refuse_values(reader.refused());
        TaskRun::new(self.telemetry.clone(), begun)
    }

    /// The crew's output: content, recorded at the end if the crew shares. It cannot be read back.
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

    /// The crew completed. ``output`` is content, recorded only if the crew shares.
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
        self.end(output, true);
    }

    /// The crew failed.
    #[pyo3(signature = (*extra, **unknown), text_signature = "($self)")]
    fn fail(&self, extra: &Bound<'_, PyTuple>, unknown: Option<Unknown<'_, '_>>) {
        self.telemetry
            .refuse_values(Reader::new(extra, unknown).refused());
        self.end(None, false);
    }

    /// The crew is tested, ``iterations`` times, with ``model``; ``inputs`` are recorded only if the crew shares.
    #[pyo3(
        signature = (iterations=None, model=None, inputs=None, *extra, **unknown),
        text_signature = "($self, iterations, model, inputs=None)"
    )]
    fn test_started(
        &self,
        iterations: Given<'_, '_>,
        model: Given<'_, '_>,
        inputs: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        unknown: Option<Unknown<'_, '_>>,
    ) {
        let mut reader = Reader::new(extra, unknown);
        let (iterations, model) = (reader.integer(iterations), reader.text(model));
        let inputs = reader.content(inputs);
        self.telemetry.refuse_values(reader.refused());
        self.with(|run| {
            run.partial()
                .test_started(iterations, model, inputs.as_ref());
        });
    }

    /// One iteration of a test was scored: ``quality`` from 0 to 100 points, in ``seconds``.
    #[pyo3(
        signature = (quality=None, seconds=None, model=None, *extra, **unknown),
        text_signature = "($self, quality, seconds, model)"
    )]
    fn test_scored(
        &self,
        quality: Given<'_, '_>,
        seconds: Given<'_, '_>,
        model: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        unknown: Option<Unknown<'_, '_>>,
    ) {
        let mut reader = Reader::new(extra, unknown);
        let (quality, seconds) = (reader.number(quality), reader.number(seconds));
        let model = reader.text(model);
        self.telemetry.refuse_values(reader.refused());
        self.with(|run| run.partial().test_scored(quality, seconds, model));
    }

    /// A task's texts with the inputs of this run filled in: content, recorded only if the crew shares.
    #[pyo3(
        signature = (task=None, description=None, expected_output=None, *extra, **unknown),
        text_signature = "($self, task, description=None, expected_output=None)"
    )]
    fn share_formatted(
        &self,
        task: Given<'_, '_>,
        description: Given<'_, '_>,
        expected_output: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        unknown: Option<Unknown<'_, '_>>,
    ) {
        let mut reader = Reader::new(extra, unknown);
        let description = reader.content(description);
        let expected = reader.content(expected_output);
        let task = task.and_then(|task| task.cast::<Task>().ok());
        reader.refuse(u64::from(task.is_none()));
        self.telemetry.refuse_values(reader.refused());
        if let Some(task) = task {
            self.with(|run| {
                run.share_formatted(&task.get().inner, description.as_ref(), expected.as_ref());
            });
        }
    }

    /// The outputs of the crew's tasks, and its log: content, recorded only if the crew shares.
    #[pyo3(signature = (tasks_output=None, log=None, *extra, **unknown), text_signature = "($self, tasks_output=None, log=None)")]
    fn share_execution(
        &self,
        tasks_output: Given<'_, '_>,
        log: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        unknown: Option<Unknown<'_, '_>>,
    ) {
        let mut reader = Reader::new(extra, unknown);
        let (tasks_output, log) = (reader.content(tasks_output), reader.content(log));
        self.telemetry.refuse_values(reader.refused());
        self.with(|run| run.share_execution(tasks_output.as_ref(), log.as_ref()));
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*exit), text_signature = "($self, error_type, error, traceback, /)")]
    fn __exit__(&self, exit: Vec<Bound<'_, PyAny>>) -> bool {
        self.end(None, raised(&exit).is_none());
        false
    }

    fn __aenter__(slf: Bound<'_, Self>) -> Done {
        Done::new(slf.into_any().unbind())
    }

    #[pyo3(signature = (*exit), text_signature = "($self, error_type, error, traceback, /)")]
    fn __aexit__(&self, py: Python<'_>, exit: Vec<Bound<'_, PyAny>>) -> Done {
        self.end(None, raised(&exit).is_none());
        Done::new(py.None())
    }
}
