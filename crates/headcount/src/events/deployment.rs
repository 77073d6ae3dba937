//! Deployments with the framework's command line (category `deployment`).

use crate::fields::deployment;
use crate::model::{DeploymentFailure, DeploymentSource, DeploymentStep};
use crate::platform::random::Id;
use crate::record::Event;
use crate::telemetry::Telemetry;

/// One deployment, whose steps are joined by a random id.
///
/// ```
/// use headcount::{DeploymentSource, DeploymentStep, Telemetry};
///
/// let telemetry = Telemetry::off();
/// let deployment = telemetry.deployment(DeploymentSource::Cli);
/// deployment.step(DeploymentStep::Start);
/// deployment.step(DeploymentStep::Create);
/// ```
#[derive(Debug, Clone)]
pub struct Deployment {
    telemetry: Telemetry,
    id: Option<Id>,
    source: Option<DeploymentSource>,
}

impl Telemetry {
    /// A deployment is attempted. Nothing is recorded before its first step.
    #[must_use]
    pub fn deployment(&self, source: DeploymentSource) -> Deployment {
        self.attempt_deployment(Some(source))
    }

    pub(super) fn attempt_deployment(&self, source: Option<DeploymentSource>) -> Deployment {
        Deployment {
            telemetry: self.clone(),
            id: self.is_recording().then(Id::random),
            source,
        }
    }
}

impl Deployment {
    /// A step is attempted.
    pub fn step(&self, step: DeploymentStep) {
        self.record(Some(step), None, None, None);
    }

    /// The deployment failed, for this reason, with this HTTP status if there was one.
    pub fn failed(&self, reason: DeploymentFailure, status: Option<u16>) {
        let status = status.map(i64::from);
        self.record(Some(DeploymentStep::Failed), Some(reason), status, None);
    }

    /// Logs of a part, such as `deployment`, are pulled: an identifier of at most 64 characters. The logs themselves are never
    /// recorded.
    pub fn logs_pulled(&self, log_type: &str) {
        self.record(Some(DeploymentStep::Logs), None, None, Some(log_type));
    }

    pub(super) fn record(
        &self,
        step: Option<DeploymentStep>,
        reason: Option<DeploymentFailure>,
        status: Option<i64>,
        log_type: Option<&str>,
    ) {
        self.telemetry.record(
            || Event::now("Deployment"),
            |span| {
                span.enumerated(deployment::STEP, step.map(|step| step.as_str()));
                span.id(deployment::CREW_ID, self.id);
                span.identifier(deployment::LOG_TYPE, log_type);
                span.enumerated(
                    deployment::SOURCE,
                    self.source.map(|source| source.as_str()),
                );
                span.enumerated(deployment::REASON, reason.map(|reason| reason.as_str()));
                span.integer(deployment::STATUS_CODE, status);
            },
        );
    }
}
