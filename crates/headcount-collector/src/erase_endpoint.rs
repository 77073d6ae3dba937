//! `POST /v1/erase`: erases what was sent under the receipts of the tokens in the request. The response never reveals
//! whether there was anything, so that nobody can probe what is stored.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use headcount_access::{AuditEvent, AuditLog, Principal};
use headcount_lake::OrderError;
use headcount_problem::Problem;
use headcount_wire::{ErasureToken, MAX_ERASURE_TOKENS};
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Request, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::ingest::IngestPipeline;
use crate::memory_budget::{BudgetExhausted, MemoryBudget};
use crate::need::Need;
use crate::payload_format::PayloadFormat;
use crate::receive::{self, BodyLimits, ReceiveError};

/// The longest body, in bytes: each token takes 35.
const BODY_BYTES: usize = 512 * 1024;
/// The `Retry-After` of status 503, in seconds.
const RETRY_SECONDS: u16 = 60;

/// The endpoint for erasure orders.
#[derive(Debug, Clone)]
pub(crate) struct EraseEndpoint {
    pub(crate) pipeline: Arc<IngestPipeline>,
    pub(crate) budget: MemoryBudget,
    /// Where accepted orders are recorded.
    pub(crate) audit: Option<AuditLog>,
    /// How long a body may take to arrive.
    pub(crate) timeout: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    tokens: Vec<String>,
}

impl EraseEndpoint {
    /// Handles one request to `/v1/erase`.
    pub(crate) async fn handle(&self, request: Request<Body>) -> Response {
        match self.order(request).await {
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
                    response.headers_mut().insert(name, value);
                }
                response
            }
        }
    }

    /// Accepts the order; returns the number of its tokens.
    async fn order(&self, request: Request<Body>) -> Result<usize, Problem> {
        if request.method() != Method::POST {
            let detail = "send tokens with POST";
            let status = StatusCode::METHOD_NOT_ALLOWED;
            return Err(Problem::new(status, "method not allowed", detail));
        }
        let headers = request.headers();
        let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        let is_json = content_type.is_some_and(|value| value.starts_with(b"application/json"));
        if !is_json || headers.contains_key(CONTENT_ENCODING) {
            let detail = "send application/json without compression";
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Problem::new(status, "unsupported media type", detail));
        }
        let share = self.budget.share_of(request.extensions());
        // The most that one may have: a small request, so that no telemetry is in its way.
        let reserved = self.budget.reserve(BODY_BYTES, &share).await;
        let mut reservation = reserved.map_err(|_| memory_exhausted())?;
        let limits = BodyLimits {
            bytes: BODY_BYTES,
            timeout: self.timeout,
            need: Need {
                format: PayloadFormat::Protobuf,
                is_compressed: false,
                decoded_limit: BODY_BYTES,
            },
        };
        let announced = headers
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse().ok());
        let body = request.into_body();
        let body = receive::receive(body, limits, announced, &mut reservation, |_| None).await;
        let tokens = read(&body.map_err(|error| not_received(&error))?)?;
        self.record(tokens.len(), StatusCode::ACCEPTED).await?;
        if let Err(error) = self.pipeline.order_erasure(&tokens).await {
            let problem = not_accepted(&error);
            // The log has said that the order was accepted. If it cannot be corrected, it names an erasure too many, and none too few.
            let _ = self.record(tokens.len(), problem.status).await;
            return Err(problem);
        }
        Ok(tokens.len())
    }

    /// Records the order in the audit log, on disk: an order that cannot be recorded is not given. Its sender gives it again.
    async fn record(&self, tokens: usize, status: StatusCode) -> Result<(), Problem> {
        let Some(log) = &self.audit else {
            return Ok(());
        };
        let event = AuditEvent::erase_ordered(
            &Principal::receipt_holder(),
            tokens as u64,
            "POST /v1/erase",
            status.as_u16(),
        );
        let recorded = log.record_durably(&event).await;
        recorded.map_err(|error| {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            Problem::new(status, "not recorded, retry later", error.to_string())
        })
    }
}

/// Parses `{"tokens": ["…"]}`. Errors do not repeat any part of the body.
fn read(body: &[u8]) -> Result<Vec<ErasureToken>, Problem> {
    let bad = |detail: &str| {
        let title = "the tokens cannot be read";
        Problem::new(StatusCode::BAD_REQUEST, title, detail)
    };
    let order: Order = serde_json::from_slice(body)
        .map_err(|_| bad("expected {\"tokens\": [\"32 hexadecimal digits\", …]}"))?;
    if order.tokens.is_empty() || order.tokens.len() > MAX_ERASURE_TOKENS {
        return Err(bad(&format!(
            "send 1 to {MAX_ERASURE_TOKENS} tokens per request"
        )));
    }
    let tokens = order.tokens.iter().map(|text| ErasureToken::parse(text));
    let tokens: Option<Vec<ErasureToken>> = tokens.collect();
    tokens.ok_or_else(|| bad("a token is 32 hexadecimal digits"))
}

fn accepted(tokens: usize) -> Response {
    let mut response = Response::new(Body::from(json!({ "accepted": tokens }).to_string()));
    *response.status_mut() = StatusCode::ACCEPTED;
    let content_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn memory_exhausted() -> Problem {
    let detail = BudgetExhausted.to_string();
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "out of memory budget",
        detail,
    )
}

fn not_received(error: &ReceiveError) -> Problem {
    let (status, title) = match error {
        ReceiveError::MemoryExhausted | ReceiveError::TooSlow => return memory_exhausted(),
        ReceiveError::TooLarge(limit) => {
            let detail = format!("send the tokens in several requests of at most {limit} bytes");
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            return Problem::new(status, "too many tokens", detail);
        }
        ReceiveError::Timeout(_) => (StatusCode::REQUEST_TIMEOUT, "request timeout"),
        ReceiveError::Truncated => (StatusCode::BAD_REQUEST, "the tokens cannot be read"),
    };
    Problem::new(status, title, error.to_string())
}

fn not_accepted(error: &OrderError) -> Problem {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Problem::new(status, "not accepted, retry later", error.to_string())
}
