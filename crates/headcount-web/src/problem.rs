//! Errors of the API, as RFC 9457 describes them.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use headcount_reports::ReportError;
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::json;

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) title: &'static str,
    pub(crate) detail: String,
}

impl Problem {
    /// A problem of the kind `title`; `detail` says what to do about this one.
    pub(crate) fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            title,
            detail: detail.into(),
        }
    }

    /// The request cannot be understood.
    pub(crate) fn bad(title: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, title, detail)
    }

    /// Nothing is at this address.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not found", detail)
    }
}

impl From<&ReportError> for Problem {
    fn from(error: &ReportError) -> Self {
        let status = match error {
            ReportError::UnknownReport { .. } => StatusCode::NOT_FOUND,
            error if error.is_the_askers() => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, "there is no answer", error.to_string())
    }
}

impl IntoResponse for Problem {
    /// As `application/problem+json`.
    fn into_response(self) -> Response {
        let fields = json!({
            "type": "about:blank",
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let mut response = Response::new(Body::from(fields.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let content_type = HeaderValue::from_static("application/problem+json");
        let _none = headers.insert(CONTENT_TYPE, content_type);
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 9110 §15.5.2 asks for a challenge.
            let _none = headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
