//! Which crews a request is about: the body of an order to erase, and of an export.

use std::time::Duration;

use axum::extract::Request;
use headcount_lake::CrewSelection;
use headcount_problem::Problem;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::request_body::read_body;

/// The names of crews in a body.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Crews {
    crew_keys: Vec<String>,
    crew_ids: Vec<String>,
    projects: Vec<String>,
}

impl Crews {
    /// The selection.
    ///
    /// # Errors
    /// 400 where it names nothing, too much, or a value that cannot be stored.
    pub(super) fn selection(self) -> Result<CrewSelection, Problem> {
        let selection = CrewSelection {
            crew_keys: self.crew_keys,
            crew_ids: self.crew_ids,
            projects: self.projects,
        };
        let checked = selection.checked();
        checked.map_err(|error| Problem::bad_request("invalid selection", error.to_string()))
    }
}

/// Reads a body of JSON.
///
/// # Errors
/// The body is late, too large, of another type or form. Nothing of it is repeated.
pub(super) async fn read<T: DeserializeOwned>(
    request: Request,
    timeout: Duration,
) -> Result<T, Problem> {
    let content_type = request.headers().get(CONTENT_TYPE);
    let content_type = content_type.map(HeaderValue::as_bytes);
    if !content_type.is_some_and(|value| value.starts_with(b"application/json")) {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let detail = "send application/json";
        return Err(Problem::new(status, "unsupported media type", detail));
    }
    let bytes = read_body(request, timeout).await?;
    serde_json::from_slice(&bytes).map_err(|_| {
        let detail = "expected {\"crew_keys\": [\"16 hexadecimal digits\", …], \"crew_ids\": […], \"projects\": […]}";
        Problem::bad_request("invalid selection", detail)
    })
}
