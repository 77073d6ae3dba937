//! Problem details for HTTP APIs (RFC 9457): the errors of the erase endpoint, the query API and the dashboard.
//!
//! A [`Problem`] is a status, a short title that names the kind of problem, and a detail about this occurrence that says
//! how to fix it. As an axum response it is `application/problem+json`.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::json;

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// The kind of problem; the same for every occurrence.
    pub title: &'static str,
    /// This occurrence, and how to fix it.
    pub detail: String,
    /// When the client may try again (`Retry-After`, RFC 9110 §10.2.3); whole seconds are sent.
    pub retry_after: Option<Duration>,
}

impl Problem {
    /// A problem of the kind `title`.
    pub fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            title,
            detail: detail.into(),
            retry_after: None,
        }
    }

    /// The same with the time after which the client may try again.
    #[must_use]
    pub fn retry_after(self, time: Duration) -> Self {
        Self {
            retry_after: Some(time),
            ..self
        }
    }

    /// 400: the request is malformed or asks for something that is not offered.
    pub fn bad_request(title: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, title, detail)
    }

    /// 404: no resource has this address.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not found", detail)
    }

    /// 500: the server failed.
    pub fn internal(title: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, title, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let members = json!({
            "type": "about:blank",
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let mut response = Response::new(Body::from(members.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let content_type = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, content_type);
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 9110 §15.5.2 requires a challenge.
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(time) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(time.as_secs().max(1)));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_problem_json_with_a_challenge_where_credentials_are_missing() {
        let response = Problem::not_found("no such report").into_response();
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert!(!response.headers().contains_key(WWW_AUTHENTICATE));
        let response = Problem::new(StatusCode::UNAUTHORIZED, "t", "d").into_response();
        assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer");
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "t", "d");
        let response = problem.retry_after(Duration::from_secs(7)).into_response();
        assert_eq!(response.headers()[RETRY_AFTER], "7");
    }
}
