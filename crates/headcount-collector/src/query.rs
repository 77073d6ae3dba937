//! The query door: reports, SQL and tables as JSON or CSV, for `--url` and for scripts. It answers on loopback only.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use headcount_reports::{
    Answer, QueryLimits, ReportError, ReportParameters, Reports, catalog_of_reports,
};
use http::header::{ACCEPT, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use serde::Deserialize;
use serde_json::Value;

use crate::intake::Intake;
use crate::problem::Problem;

/// The media type of an answer with its columns' types and its notes; the command line asks for it.
const ANSWER: &str = "application/vnd.headcount.answer+json";

/// The longest request body of the query door, in bytes.
const QUERY_BYTES: usize = 128 * 1024;

/// The query door of the HTTP listeners.
#[derive(Debug, Clone)]
pub(crate) struct QueryDoor {
    pub(crate) intake: Arc<Intake>,
    pub(crate) limits: QueryLimits,
    /// How long a question may take to arrive.
    pub(crate) patience: Duration,
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Rows,
    Answer,
    Csv,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    query: String,
}

impl QueryDoor {
    /// Answers a request below `/api/v1/`; `peer` is only asked whether it is this machine.
    pub(crate) async fn answer(&self, peer: SocketAddr, request: Request<Body>) -> Response {
        let answer = match check_asker(peer, request.headers()) {
            Ok(()) => self.dispatch(request).await,
            Err(problem) => Err(problem),
        };
        answer.unwrap_or_else(Problem::into_response)
    }

    async fn dispatch(&self, request: Request<Body>) -> Result<Response, Problem> {
        let path = request.uri().path().to_owned();
        let format = format_of(&request)?;
        match (request.method(), path.as_str()) {
            (&Method::GET, "/api/v1/reports") => Ok(json(&catalog_of_reports())),
            (&Method::GET, "/api/v1/tables") => Ok(write(&self.reports().await?.tables(), format)),
            (&Method::POST, "/api/v1/sql") => {
                let query = read_query(request, self.patience).await?;
                let answer = self.reports().await?.sql(&query).await;
                answer
                    .map(|answer| write(&answer, format))
                    .map_err(|error| refused(&error))
            }
            (&Method::GET, path) if path.starts_with("/api/v1/reports/") => {
                let name = &path["/api/v1/reports/".len()..];
                let parameters = read_parameters(request.uri().query().unwrap_or_default())?;
                let answer = self.reports().await?.report(name, &parameters).await;
                answer
                    .map(|answer| write(&answer, format))
                    .map_err(|error| refused(&error))
            }
            (_, "/api/v1/sql") => Err(Problem::method_not_allowed("POST")),
            (_, path)
                if matches!(path, "/api/v1/reports" | "/api/v1/tables")
                    || path.starts_with("/api/v1/reports/") =>
            {
                Err(Problem::method_not_allowed("GET"))
            }
            _ => Err(Problem::new(
                StatusCode::NOT_FOUND,
                "not found",
                "the doors are /api/v1/reports, /api/v1/sql and /api/v1/tables",
            )),
        }
    }

    async fn reports(&self) -> Result<Reports, Problem> {
        let snapshot = self.intake.snapshot().await.map_err(|error| {
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the store cannot be read",
                error.to_string(),
            )
        })?;
        Ok(Reports::new(&snapshot, self.limits))
    }
}

/// Questions are for this machine alone.
fn check_asker(peer: SocketAddr, headers: &HeaderMap) -> Result<(), Problem> {
    let forbidden = |title, detail: &str| Err(Problem::new(StatusCode::FORBIDDEN, title, detail));
    if !peer.ip().is_loopback() {
        let detail =
            "questions are answered on this machine alone; ask with --data or through a tunnel";
        return forbidden("not on this machine", detail);
    }
    if !names_loopback(headers) {
        let detail = "the Host header names another host than this machine";
        return forbidden("another host", detail);
    }
    Ok(())
}

/// A name that resolves to this machine may be anybody's: only these are sure (DNS rebinding).
fn names_loopback(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST) else {
        return true;
    };
    let Ok(host) = host.to_str() else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

fn format_of(request: &Request<Body>) -> Result<Format, Problem> {
    let query = request.uri().query().unwrap_or_default();
    let named = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "format");
    match named.as_ref().map(|(_, value)| value.as_ref()) {
        Some("json") => return Ok(Format::Rows),
        Some("csv") => return Ok(Format::Csv),
        Some(_) => {
            return Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "unknown format",
                "format is json or csv",
            ));
        }
        None => {}
    }
    let accept = request
        .headers()
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    Ok(match accept {
        accept if accept.contains(ANSWER) => Format::Answer,
        accept if accept.contains("text/csv") => Format::Csv,
        _ => Format::Rows,
    })
}

fn read_parameters(query: &str) -> Result<ReportParameters, Problem> {
    let mut fields = serde_json::Map::new();
    for (name, value) in
        url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "format")
    {
        let value = match (name.as_ref(), value.parse::<u64>()) {
            ("min_crews", Ok(number)) => Value::from(number),
            _ => Value::from(value.into_owned()),
        };
        let _before = fields.insert(name.into_owned(), value);
    }
    serde_json::from_value(Value::Object(fields)).map_err(|error| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "a parameter cannot be read",
            error.to_string(),
        )
    })
}

/// The query of a request: plain text, or `{"query": "…"}` where the content type says JSON.
async fn read_query(request: Request<Body>, patience: Duration) -> Result<String, Problem> {
    let is_json = request
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
    let arriving = Limited::new(request.into_body(), QUERY_BYTES).collect();
    let body = tokio::time::timeout(patience, arriving)
        .await
        .map_err(|_| {
            let detail = format!("the query did not arrive within {} s", patience.as_secs());
            Problem::new(StatusCode::REQUEST_TIMEOUT, "the query is late", detail)
        })?
        .map_err(|_| {
            let detail = format!("a query is at most {QUERY_BYTES} bytes long");
            Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the query is too long",
                detail,
            )
        })?;
    let bytes: Bytes = body.to_bytes();
    if is_json {
        let query: Query = serde_json::from_slice(&bytes).map_err(|error| {
            let detail = format!("expected {{\"query\": \"SELECT …\"}}: {error}");
            Problem::new(StatusCode::BAD_REQUEST, "the query cannot be read", detail)
        })?;
        return Ok(query.query);
    }
    String::from_utf8(bytes.to_vec()).map_err(|_| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "the query cannot be read",
            "the query is not UTF-8",
        )
    })
}

fn refused(error: &ReportError) -> Problem {
    let status = match error {
        ReportError::UnknownReport { .. } => StatusCode::NOT_FOUND,
        error if error.is_the_askers() => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Problem::new(status, "there is no answer", error.to_string())
}

fn write(answer: &Answer, format: Format) -> Response {
    let mut response = match format {
        Format::Rows => json(&answer.to_json_rows()),
        Format::Answer => typed(serde_json::to_string(answer), ANSWER),
        Format::Csv => {
            let mut response = Response::new(Body::from(answer.to_csv()));
            let _none = response.headers_mut().insert(
                CONTENT_TYPE,
                HeaderValue::from_static("text/csv; charset=utf-8"),
            );
            response
        }
    };
    for note in &answer.notes {
        if let Ok(value) = HeaderValue::from_str(note) {
            let _first = response.headers_mut().append("headcount-note", value);
        }
    }
    response
}

fn json(value: &impl serde::Serialize) -> Response {
    typed(serde_json::to_string(value), "application/json")
}

fn typed(text: Result<String, serde_json::Error>, content_type: &'static str) -> Response {
    let Ok(text) = text else {
        return Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "there is no answer",
            "the answer cannot be written as JSON",
        )
        .into_response();
    };
    let mut response = Response::new(Body::from(text));
    let _none = response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> HeaderMap {
        HeaderMap::from_iter([(HOST, HeaderValue::from_str(name).unwrap())])
    }

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for name in [
            "localhost",
            "LOCALHOST:4318",
            "127.0.0.1:4318",
            "[::1]:4318",
            "127.9.9.9",
        ] {
            assert!(names_loopback(&host(name)), "{name}");
        }
        for name in [
            "example.org",
            "example.org:4318",
            "localhost.example.org",
            "10.0.0.1",
        ] {
            assert!(!names_loopback(&host(name)), "{name}");
        }
    }

    #[test]
    fn an_unknown_parameter_is_refused() {
        assert!(read_parameters("since=7d&min_crews=1&by=week").is_ok());
        assert!(read_parameters("sincee=7d").is_err());
    }
}
