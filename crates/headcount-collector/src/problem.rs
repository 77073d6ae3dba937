//! Errors of the query door, as RFC 9457 describes them.

use axum::body::Body;
use axum::response::Response;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde_json::json;

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    title: &'static str,
    detail: String,
    allow: Option<&'static str>,
}

impl Problem {
    /// A problem of the kind `title`; `detail` says what to do about this one.
    pub(crate) fn new(
        status: StatusCode,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Problem {
        Problem {
            status,
            title,
            detail: detail.into(),
            allow: None,
        }
    }

    /// The path is there, for `allow` alone (RFC 9110 §15.5.6).
    pub(crate) fn method_not_allowed(allow: &'static str) -> Problem {
        let detail = "reports and tables are read with GET, SQL is sent with POST";
        Problem {
            allow: Some(allow),
            ..Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed", detail)
        }
    }

    /// As `application/problem+json`.
    pub(crate) fn into_response(self) -> Response {
        let fields = json!({
            "type": "about:blank",
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let mut response = Response::new(Body::from(fields.to_string()));
        *response.status_mut() = self.status;
        let content_type = HeaderValue::from_static("application/problem+json");
        let _none = response.headers_mut().insert(CONTENT_TYPE, content_type);
        if let Some(allow) = self.allow {
            let allow = HeaderValue::from_static(allow);
            let _none = response.headers_mut().insert(ALLOW, allow);
        }
        response
    }
}
