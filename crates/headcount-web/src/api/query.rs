//! A query in SQL as it arrives.

use std::time::Duration;

use axum::extract::Request;
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt as _, Limited};
use serde::Deserialize;

use crate::problem::Problem;

/// The longest request body, in bytes.
const LONGEST: usize = 128 * 1024;

/// A query, and the form that its sender wants the answer in.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    pub(super) query: String,
    #[serde(default)]
    pub(super) format: Option<String>,
    /// Whether a form of a page sent it: the answer is a file then.
    #[serde(skip)]
    pub(super) is_form: bool,
}

/// Reads plain text, `{"query": "…"}` where the content type says JSON, or a form's `query` and `format`.
///
/// # Errors
/// It is late, too long, or cannot be read.
pub(super) async fn read(request: Request, patience: Duration) -> Result<Asked, Problem> {
    let content_type = request.headers().get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next());
    let essence = essence.unwrap_or_default().trim().to_ascii_lowercase();
    let bytes = receive(request, patience).await?;
    match essence.as_str() {
        "application/json" => serde_json::from_slice(&bytes).map_err(|error| {
            let detail = format!("expected {{\"query\": \"SELECT …\"}}: {error}");
            Problem::bad("the query cannot be read", detail)
        }),
        // curl says so of whatever it sends: only what has a form's fields is one.
        "application/x-www-form-urlencoded" if is_form(&bytes) => read_form(&bytes),
        _ => {
            let query = String::from_utf8(bytes.to_vec())
                .map_err(|_| Problem::bad("the query cannot be read", "the query is not UTF-8"))?;
            Ok(Asked {
                query,
                ..Asked::default()
            })
        }
    }
}

/// A body within the limits of size and time.
pub(crate) async fn receive(request: Request, patience: Duration) -> Result<Bytes, Problem> {
    let arriving = Limited::new(request.into_body(), LONGEST).collect();
    let body = tokio::time::timeout(patience, arriving)
        .await
        .map_err(|_| {
            let detail = format!("it did not arrive within {} s", patience.as_secs());
            Problem::new(StatusCode::REQUEST_TIMEOUT, "the request is late", detail)
        })?
        .map_err(|_| {
            let detail = format!("at most {LONGEST} bytes are read");
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            Problem::new(status, "the request is too long", detail)
        })?;
    Ok(body.to_bytes())
}

fn is_form(bytes: &[u8]) -> bool {
    bytes.starts_with(b"query=") || bytes.starts_with(b"format=")
}

fn read_form(bytes: &[u8]) -> Result<Asked, Problem> {
    let mut asked = Asked {
        is_form: true,
        ..Asked::default()
    };
    for (name, value) in url::form_urlencoded::parse(bytes) {
        match name.as_ref() {
            "query" => asked.query = value.into_owned(),
            "format" => asked.format = Some(value.into_owned()),
            other => {
                let detail = format!("the form has a field {other:?}; expected query and format");
                return Err(Problem::bad("the query cannot be read", detail));
            }
        }
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn asked(content_type: &str, body: &'static str) -> Result<Asked, Problem> {
        let request = Request::builder().header(CONTENT_TYPE, content_type);
        let request = request.body(axum::body::Body::from(body)).unwrap();
        read(request, Duration::from_secs(5)).await
    }

    #[tokio::test]
    async fn a_query_comes_as_text_as_json_or_as_a_form() {
        let form = "application/x-www-form-urlencoded";
        for (content_type, body) in [
            ("text/plain", "SELECT 1"),
            (
                "application/json; charset=utf-8",
                "{\"query\": \"SELECT 1\"}",
            ),
            (form, "query=SELECT+1&format=csv"),
            (form, "SELECT 1"),
        ] {
            assert_eq!(asked(content_type, body).await.unwrap().query, "SELECT 1");
        }
        assert!(asked(form, "query=a&where=b").await.is_err());
        assert!(asked("application/json", "{\"q\": 1}").await.is_err());
    }
}
