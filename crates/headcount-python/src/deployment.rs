use headcount as client;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::boundary::contain_panic;
use crate::handle::count;
use crate::reading::{Given, Reader, Unknown};

/// One deployment with the framework's command line, whose steps are joined by a random id.
///
/// >>> import headcount
/// >>> deployment = headcount.Telemetry.off().deployment("cli")
/// >>> deployment.step("start")
/// >>> deployment.failed("api_4xx", 422)
#[pyclass(frozen, weakref, module = "headcount")]
pub(crate) struct Deployment {
    telemetry: client::Telemetry,
    inner: client::Deployment,
}

impl Deployment {
    pub(crate) fn begin(
        telemetry: client::Telemetry,
        mut reader: Reader,
        source: Given<'_, '_>,
    ) -> Self {
        let source = reader.word(source);
        count(&telemetry, &reader);
        let inner = telemetry.partial().deployment(source);
        Self { telemetry, inner }
    }
}

#[pymethods]
impl Deployment {
    /// A step is attempted: ``"signup_error"``, ``"start"``, ``"create"``, ``"created"``, ``"failed"``, ``"logs"`` or
    /// ``"remove"``.
    #[pyo3(signature = (step=None, *extra, **unknown), text_signature = "($self, step)")]
    fn step(
        &self,
        step: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        unknown: Option<Unknown<'_, '_>>,
    ) {
        let mut reader = Reader::new(extra, unknown);
        let step = reader.word(step);
        self.telemetry.refuse_values(reader.refused());
        contain_panic(|| self.inner.partial().step(step));
    }

    /// The deployment failed: ``"api_4xx"``, ``"api_5xx"``, ``"invalid_json"``, ``"invalid_creation_response"``,
    /// ``"network_error"``, ``"zip_error"``, ``"user_declined"`` or ``"unexpected"``, with the HTTP status if there was one.
    #[pyo3(signature = (reason=None, status=None, *extra, **unknown), text_signature = "($self, reason, status=None)")]
    fn failed(
        &self,
        reason: Given<'_, '_>,
        status: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        unknown: Option<Unknown<'_, '_>>,
    ) {
        let mut reader = Reader::new(extra, unknown);
        let (reason, status) = (reader.word(reason), reader.integer(status));
        self.telemetry.refuse_values(reader.refused());
        contain_panic(|| self.inner.partial().failed(reason, status));
    }

    /// Logs of a part, such as ``"deployment"``, are pulled. The logs themselves are never recorded.
    #[pyo3(signature = (log_type=None, *extra, **unknown), text_signature = "($self, log_type)")]
    fn logs_pulled(
        &self,
        log_type: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        unknown: Option<Unknown<'_, '_>>,
    ) {
        let mut reader = Reader::new(extra, unknown);
        let log_type = reader.text(log_type);
        self.telemetry.refuse_values(reader.refused());
        contain_panic(|| self.inner.partial().logs_pulled(log_type));
    }
}
