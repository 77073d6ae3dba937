//! `POST /v1/erase`: whoever shows the tokens of receipts has erased what came under them. The answer never says whether
//! anything did, so that nobody learns by asking what is stored.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use headcount_lake::OrderError;
use headcount_wire::{MAX_ERASURE_TOKENS, ErasureToken};
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Request, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::arrival::{self, ArrivalError};
use crate::budget::Budget;
use crate::intake::Intake;

/// The longest body, in bytes: each token takes 35.
const BODY_BYTES: usize = 512 * 1024;
/// What a sender that is told to come back should wait, in seconds.
const RETRY_SECONDS: u16 = 60;

/// The door for those who want erased what they sent.
#[derive(Debug, Clone)]
pub(crate) struct EraseDoor {
    pub(crate) intake: Arc<Intake>,
    pub(crate) budget: Budget,
    /// How long a body may take to arrive.
    pub(crate) patience: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    tokens: Vec<String>,
}

impl EraseDoor {
    /// Answers one request to `/v1/erase`.
    pub(crate) async fn answer(&self, request: Request<Body>) -> Response {
        match self.take(request).await {
            Ok(tokens) => accepted(tokens),
            Err(problem) => {
                let mut response = problem.into_response();
                let header = match response.status() {
                    StatusCode::METHOD_NOT_ALLOWED => {
                        Some((ALLOW, HeaderValue::from_static("POST")))
                    }
                    StatusCode::SERVICE_UNAVAILABLE => {
                        Some((RETRY_AFTER, HeaderValue::from(RETRY_SECONDS)))
                    }
                    _ => None,
                };
                if let Some((name, value)) = header {
                    let _none = response.headers_mut().insert(name, value);
                }
                response
            }
        }
    }

    /// Takes the order; says how many tokens it shows.
    async fn take(&self, request: Request<Body>) -> Result<usize, Problem> {
        if request.method() != Method::POST {
            let detail = "tokens are shown with POST";
            let status = StatusCode::METHOD_NOT_ALLOWED;
            return Err(Problem::new(status, "method not allowed", detail));
        }
        let headers = request.headers();
        let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        let is_json = content_type.is_some_and(|value| value.starts_with(b"application/json"));
        if !is_json || headers.contains_key(CONTENT_ENCODING) {
            let detail = "send application/json, not compressed";
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Problem::new(status, "unknown content type", detail));
        }
        let mut share = self.budget.take(0).map_err(|_| no_room())?;
        let body = request.into_body();
        let body = arrival::receive(body, BODY_BYTES, self.patience, &mut share, |_| false).await;
        let tokens = read(&body.map_err(|error| not_arrived(&error))?)?;
        let ordered = self.intake.order_erasure(&tokens).await;
        ordered.map_err(|error| not_taken(&error))?;
        Ok(tokens.len())
    }
}

/// Reads `{"tokens": ["…"]}`. What is wrong is said without repeating any of it.
fn read(body: &[u8]) -> Result<Vec<ErasureToken>, Problem> {
    let bad = |detail: &str| {
        let title = "the tokens cannot be read";
        Problem::new(StatusCode::BAD_REQUEST, title, detail)
    };
    let order: Order = serde_json::from_slice(body)
        .map_err(|_| bad("expected {\"tokens\": [\"32 hexadecimal digits\", …]}"))?;
    if order.tokens.is_empty() || order.tokens.len() > MAX_ERASURE_TOKENS {
        return Err(bad(&format!("show 1 to {MAX_ERASURE_TOKENS} tokens at a time")));
    }
    let tokens = order.tokens.iter().map(|text| ErasureToken::parse(text));
    let tokens: Option<Vec<ErasureToken>> = tokens.collect();
    tokens.ok_or_else(|| bad("a token is 32 hexadecimal digits"))
}

fn accepted(tokens: usize) -> Response {
    let mut response = Response::new(Body::from(json!({ "accepted": tokens }).to_string()));
    *response.status_mut() = StatusCode::ACCEPTED;
    let content_type = HeaderValue::from_static("application/json");
    let _none = response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn no_room() -> Problem {
    let detail = "the collector holds as many requests as it can; ask again later";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no room", detail)
}

fn not_arrived(error: &ArrivalError) -> Problem {
    let (status, title) = match error {
        ArrivalError::NoRoom => return no_room(),
        ArrivalError::TooLarge(limit) => {
            let detail = format!("show the tokens in several requests of at most {limit} bytes");
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            return Problem::new(status, "too many tokens", detail);
        }
        ArrivalError::Late(_) => (StatusCode::REQUEST_TIMEOUT, "the tokens are late"),
        ArrivalError::Cut => (StatusCode::BAD_REQUEST, "the tokens cannot be read"),
    };
    Problem::new(status, title, error.to_string())
}

fn not_taken(error: &OrderError) -> Problem {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Problem::new(status, "not taken, ask again later", error.to_string())
}
