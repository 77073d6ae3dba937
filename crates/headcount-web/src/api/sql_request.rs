//! The body of a request to run a SQL query.

use std::time::Duration;

use axum::extract::Request;
use headcount_problem::Problem;
use http::header::CONTENT_TYPE;
use serde::Deserialize;

use crate::request_body::read_body;

/// A SQL query and the requested format of the answer.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SqlRequest {
    pub(super) query: String,
    #[serde(default)]
    pub(super) format: Option<String>,
    /// Whether an HTML form sent it; the answer is then a download.
    #[serde(skip)]
    pub(super) is_form: bool,
}

/// Reads plain text, JSON (`{"query": "…"}`), or a form's `query` and `format`, by content type.
///
/// # Errors
/// The body is late, too large or invalid.
pub(super) async fn read(request: Request, timeout: Duration) -> Result<SqlRequest, Problem> {
    let content_type = request.headers().get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next());
    let essence = essence.unwrap_or_default().trim().to_ascii_lowercase();
    let bytes = read_body(request, timeout).await?;
    match essence.as_str() {
        "application/json" => serde_json::from_slice(&bytes).map_err(|error| {
            let detail = format!("expected {{\"query\": \"SELECT …\"}}: {error}");
            Problem::bad_request("invalid query", detail)
        }),
        // curl sends this content type by default: it is a form only if it has a form's fields.
        "application/x-www-form-urlencoded" if is_form(&bytes) => read_form(&bytes),
        _ => {
            let query = String::from_utf8(bytes.to_vec()).map_err(|_| {
                Problem::bad_request("invalid query", "the query is not valid UTF-8")
            })?;
            Ok(SqlRequest {
                query,
                ..SqlRequest::default()
            })
        }
    }
}

fn is_form(bytes: &[u8]) -> bool {
    bytes.starts_with(b"query=") || bytes.starts_with(b"format=")
}

fn read_form(bytes: &[u8]) -> Result<SqlRequest, Problem> {
    let mut sql_request = SqlRequest {
        is_form: true,
        ..SqlRequest::default()
    };
    for (name, value) in url::form_urlencoded::parse(bytes) {
        match name.as_ref() {
            "query" => sql_request.query = value.into_owned(),
            "format" => sql_request.format = Some(value.into_owned()),
            other => {
                let detail = format!("unknown form field {other:?}; expected query and format");
                return Err(Problem::bad_request("invalid query", detail));
            }
        }
    }
    Ok(sql_request)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_as(content_type: &str, body: &'static str) -> Result<SqlRequest, Problem> {
        let request = Request::builder().header(CONTENT_TYPE, content_type);
        let request = request.body(axum::body::Body::from(body)).unwrap();
        read(request, Duration::from_secs(5)).await
    }

    #[tokio::test]
    async fn a_query_is_read_as_text_json_or_form() {
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
            assert_eq!(read_as(content_type, body).await.unwrap().query, "SELECT 1");
        }
        assert!(read_as(form, "query=a&where=b").await.is_err());
        assert!(read_as("application/json", "{\"q\": 1}").await.is_err());
    }
}
