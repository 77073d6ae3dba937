use std::sync::Mutex;

use headcount as client;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::{Kept, since};
use crate::awaited::Done;
use crate::boundary::{contain_panic, lock};
use crate::error_type::{error_type, raised};
use crate::events;
use crate::handle::count;
use crate::reading::{Given, Reader, Unknown};

/// A flow's run, until it completes, pauses or fails. A run that is garbage-collected without an end counts as failed.
///
/// As a context manager it completes at the end of the block, or fails if an exception leaves the block.
///
/// >>> import headcount
/// >>> telemetry = headcount.Telemetry.off()
/// >>> with telemetry.flow("ResearchFlow") as flow:
/// ...     flow.method_failed("TimeoutError")
#[pyclass(frozen, weakref, module = "headcount")]
pub(crate) struct FlowRun {
    telemetry: client::Telemetry,
    kept: Mutex<Kept<client::FlowRun>>,
}

impl FlowRun {
    pub(crate) fn begin(
        telemetry: client::Telemetry,
        mut reader: Reader,
        name: Given<'_, '_>,
        origin: Given<'_, '_>,
        started: Given<'_, '_>,
    ) -> Self {
        let (name, origin) = events::flow(&mut reader, name, origin);
        let started = reader.moment(started);
        Self::of(telemetry, &reader, |telemetry| {
            let run = telemetry
                .partial()
                .flow_started(name.map(Into::into), origin);
            since(run, started, client::FlowRun::since)
        })
    }

    /// A paused flow that resumes, or a conversational flow.
    pub(crate) fn resume(
        telemetry: client::Telemetry,
        mut reader: Reader,
        name: Given<'_, '_>,
        origin: Given<'_, '_>,
        is_conversational: Given<'_, '_>,
    ) -> Self {
        let (name, origin) = events::flow(&mut reader, name, origin);
        let is_conversational = match is_conversational {
            Some(_) => reader.boolean(is_conversational),
            None => Some(false),
        };
        Self::of(telemetry, &reader, |telemetry| {
            telemetry
                .partial()
                .flow_resumed(name.map(Into::into), origin, is_conversational)
        })
    }

    fn of(
        telemetry: client::Telemetry,
        reader: &Reader,
        begin: impl FnOnce(&client::Telemetry) -> client::FlowRun,
    ) -> Self {
        count(&telemetry, reader);
        let run = contain_panic(|| Some(begin(&telemetry)));
        Self {
            telemetry,
            kept: Kept::new(run),
        }
    }

    fn end(&self, end: impl FnOnce(client::FlowRun)) {
        contain_panic(|| {
            if let Some(run) = lock(&self.kept).run.take() {
                end(run);
            }
        });
    }

    fn exit(&self, exit: &[Bound<'_, PyAny>]) {
        self.end(match raised(exit) {
            Some(_) => client::FlowRun::fail,
            None => client::FlowRun::complete,
        });
    }

    fn count(&self, extra: &Bound<'_, PyTuple>, unknown: Option<Unknown<'_, '_>>) {
        self.telemetry
            .refuse_values(Reader::new(extra, unknown).refused());
    }
}

#[pymethods]
impl FlowRun {
    /// The flow completed.
    #[pyo3(signature = (*extra, **unknown), text_signature = "($self)")]
    fn complete(&self, extra: &Bound<'_, PyTuple>, unknown: Option<Unknown<'_, '_>>) {
        self.count(extra, unknown);
        self.end(client::FlowRun::complete);
    }

    /// The flow failed.
    #[pyo3(signature = (*extra, **unknown), text_signature = "($self)")]
    fn fail(&self, extra: &Bound<'_, PyTuple>, unknown: Option<Unknown<'_, '_>>) {
        self.count(extra, unknown);
        self.end(client::FlowRun::fail);
    }

    /// The flow pauses for human input.
    #[pyo3(signature = (*extra, **unknown), text_signature = "($self)")]
    fn pause(&self, extra: &Bound<'_, PyTuple>, unknown: Option<Unknown<'_, '_>>) {
        self.count(extra, unknown);
        self.end(client::FlowRun::pause);
    }

    /// One of the flow's methods failed. ``error`` is the error's class: its name, the class itself, or an exception, of which
    /// only the class is read. Names of methods are never recorded.
    #[pyo3(signature = (error=None, *extra, **unknown), text_signature = "($self, error)")]
    fn method_failed(
        &self,
        error: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        unknown: Option<Unknown<'_, '_>>,
    ) {
        let mut reader = Reader::new(extra, unknown);
        let error_type = error_type(&mut reader, error);
        self.telemetry.refuse_values(reader.refused());
        contain_panic(|| {
            if let Some(run) = &lock(&self.kept).run {
                run.partial().method_failed(error_type.as_deref());
            }
        });
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
