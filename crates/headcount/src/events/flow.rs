//! Flows (category `flow_lifecycle`). Names of methods have no place here.

use std::cell::Cell;
use std::sync::Arc;

use crate::fields::flow_lifecycle;
use crate::model::{FlowEvent, FlowOrigin, Outcome};
use crate::recorder::Event;
use crate::{Telemetry, clock};

/// A flow at work, from [`Telemetry::flow_started`] until it is completed, paused, or dropped: then it has failed.
#[derive(Debug)]
pub struct FlowRun {
    telemetry: Telemetry,
    name: Arc<str>,
    origin: FlowOrigin,
    is_resumed: bool,
    is_conversational: bool,
    start_nanos: u64,
    end: Option<FlowEvent>,
}

impl Telemetry {
    /// A flow of the class `name` was made. Free text of at most 128 characters.
    pub fn flow_created(&self, name: &str, origin: FlowOrigin) {
        self.flow(name, origin, FlowEvent::Created);
    }

    /// A flow was drawn.
    pub fn flow_plotted(&self, name: &str, origin: FlowOrigin) {
        self.flow(name, origin, FlowEvent::Plotted);
    }

    /// A flow starts.
    #[must_use = "the run records how the flow ends; dropped at once it says that the flow failed"]
    pub fn flow_started(&self, name: impl Into<Arc<str>>, origin: FlowOrigin) -> FlowRun {
        self.flow_begun(name.into(), origin, false, false)
    }

    /// A flow that was paused goes on, or one that is a conversation starts.
    #[must_use = "the run records how the flow ends; dropped at once it says that the flow failed"]
    pub fn flow_resumed(
        &self,
        name: impl Into<Arc<str>>,
        origin: FlowOrigin,
        is_conversational: bool,
    ) -> FlowRun {
        self.flow_begun(name.into(), origin, true, is_conversational)
    }

    fn flow_begun(
        &self,
        name: Arc<str>,
        origin: FlowOrigin,
        is_resumed: bool,
        is_conversational: bool,
    ) -> FlowRun {
        let is_recording = self.is_recording();
        self.record(
            || Event::now("Flow"),
            |span| {
                span.word(flow_lifecycle::EVENT, FlowEvent::Started.as_str());
                span.free_text(flow_lifecycle::FLOW_NAME, &*name);
                span.word(flow_lifecycle::ORIGIN, origin.as_str());
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
            start_nanos: if is_recording { clock::now_nanos() } else { 0 },
            end: None,
        }
    }

    fn flow(&self, name: &str, origin: FlowOrigin, event: FlowEvent) {
        self.record(
            || Event::now("Flow"),
            |span| {
                span.word(flow_lifecycle::EVENT, event.as_str());
                span.free_text(flow_lifecycle::FLOW_NAME, name);
                span.word(flow_lifecycle::ORIGIN, origin.as_str());
            },
        );
    }
}

impl FlowRun {
    /// The flow is done.
    pub fn complete(mut self) {
        self.end = Some(FlowEvent::Completed);
    }

    /// The flow waits for somebody.
    pub fn pause(mut self) {
        self.end = Some(FlowEvent::Paused);
    }

    /// One of the flow's methods failed, with an error of this class, such as `TimeoutError`; never its message.
    #[inline]
    pub fn method_failed(&self, error_type: &str) {
        self.record(FlowEvent::MethodFailed, None, Some(error_type));
    }

    #[inline]
    fn record(&self, event: FlowEvent, outcome: Option<Outcome>, error_type: Option<&str>) {
        let now = Cell::new(0);
        self.telemetry.record(
            || {
                let event = Event::now("Flow");
                now.set(event.end_nanos);
                event
            },
            |span| {
                span.word(flow_lifecycle::EVENT, event.as_str());
                span.free_text(flow_lifecycle::FLOW_NAME, &*self.name);
                span.word(flow_lifecycle::ORIGIN, self.origin.as_str());
                span.boolean(flow_lifecycle::RESUMED, self.is_resumed);
                span.boolean(flow_lifecycle::CONVERSATIONAL, self.is_conversational);
                let nanos = now.get().saturating_sub(self.start_nanos);
                span.double(flow_lifecycle::DURATION, nanos as f64 / 1e9);
                span.word(flow_lifecycle::OUTCOME, outcome.map(Outcome::as_str));
                span.token(flow_lifecycle::ERROR_TYPE, error_type);
            },
        );
    }
}

impl Drop for FlowRun {
    fn drop(&mut self) {
        match self.end {
            Some(FlowEvent::Paused) => self.record(FlowEvent::Paused, None, None),
            Some(_) => self.record(FlowEvent::Completed, Some(Outcome::Completed), None),
            None => self.record(FlowEvent::Completed, Some(Outcome::Failed), None),
        }
        self.telemetry.hurry();
    }
}
