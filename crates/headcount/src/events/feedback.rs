//! Human feedback (category `human_feedback`): whether it was requested and given, never the feedback itself.

use crate::fields::human_feedback;
use crate::model::FeedbackEvent;
use crate::record::Event;
use crate::telemetry::Telemetry;

impl Telemetry {
    /// A flow asks a person for feedback, to be mapped to one of `outcomes` labels if `has_routing`.
    pub fn feedback_requested(&self, has_routing: bool, outcomes: u32) {
        self.request_feedback(Some(has_routing), Some(outcomes.into()));
    }

    pub(super) fn request_feedback(&self, has_routing: Option<bool>, outcomes: Option<i64>) {
        self.record(
            || Event::now("Human Feedback"),
            |span| {
                span.enumerated(
                    human_feedback::EVENT_TYPE,
                    FeedbackEvent::Requested.as_str(),
                );
                span.boolean(human_feedback::HAS_ROUTING, has_routing);
                span.integer(human_feedback::NUM_OUTCOMES, outcomes);
            },
        );
    }

    /// A person answered, or did not; `outcome` is the label that the answer was mapped to. Free text of at most 128
    /// characters.
    pub fn feedback_received(&self, was_given: bool, outcome: Option<&str>) {
        self.receive_feedback(Some(was_given), outcome);
    }

    pub(super) fn receive_feedback(&self, was_given: Option<bool>, outcome: Option<&str>) {
        self.record(
            || Event::now("Human Feedback"),
            |span| {
                span.enumerated(human_feedback::EVENT_TYPE, FeedbackEvent::Received.as_str());
                span.boolean(human_feedback::FEEDBACK_PROVIDED, was_given);
                span.free_text(human_feedback::OUTCOME, outcome);
            },
        );
    }
}
