//! Events with missing values: for bindings of other languages, whose callers may pass any value.

use std::sync::Arc;

use super::crew_run::CrewRun;
use super::deployment::Deployment;
use super::flow::FlowRun;
use crate::model::{
    Content, DeploymentFailure, DeploymentSource, DeploymentStep, FlowEvent, FlowOrigin,
    ProjectKind, ToolOutcome,
};
use crate::telemetry::Telemetry;

/// The calls of `T` with values that may be missing: `None` is not sent, everything else is.
///
/// Values that are known to be wrong are counted with [`Telemetry::refuse_values`].
///
/// ```
/// let telemetry = headcount::Telemetry::off();
/// telemetry.partial().tool_used(None, Some(1), Some("gpt-4o-mini"));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Partial<'a, T>(&'a T);

impl Telemetry {
    /// Calls with values that may be missing.
    #[must_use]
    pub fn partial(&self) -> Partial<'_, Self> {
        Partial(self)
    }
}

impl CrewRun {
    /// Calls with values that may be missing.
    #[must_use]
    pub fn partial(&self) -> Partial<'_, Self> {
        Partial(self)
    }
}

impl FlowRun {
    /// Calls with values that may be missing.
    #[must_use]
    pub fn partial(&self) -> Partial<'_, Self> {
        Partial(self)
    }
}

impl Deployment {
    /// Calls with values that may be missing.
    #[must_use]
    pub fn partial(&self) -> Partial<'_, Self> {
        Partial(self)
    }
}

impl Partial<'_, Telemetry> {
    /// As [`Telemetry::tool_used`].
    #[inline]
    pub fn tool_used(self, name: Option<&str>, attempts: Option<i64>, llm: Option<&str>) {
        self.0.tool(name, attempts, llm, ToolOutcome::Used);
    }

    /// As [`Telemetry::tool_repeated`].
    #[inline]
    pub fn tool_repeated(self, name: Option<&str>, attempts: Option<i64>, llm: Option<&str>) {
        self.0.tool(name, attempts, llm, ToolOutcome::Repeated);
    }

    /// As [`Telemetry::tool_failed`].
    #[inline]
    pub fn tool_failed(self, name: Option<&str>, attempts: Option<i64>, llm: Option<&str>) {
        self.0.tool(name, attempts, llm, ToolOutcome::Error);
    }

    /// As [`Telemetry::flow_created`].
    pub fn flow_created(self, name: Option<&str>, origin: Option<FlowOrigin>) {
        self.0.flow(name, origin, FlowEvent::Created);
    }

    /// As [`Telemetry::flow_plotted`].
    pub fn flow_plotted(self, name: Option<&str>, origin: Option<FlowOrigin>) {
        self.0.flow(name, origin, FlowEvent::Plotted);
    }

    /// As [`Telemetry::flow_started`].
    #[must_use = "the run records how the flow ends; dropped at once it says that the flow failed"]
    pub fn flow_started(self, name: Option<Arc<str>>, origin: Option<FlowOrigin>) -> FlowRun {
        self.0.flow_begun(name, origin, false, Some(false))
    }

    /// As [`Telemetry::flow_resumed`].
    #[must_use = "the run records how the flow ends; dropped at once it says that the flow failed"]
    pub fn flow_resumed(
        self,
        name: Option<Arc<str>>,
        origin: Option<FlowOrigin>,
        is_conversational: Option<bool>,
    ) -> FlowRun {
        self.0.flow_begun(name, origin, true, is_conversational)
    }

    /// As [`Telemetry::deployment`].
    #[must_use]
    pub fn deployment(self, source: Option<DeploymentSource>) -> Deployment {
        self.0.attempt_deployment(source)
    }

    /// As [`Telemetry::feedback_requested`].
    pub fn feedback_requested(self, has_routing: Option<bool>, outcomes: Option<i64>) {
        self.0.request_feedback(has_routing, outcomes);
    }

    /// As [`Telemetry::feedback_received`].
    pub fn feedback_received(self, was_given: Option<bool>, outcome: Option<&str>) {
        self.0.receive_feedback(was_given, outcome);
    }

    /// As [`Telemetry::feature_used`].
    pub fn feature_used(self, feature: Option<&str>) {
        self.0.use_feature(feature);
    }

    /// As [`Telemetry::evaluation_used`].
    pub fn evaluation_used(
        self,
        feature: Option<&str>,
        authenticated: Option<bool>,
        models: Option<&[&str]>,
    ) {
        self.0.evaluation(feature, authenticated, models);
    }

    /// As [`Telemetry::project_created`].
    pub fn project_created(self, kind: Option<ProjectKind>, project: Option<&str>) {
        self.0.create_project(kind, project);
    }

    /// As [`Telemetry::template_installed`].
    pub fn template_installed(self, template: Option<&str>) {
        self.0.install_template(template);
    }
}

impl Partial<'_, FlowRun> {
    /// As [`FlowRun::method_failed`].
    pub fn method_failed(self, error_type: Option<&str>) {
        self.0.record(FlowEvent::MethodFailed, None, error_type);
    }
}

impl Partial<'_, CrewRun> {
    /// As [`CrewRun::test_started`].
    pub fn test_started(
        self,
        iterations: Option<i64>,
        model: Option<&str>,
        inputs: Option<&Content>,
    ) {
        self.0.start_test(iterations, model, inputs);
    }

    /// As [`CrewRun::test_scored`].
    pub fn test_scored(self, quality: Option<f64>, seconds: Option<f64>, model: Option<&str>) {
        self.0.score_test(quality, seconds, model);
    }
}

impl Partial<'_, Deployment> {
    /// As [`Deployment::step`].
    pub fn step(self, step: Option<DeploymentStep>) {
        self.0.record(step, None, None, None);
    }

    /// As [`Deployment::failed`].
    pub fn failed(self, reason: Option<DeploymentFailure>, status: Option<i64>) {
        self.0
            .record(Some(DeploymentStep::Failed), reason, status, None);
    }

    /// As [`Deployment::logs_pulled`].
    pub fn logs_pulled(self, log_type: Option<&str>) {
        self.0
            .record(Some(DeploymentStep::Logs), None, None, log_type);
    }
}
