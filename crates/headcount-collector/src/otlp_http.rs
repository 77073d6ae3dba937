//! `POST /v1/traces` (OTLP 1.x §OTLP/HTTP): checks the headers, passes the body to the ingest pipeline, builds the
//! response.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use headcount_access::{Authenticator, Challenge, Right};
use headcount_wire::{ExportResponse, RECEIPT_HEADER, Receipt, RpcStatus};
use http::header::{
    ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use tonic::Code;

use crate::counters::RejectionReason;
use crate::decompress::{decompress_all, parse_content_encoding};
use crate::ingest::{IngestOutcome, IngestPipeline};
use crate::memory_budget::{MemoryBudget, MemoryReservation};
use crate::need::Need;
use crate::options::ReceiverLimits;
use crate::payload_format::PayloadFormat;
use crate::receive::{self, BodyLimits};
use crate::rejection::{self, Rejection};
use crate::signal;

/// The OTLP/HTTP receiver.
#[derive(Debug, Clone)]
pub(crate) struct OtlpHttp {
    pub(crate) pipeline: Arc<IngestPipeline>,
    pub(crate) budget: MemoryBudget,
    /// The tokens, one of which is required; none if `None`.
    pub(crate) tokens: Option<Authenticator>,
    pub(crate) limits: ReceiverLimits,
}

impl OtlpHttp {
    /// Handles one request to `/v1/traces`.
    pub(crate) async fn handle(&self, request: Request<Body>) -> Response {
        let content_type = text_of(request.headers(), &CONTENT_TYPE);
        let format = content_type.and_then(PayloadFormat::of);
        // An error is encoded like the request, or in JSON if that is unknown.
        let response_format = format.unwrap_or(PayloadFormat::Json);
        let outcome = if request.method() == Method::POST {
            self.export(request, format).await
        } else {
            let message = "send OTLP traces with POST";
            Err(Rejection::new(RejectionReason::UnknownMethod, message))
        };
        match outcome {
            Ok(outcome) => success(&outcome, response_format),
            Err(rejection) => self.rejected(&rejection, response_format),
        }
    }

    /// Rejects a request before its body is read.
    pub(crate) fn refuse(&self, request: &Request<Body>, rejection: &Rejection) -> Response {
        let content_type = text_of(request.headers(), &CONTENT_TYPE);
        let format = content_type.and_then(PayloadFormat::of);
        self.rejected(rejection, format.unwrap_or(PayloadFormat::Json))
    }

    /// The same, and its connection ends with the response.
    pub(crate) fn reject(&self, request: &Request<Body>, rejection: &Rejection) -> Response {
        let mut response = self.refuse(request, rejection);
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
        response
    }

    fn rejected(&self, rejection: &Rejection, format: PayloadFormat) -> Response {
        self.pipeline.rejected(rejection.reason);
        failure(rejection, format)
    }

    async fn export(
        &self,
        request: Request<Body>,
        format: Option<PayloadFormat>,
    ) -> Result<IngestOutcome, Rejection> {
        if let Some(tokens) = &self.tokens {
            tokens.require(Right::SendTelemetry, request.headers())?;
        }
        let format = format.ok_or_else(|| {
            let message = "the Content-Type must be application/x-protobuf or application/json";
            Rejection::new(RejectionReason::UnsupportedMedia, message)
        })?;
        let codings = parse_content_encoding(
            text_of(request.headers(), &CONTENT_ENCODING).unwrap_or_default(),
        )
        .map_err(|message| Rejection::new(RejectionReason::UnsupportedMedia, message))?;
        // A header that is not a receipt is ignored.
        let receipt = request.headers().get(RECEIPT_HEADER);
        let receipt = receipt.and_then(|value| Receipt::parse(value.as_bytes()));
        let need = Need {
            format,
            is_compressed: !codings.is_empty(),
            decoded_limit: self.limits.decoded_bytes,
        };
        let (body, reservation) = self.receive(request, need).await?;
        let (body, reservation) = decompress_all(body, &codings, need, reservation).await?;
        let outcome = self
            .pipeline
            .ingest_reserved(body, format, receipt, reservation)
            .await?;
        Ok(outcome)
    }

    /// Receives the body within the limits of size, time and memory.
    async fn receive(
        &self,
        request: Request<Body>,
        need: Need,
    ) -> Result<(Bytes, MemoryReservation), Rejection> {
        let limit = self.limits.body_bytes;
        let announced = text_of(request.headers(), &CONTENT_LENGTH)
            .and_then(|length| length.parse::<usize>().ok());
        if announced.is_some_and(|length| length > limit) {
            return Err(Rejection::too_large(limit));
        }
        let share = self.budget.share_of(request.extensions());
        let first = announced.unwrap_or(receive::FIRST_BYTES);
        let mut reservation = self.budget.reserve(need.of(first), &share).await?;
        let limits = BodyLimits {
            bytes: limit,
            timeout: self.limits.timeout,
            need,
        };
        let body = request.into_body();
        let body = receive::receive(body, limits, announced, &mut reservation, |_| None).await?;
        Ok((body, reservation))
    }
}

/// What addresses of exports end with, at any collector.
const SIGNALS: [&str; 3] = ["/traces", "/metrics", "/logs"];

/// The encoding of a request that looks like an export sent to an address that is not for exports: `POST` of an OTLP type,
/// outside of the query API or to another collector's address under `/api/`.
pub(crate) fn misdirected_export(request: &Request<Body>) -> Option<PayloadFormat> {
    let path = request.uri().path().trim_end_matches('/');
    let is_query =
        path.starts_with("/api/") && !SIGNALS.iter().any(|signal| path.ends_with(signal));
    let content_type = text_of(request.headers(), &CONTENT_TYPE);
    let format = content_type.and_then(PayloadFormat::of)?;
    (request.method() == Method::POST && !is_query).then_some(format)
}

/// The response to such a request to `path`: 404 with what is taken, and at which address.
pub(crate) fn not_here(path: &str, format: PayloadFormat) -> Response {
    let status = RpcStatus {
        code: Code::Unimplemented as i32,
        message: signal::only_traces("POST to /v1/traces", path).into(),
    };
    let body = match format {
        PayloadFormat::Protobuf => status.to_protobuf(),
        PayloadFormat::Json => status.to_json(),
    };
    response_of(StatusCode::NOT_FOUND, format, body)
}

fn success(outcome: &IngestOutcome, format: PayloadFormat) -> Response {
    let rejected_spans = i64::try_from(outcome.rejected).unwrap_or(i64::MAX);
    let response = ExportResponse {
        rejected_spans,
        message: outcome.message.as_str().into(),
    };
    let body = match format {
        PayloadFormat::Protobuf => response.to_protobuf(),
        PayloadFormat::Json => response.to_json(),
    };
    response_of(StatusCode::OK, format, body)
}

fn failure(rejection: &Rejection, format: PayloadFormat) -> Response {
    let status = RpcStatus {
        code: rejection.code() as i32,
        message: rejection.message.as_str().into(),
    };
    let body = match format {
        PayloadFormat::Protobuf => status.to_protobuf(),
        PayloadFormat::Json => status.to_json(),
    };
    let mut response = response_of(rejection.http_status(), format, body);
    match rejection.http_status() {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            let seconds = HeaderValue::from(rejection::retry_after().as_secs());
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        StatusCode::UNAUTHORIZED => {
            let challenge = Challenge::Missing.header();
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
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

fn response_of(status: StatusCode, format: PayloadFormat, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(format.content_type());
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn text_of<'h>(headers: &'h HeaderMap, name: &http::HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
