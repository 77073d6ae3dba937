//! Errors of the query door, as RFC 9457 describes them.

use axum::body::Body;
use axum::response::Response;
use http::{StatusCode, header};
use serde_json::json;

/// An `application/problem+json` answer.
pub(crate) fn problem(status: StatusCode, title: &str, detail: &str) -> Response {
    let text = json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail }).to_string();
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let content_type = http::HeaderValue::from_static("application/problem+json");
    let _none = response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}
