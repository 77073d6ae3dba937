//! The OTLP resource of every request: which framework sends it, and where it runs.

use headcount_wire::RequestEncoder;

use super::host::HostEnvironment;
use crate::fields::{execution_environment, versions};
use crate::model::Runtime;

/// The resource. It does not change during the life of one [`crate::Telemetry`].
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) framework: String,
    pub(crate) version: String,
    pub(crate) runtime: Runtime,
    pub(crate) runtime_version: Option<String>,
    pub(crate) host: HostEnvironment,
}

impl Resource {
    /// Begins a request: writes the resource and the client's scope.
    pub(crate) fn begin(&self, request: &mut RequestEncoder) {
        let _ = request
            .resource(|attributes| {
                attributes.string("service.name", "headcount");
                attributes.string(versions::FRAMEWORK.key, &self.framework);
                if !self.version.is_empty() {
                    attributes.string(versions::FRAMEWORK_VERSION.key, &self.version);
                }
                attributes.string(versions::RUNTIME.key, self.runtime.as_str());
                if let Some(version) = &self.runtime_version {
                    attributes.string(versions::RUNTIME_VERSION.key, version);
                }
                if let Some(agent) = self.host.coding_agent {
                    attributes.string(execution_environment::CODING_AGENT.key, agent);
                }
                let context = self.host.runtime_context;
                attributes.string(execution_environment::RUNTIME_CONTEXT.key, context);
                let band = self.host.cpu_band;
                attributes.string(execution_environment::CPU_BAND.key, band);
            })
            .scope("headcount", env!("CARGO_PKG_VERSION"));
    }
}
