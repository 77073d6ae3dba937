//! The methods of ``headcount.Telemetry``, which PyO3 wants in one block. `handle`, `events` and `runs` do the work.

use headcount as client;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::boundary::contain_panic;
use crate::counters::Counters;
use crate::decision::{self, Decision};
use crate::deployment::Deployment;
use crate::descriptors::Crew;
use crate::handle::{Telemetry, count};
use crate::reading::{Given, Reader, Unknown};
use crate::runs::{CrewRun, FlowRun};
use crate::{events, flush};

#[pymethods]
impl Telemetry {
    /// Telemetry that is always off: for a framework's own tests.
    #[staticmethod]
    #[pyo3(signature = (*_extra, **_unknown), text_signature = "()")]
    fn off(_extra: &Bound<'_, PyTuple>, _unknown: Option<Unknown<'_, '_>>) -> Self {
        Self::new(client::Telemetry::off())
    }

    /// The decision at the start: whether events are recorded and sent, and why.
    #[getter]
    fn decision(&self) -> Decision {
        Decision::new(self.client().decision().clone())
    }

    /// The current mode: ``"off"``, ``"local"`` or ``"on"``. It may be less than at the start.
    #[getter]
    fn mode(&self) -> &'static str {
        decision::mode(self.client().mode())
    }

    /// Why nothing is sent although telemetry is on: the endpoint's address cannot be used. None if it can be used, if there is no
    /// endpoint, or if telemetry is off.
    #[getter]
    fn endpoint_error(&self) -> Option<String> {
        contain_panic(|| self.client().endpoint_error()).map(|error| error.to_string())
    }

    /// Whether events are recorded. A caller can skip work that only telemetry needs.
    #[getter]
    fn is_recording(&self) -> bool {
        self.is_on()
    }

    /// The counters of this process's events.
    #[pyo3(signature = (*_extra, **_unknown), text_signature = "($self)")]
    fn counters(&self, _extra: &Bound<'_, PyTuple>, _unknown: Option<Unknown<'_, '_>>) -> Counters {
        Counters::new(contain_panic(|| self.client().counters()))
    }

    /// The former name of ``counters``.
    #[pyo3(signature = (*_extra, **_unknown), text_signature = "($self)")]
    fn books(&self, _extra: &Bound<'_, PyTuple>, _unknown: Option<Unknown<'_, '_>>) -> Counters {
        Counters::new(contain_panic(|| self.client().counters()))
    }

    /// Writes the events in memory to disk, starts an upload, and waits for it, for at most ``patience`` seconds; returns whether
    /// nothing is left. The only call that waits: for tests, and for programs that choose to.
    ///
    /// Signal handlers run while it waits. An exception that one raises, such as ``KeyboardInterrupt``, ends the wait.
    #[pyo3(signature = (patience=None, *extra, **unknown), text_signature = "($self, patience=5.0)")]
    fn flush(
        &self,
        py: Python<'_>,
        patience: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        unknown: Option<Unknown<'_, '_>>,
    ) -> PyResult<bool> {
        let mut reader = Reader::new(extra, unknown);
        let timeout = flush::timeout(&mut reader, patience);
        let telemetry = self.client();
        count(&telemetry, &reader);
        flush::flush(py, &telemetry, timeout)
    }

    /// A crew starts: records the crew, its agents and its tasks, and the content of a crew that shares. ``started`` is the time
    /// in seconds since 1970, if the crew started earlier.
    #[pyo3(signature = (crew=None, *extra, started=None, **unknown), text_signature = "($self, crew, *, started=None)")]
    fn crew(
        &self,
        crew: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        started: Given<'_, '_>,
        unknown: Option<Unknown<'_, '_>>,
    ) -> CrewRun {
        let telemetry = self.client();
        let mut reader = Reader::new(extra, unknown);
        let started = reader.moment(started);
        let crew = crew.and_then(|crew| crew.cast::<Crew>().ok());
        reader.refuse(crew.map_or(1, |crew| crew.get().refused));
        count(&telemetry, &reader);
        CrewRun::begin(&telemetry, crew.map(Bound::get), started)
    }

    /// A tool was used, at the ``attempts``-th attempt, called by the model ``llm``.
    #[pyo3(
        signature = (tool=None, attempts=None, llm=None, *extra, **unknown),
        text_signature = "($self, tool, attempts=1, llm=None)"
    )]
    fn tool_used(
        &self,
        tool: Given<'_, '_>,
        attempts: Given<'_, '_>,
        llm: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        unknown: Option<Unknown<'_, '_>>,
    ) {
        self.record(
            extra,
            unknown,
            |reader| events::call(reader, tool, attempts, llm),
            |telemetry, (name, attempts, llm)| telemetry.partial().tool_used(name, attempts, llm),
        );
    }

    /// An agent called a tool again with the same arguments.
    #[pyo3(
        signature = (tool=None, attempts=None, llm=None, *extra, **unknown),
        text_signature = "($self, tool, attempts=1, llm=None)"
    )]
    fn tool_repeated(
        &self,
        tool: Given<'_, '_>,
        attempts: Given<'_, '_>,
        llm: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        unknown: Option<Unknown<'_, '_>>,
    ) {
        self.record(
            extra,
            unknown,
            |reader| events::call(reader, tool, attempts, llm),
            |telemetry, (name, attempts, llm)| {
                telemetry.partial().tool_repeated(name, attempts, llm);
            },
        );
    }

    /// A tool failed, or was called with wrong arguments.
    #[pyo3(
        signature = (tool=None, attempts=None, llm=None, *extra, **unknown),
        text_signature = "($self, tool, attempts=1, llm=None)"
    )]
    fn tool_failed(
        &self,
        tool: Given<'_, '_>,
        attempts: Given<'_, '_>,
        llm: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        unknown: Option<Unknown<'_, '_>>,
    ) {
        self.record(
            extra,
            unknown,
            |reader| events::call(reader, tool, attempts, llm),
            |telemetry, (name, attempts, llm)| telemetry.partial().tool_failed(name, attempts, llm),
        );
    }

    /// A flow of the class ``name`` starts; ``origin`` is ``"user"``, or ``"internal"`` for the framework's own flows.
    #[pyo3(
        signature = (name=None, *extra, origin=None, started=None, **unknown),
        text_signature = "($self, name, *, origin='user', started=None)"
    )]
    fn flow(
        &self,
        name: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        origin: Given<'_, '_>,
        started: Given<'_, '_>,
        unknown: Option<Unknown<'_, '_>>,
    ) -> FlowRun {
        FlowRun::begin(
            self.client(),
            Reader::new(extra, unknown),
            name,
            origin,
            started,
        )
    }

    /// A paused flow resumes, or a conversational flow starts.
    #[pyo3(
        signature = (name=None, *extra, origin=None, is_conversational=None, **unknown),
        text_signature = "($self, name, *, origin='user', is_conversational=False)"
    )]
    fn flow_resumed(
        &self,
        name: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        origin: Given<'_, '_>,
        is_conversational: Given<'_, '_>,
        unknown: Option<Unknown<'_, '_>>,
    ) -> FlowRun {
        FlowRun::resume(
            self.client(),
            Reader::new(extra, unknown),
            name,
            origin,
            is_conversational,
        )
    }

    /// A flow of the class ``name`` was created.
    #[pyo3(signature = (name=None, *extra, origin=None, **unknown), text_signature = "($self, name, *, origin='user')")]
    fn flow_created(
        &self,
        name: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        origin: Given<'_, '_>,
        unknown: Option<Unknown<'_, '_>>,
    ) {
        self.record(
            extra,
            unknown,
            |reader| events::flow(reader, name, origin),
            |telemetry, (name, origin)| telemetry.partial().flow_created(name, origin),
        );
    }

    /// A flow was plotted.
    #[pyo3(signature = (name=None, *extra, origin=None, **unknown), text_signature = "($self, name, *, origin='user')")]
    fn flow_plotted(
        &self,
        name: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        origin: Given<'_, '_>,
        unknown: Option<Unknown<'_, '_>>,
    ) {
        self.record(
            extra,
            unknown,
            |reader| events::flow(reader, name, origin),
            |telemetry, (name, origin)| telemetry.partial().flow_plotted(name, origin),
        );
    }

    /// A deployment is attempted from ``source``, ``"cli"`` or ``"tui"``. Nothing is recorded before its first step.
    #[pyo3(signature = (source=None, *extra, **unknown), text_signature = "($self, source)")]
    fn deployment(
        &self,
        source: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        unknown: Option<Unknown<'_, '_>>,
    ) -> Deployment {
        Deployment::begin(self.client(), Reader::new(extra, unknown), source)
    }

    /// A flow asks a person for feedback, to be mapped to one of ``outcomes`` labels if ``has_routing``.
    #[pyo3(signature = (has_routing=None, outcomes=None, *extra, **unknown), text_signature = "($self, has_routing, outcomes)")]
    fn feedback_requested(
        &self,
        has_routing: Given<'_, '_>,
        outcomes: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        unknown: Option<Unknown<'_, '_>>,
    ) {
        self.record(
            extra,
            unknown,
            |reader| (reader.boolean(has_routing), reader.integer(outcomes)),
            |telemetry, (has_routing, outcomes)| {
                telemetry
                    .partial()
                    .feedback_requested(has_routing, outcomes);
            },
        );
    }

    /// A person answered, or did not; ``outcome`` is the label that the answer was mapped to. The feedback itself is never recorded.
    #[pyo3(signature = (was_given=None, outcome=None, *extra, **unknown), text_signature = "($self, was_given, outcome=None)")]
    fn feedback_received(
        &self,
        was_given: Given<'_, '_>,
        outcome: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        unknown: Option<Unknown<'_, '_>>,
    ) {
        self.record(
            extra,
            unknown,
            |reader| (reader.boolean(was_given), reader.text(outcome)),
            |telemetry, (was_given, outcome)| {
                telemetry.partial().feedback_received(was_given, outcome);
            },
        );
    }

    /// A feature was used, such as ``"memory:save"``: an identifier of at most 128 characters.
    #[pyo3(signature = (feature=None, *extra, **unknown), text_signature = "($self, feature)")]
    fn feature_used(
        &self,
        feature: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        unknown: Option<Unknown<'_, '_>>,
    ) {
        self.record(
            extra,
            unknown,
            |reader| reader.needed_text(feature),
            |telemetry, feature| telemetry.partial().feature_used(feature),
        );
    }

    /// An evaluation compared ``models``. ``authenticated`` tells whether the user was signed in.
    #[pyo3(
        signature = (feature=None, authenticated=None, models=None, *extra, **unknown),
        text_signature = "($self, feature, authenticated, models)"
    )]
    fn evaluation_used(
        &self,
        feature: Given<'_, '_>,
        authenticated: Given<'_, '_>,
        models: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        unknown: Option<Unknown<'_, '_>>,
    ) {
        self.record(
            extra,
            unknown,
            |reader| events::evaluation(reader, feature, authenticated, models),
            events::record_evaluation,
        );
    }

    /// A project was created: ``"crew"``, ``"json_crew"``, ``"flow"`` or ``"agent"``. ``project`` never leaves this machine; a keyed
    /// hash stands for it.
    #[pyo3(signature = (kind=None, project=None, *extra, **unknown), text_signature = "($self, kind, project=None)")]
    fn project_created(
        &self,
        kind: Given<'_, '_>,
        project: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        unknown: Option<Unknown<'_, '_>>,
    ) {
        self.record(
            extra,
            unknown,
            |reader| (reader.word(kind), reader.text(project)),
            |telemetry, (kind, project)| telemetry.partial().project_created(kind, project),
        );
    }

    /// A published template was installed.
    #[pyo3(signature = (template=None, *extra, **unknown), text_signature = "($self, template)")]
    fn template_installed(
        &self,
        template: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        unknown: Option<Unknown<'_, '_>>,
    ) {
        self.record(
            extra,
            unknown,
            |reader| reader.needed_text(template),
            |telemetry, template| telemetry.partial().template_installed(template),
        );
    }

    fn __repr__(&self) -> String {
        format!("Telemetry({})", self.client().decision())
    }
}
