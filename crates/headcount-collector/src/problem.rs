//! Errors of the doors that take JSON, as RFC 9457 describes them.

use axum::body::Body;
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde_json::json;

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    title: &'static str,
    detail: String,
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
        response
    }
}
