//! Which requests read the shared tier, and their lines in the audit log.

use axum::extract::{FromRequestParts as _, RawPathParams};
use headcount_access::{AuditEvent, AuditLog, Principal};
use headcount_reports::find_report;
use http::request::Parts;
use http::{Method, StatusCode};

/// What a request reads of the shared tier.
#[derive(Debug)]
pub(crate) struct SharedRead {
    /// The method and the address, without the id of a crew and without parameters.
    endpoint: String,
}

impl SharedRead {
    /// Of the request; `None` if it reads nothing of the shared tier. Numbers of rows count as nothing.
    pub(crate) async fn of(request: &mut Parts) -> Option<Self> {
        let address = match request.uri.path() {
            "/shared" => "/shared".to_owned(),
            path if path.starts_with("/shared/") => "/shared/{crew}".to_owned(),
            // A query may read both tiers, and an export does.
            path @ ("/sql" | "/api/v1/sql" | "/api/v1/export")
                if request.method == Method::POST =>
            {
                path.to_owned()
            }
            path if path.starts_with("/api/v1/reports/") => {
                // Decoded, as the handler reads it.
                let parameters = RawPathParams::from_request_parts(request, &()).await.ok()?;
                let (_, name) = parameters.iter().find(|(key, _)| *key == "name")?;
                let report = find_report(name).filter(|report| !report.is_publishable())?;
                format!("/api/v1/reports/{}", report.name)
            }
            _ => return None,
        };
        Some(Self {
            endpoint: format!("{} {address}", request.method),
        })
    }

    /// Records that `principal` got a response with this status.
    pub(crate) fn record(self, log: &AuditLog, principal: &Principal, status: StatusCode) {
        log.record(&AuditEvent::read_shared(
            principal,
            self.endpoint,
            status.as_u16(),
        ));
    }
}
