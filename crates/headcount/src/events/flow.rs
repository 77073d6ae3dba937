//! Flows (category `flow_lifecycle`). Names of methods are never recorded.

use std::sync::Arc;
use std::time::SystemTime;

use crate::fields::flow_lifecycle;
use crate::model::{FlowEvent, FlowOrigin, Outcome};
use crate::platform;
use crate::platform::clock::Stopwatch;
use crate::record::Event;
use crate::telemetry::Telemetry;

/// A flow's run, from [`Telemetry::flow_started`] until it completes, pauses, or is dropped, which means that it failed. A
/// forked child's copy records nothing when it is dropped.
#[derive(Debug)]
pub struct FlowRun {
    telemetry: Telemetry,
    name: Option<Arc<str>>,
    origin: Option<FlowOrigin>,
    is_resumed: bool,
    is_conversational: Option<bool>,
    watch: Stopwatch,
    generation: u32,
    has_failed: bool,
    end: Option<FlowEvent>,
}

impl Telemetry {
    /// A flow of the class `name` was created. Free text of at most 128 characters.
    pub fn flow_created(&self, name: &str, origin: FlowOrigin) {
        self.flow(Some(name), Some(origin), FlowEvent::Created);
    }

    /// A flow was plotted.
    pub fn flow_plotted(&self, name: &str, origin: FlowOrigin) {
        self.flow(Some(name), Some(origin), FlowEvent::Plotted);
    }

    /// A flow starts.
    #[must_use = "the run records how the flow ends; dropped at once it says that the flow failed"]
    pub fn flow_started(&self, name: impl Into<Arc<str>>, origin: FlowOrigin) -> FlowRun {
        self.flow_begun(Some(name.into()), Some(origin), false, Some(false))
    }

    /// A paused flow resumes, or a conversational flow starts.
    #[must_use = "the run records how the flow ends; dropped at once it says that the flow failed"]
    pub fn flow_resumed(
        &self,
        name: impl Into<Arc<str>>,
        origin: FlowOrigin,
        is_conversational: bool,
    ) -> FlowRun {
        self.flow_begun(
            Some(name.into()),
            Some(origin),
            true,
            Some(is_conversational),
        )
    }

    pub(super) fn flow_begun(
        &self,
        name: Option<Arc<str>>,
        origin: Option<FlowOrigin>,
        is_resumed: bool,
        is_conversational: Option<bool>,
    ) -> FlowRun {
        self.check_switches();
        let watch = match self.is_recording() {
            true => Stopwatch::begin(),
            false => Stopwatch::never(),
        };
        self.record(
            || Event::now("Flow"),
            |span| {
                span.enumerated(flow_lifecycle::EVENT, FlowEvent::Started.as_str());
                span.free_text(flow_lifecycle::FLOW_NAME, name.as_deref());
                span.enumerated(flow_lifecycle::ORIGIN, origin.map(|origin| origin.as_str()));
                span.boolean(flow_lifecycle::RESUMED, is_resumed);
                span.boolean(flow_lifecycle::CONVERSATIONAL, is_conversational);
            },
        );
        FlowRun {
            telemetry: self.clone(),
            name,
            origin,
            is_resumed,
            is_conversational,
            watch,
            generation: platform::generation(),
            has_failed: false,
            end: None,
        }
    }

    pub(super) fn flow(&self, name: Option<&str>, origin: Option<FlowOrigin>, event: FlowEvent) {
        self.record(
            || Event::now("Flow"),
            |span| {
                span.enumerated(flow_lifecycle::EVENT, event.as_str());
                span.free_text(flow_lifecycle::FLOW_NAME, name);
                span.enumerated(flow_lifecycle::ORIGIN, origin.map(|origin| origin.as_str()));
            },
        );
    }
}

impl FlowRun {
    /// Sets an earlier start; a time in the future counts as now.
    #[must_use]
    pub fn since(mut self, start: SystemTime) -> Self {
        self.watch = Stopwatch::since(start);
        self
    }

    /// The flow completed.
    pub fn complete(mut self) {
        self.end = Some(FlowEvent::Completed);
    }

    /// The flow failed.
    pub fn fail(mut self) {
        self.has_failed = true;
    }

    /// The flow pauses until a person answers.
    pub fn pause(mut self) {
        self.end = Some(FlowEvent::Paused);
    }

    /// One of the flow's methods failed, with an error of this class, such as `TimeoutError`. Its message is never recorded.
    #[inline]
    pub fn method_failed(&self, error_type: &str) {
        self.record(FlowEvent::MethodFailed, None, Some(error_type));
    }

    #[inline]
    pub(super) fn record(
        &self,
        event: FlowEvent,
        outcome: Option<Outcome>,
        error_type: Option<&str>,
    ) {
        self.telemetry.record(
            || Event::now("Flow"),
            |span| {
                span.enumerated(flow_lifecycle::EVENT, event.as_str());
                span.free_text(flow_lifecycle::FLOW_NAME, self.name.as_deref());
                span.enumerated(
                    flow_lifecycle::ORIGIN,
                    self.origin.map(|origin| origin.as_str()),
                );
                span.boolean(flow_lifecycle::RESUMED, self.is_resumed);
                span.boolean(flow_lifecycle::CONVERSATIONAL, self.is_conversational);
                let seconds = self.watch.nanos() as f64 / 1e9;
                span.double(flow_lifecycle::DURATION, seconds);
                span.enumerated(flow_lifecycle::OUTCOME, outcome.map(Outcome::as_str));
                span.identifier(flow_lifecycle::ERROR_TYPE, error_type);
            },
        );
    }
}

impl Drop for FlowRun {
    fn drop(&mut self) {
        let is_ended = self.end.is_some() || self.has_failed;
        if !is_ended && self.generation != platform::generation() {
            return;
        }
        self.telemetry.check_switches();
        match self.end {
            Some(FlowEvent::Paused) => self.record(FlowEvent::Paused, None, None),
            Some(_) => self.record(FlowEvent::Completed, Some(Outcome::Completed), None),
            None => self.record(FlowEvent::Completed, Some(Outcome::Failed), None),
        }
        self.telemetry.hurry();
    }
}
