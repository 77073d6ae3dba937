//! `POST /v1/traces` (OTLP 1.x §OTLP/HTTP): checks the envelope, hands the body to the intake, words the answer.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use headcount_wire::{ExportResponse, RECEIPT_HEADER, Receipt, RpcStatus};
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};

use crate::arrival;
use crate::body::{Notation, read_codings, undo};
use crate::budget::{Budget, Share};
use crate::counters::Reason;
use crate::intake::{Intake, Taken};
use crate::options::ReceiverLimits;
use crate::refusal::{self, Refusal};

/// The OTLP door of the HTTP listeners.
#[derive(Debug, Clone)]
pub(crate) struct TracesDoor {
    pub(crate) intake: Arc<Intake>,
    pub(crate) budget: Budget,
    pub(crate) limits: ReceiverLimits,
}

impl TracesDoor {
    /// Answers one request to `/v1/traces`.
    pub(crate) async fn answer(&self, request: Request<Body>) -> Response {
        let content_type = text_of(request.headers(), &CONTENT_TYPE);
        let notation = content_type.and_then(Notation::of);
        // An error is written like the request, or in JSON where that is unknown.
        let answer_notation = notation.unwrap_or(Notation::Json);
        let taken = if request.method() == Method::POST {
            self.take(request, notation).await
        } else {
            let message = "send OTLP traces with POST";
            Err(Refusal::new(Reason::UnknownMethod, message))
        };
        match taken {
            Ok(taken) => success(&taken, answer_notation),
            Err(refusal) => {
                self.intake.counters().refused(refusal.reason);
                failure(&refusal, answer_notation)
            }
        }
    }

    async fn take(
        &self,
        request: Request<Body>,
        notation: Option<Notation>,
    ) -> Result<Taken, Refusal> {
        let notation = notation.ok_or_else(|| {
            let message = "the Content-Type must be application/x-protobuf or application/json";
            Refusal::new(Reason::UnknownMedia, message)
        })?;
        let codings =
            read_codings(text_of(request.headers(), &CONTENT_ENCODING).unwrap_or_default())
                .map_err(|message| Refusal::new(Reason::UnknownMedia, message))?;
        // Anything else than a receipt is as good as none.
        let receipt = request.headers().get(RECEIPT_HEADER);
        let receipt = receipt.and_then(|value| Receipt::parse(value.as_bytes()));
        let mut share = self.budget.take(0).map_err(|_| Refusal::no_room())?;
        let body = self.receive(request, &mut share).await?;
        let (body, mut share) = undo(body, &codings, self.limits.decoded_bytes, share).await?;
        share
            .grow(expansion(notation, body.len()))
            .map_err(|_| Refusal::no_room())?;
        let taken = self
            .intake
            .take_holding(body, notation, receipt, share)
            .await?;
        Ok(taken)
    }

    /// Reads the body as it arrives, within the limits of size, time and memory.
    async fn receive(&self, request: Request<Body>, share: &mut Share) -> Result<Bytes, Refusal> {
        let limit = self.limits.body_bytes;
        let declared = text_of(request.headers(), &CONTENT_LENGTH)
            .and_then(|length| length.parse::<usize>().ok());
        if declared.is_some_and(|length| length > limit) {
            return Err(Refusal::too_large(limit));
        }
        let patience = self.limits.patience;
        let body = request.into_body();
        Ok(arrival::receive(body, limit, patience, share, |_| false).await?)
    }
}

/// What admission may need beside the body: JSON is rewritten as protobuf, and the rows are a copy.
fn expansion(notation: Notation, body: usize) -> usize {
    match notation {
        Notation::Protobuf => body,
        Notation::Json => 2 * body,
    }
}

fn success(taken: &Taken, notation: Notation) -> Response {
    let rejected_spans = i64::try_from(taken.rejected).unwrap_or(i64::MAX);
    let answer = ExportResponse {
        rejected_spans,
        message: taken.message.as_str().into(),
    };
    let body = match notation {
        Notation::Protobuf => answer.to_protobuf(),
        Notation::Json => answer.to_json(),
    };
    written(StatusCode::OK, notation, body)
}

fn failure(refusal: &Refusal, notation: Notation) -> Response {
    let status = RpcStatus {
        code: refusal.code() as i32,
        message: refusal.message.as_str().into(),
    };
    let body = match notation {
        Notation::Protobuf => status.to_protobuf(),
        Notation::Json => status.to_json(),
    };
    let mut response = written(refusal.http_status(), notation, body);
    match refusal.http_status() {
        StatusCode::SERVICE_UNAVAILABLE => {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(refusal::RETRY_AFTER.as_secs()));
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            response
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("POST"));
        }
        _ => {}
    }
    response
}

fn written(status: StatusCode, notation: Notation, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(notation.content_type());
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn text_of<'h>(headers: &'h HeaderMap, name: &http::HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
