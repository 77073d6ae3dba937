//! `opentelemetry.proto.collector.trace.v1.TraceService/Export` (OTLP 1.x §OTLP/gRPC). The single message of the
//! call is received here frame by frame, so that the limits of bodies over HTTP apply before it is complete.

use std::sync::Arc;
use std::time::Instant;

use headcount_access::{Authenticator, Right};
use headcount_wire::ExportResponse;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use tokio::sync::watch;
use tonic::body::Body;

use crate::connections::Crowded;
use crate::counters::RejectionReason;
use crate::decompress::{ContentCoding, decompress_all};
use crate::gate::RateLimited;
use crate::grpc_frame::{PREFIX, announced, reply, unframe};
use crate::grpc_health as health;
use crate::ingest::{IngestOutcome, IngestPipeline};
use crate::memory_budget::MemoryBudget;
use crate::need::Need;
use crate::options::ReceiverLimits;
use crate::payload_format::PayloadFormat;
use crate::receive::{BodyLimits, FIRST_BYTES, receive};
use crate::rejection::Rejection;
use crate::request_durations::Endpoint;
use crate::signal::{self, OtherSignal};
use crate::unread::ReceivedBody;

/// The only method.
const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// The OTLP/gRPC receiver.
#[derive(Debug, Clone)]
pub(crate) struct OtlpGrpc {
    pub(crate) pipeline: Arc<IngestPipeline>,
    pub(crate) budget: MemoryBudget,
    /// The tokens, one of which is required; none if `None`.
    pub(crate) tokens: Option<Authenticator>,
    pub(crate) limits: ReceiverLimits,
    /// Whether the collector is stopping.
    pub(crate) stop: watch::Receiver<bool>,
}

impl OtlpGrpc {
    /// Handles one call.
    pub(crate) async fn handle(self, request: Request<ReceivedBody>) -> Response<Body> {
        if !is_grpc(request.headers()) {
            self.pipeline
                .counters()
                .rejected(RejectionReason::UnsupportedMedia);
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return response;
        }
        let began = Instant::now();
        let outcome = match request.uri().path() {
            health::CHECK => {
                let is_serving = !*self.stop.borrow() && self.pipeline.fault().is_none();
                return health::check(request, is_serving, self.limits.timeout).await;
            }
            _ if request.extensions().get::<Crowded>().is_some() => Err(Rejection::crowded()),
            _ if request.extensions().get::<RateLimited>().is_some() => {
                Err(Rejection::rate_limited())
            }
            EXPORT => self.export(request).await,
            path => {
                let message = match OtherSignal::of_path(path) {
                    Some(_) => signal::only_traces("TraceService/Export", path),
                    None => "the only methods are TraceService/Export and Health/Check".to_owned(),
                };
                Err(Rejection::new(RejectionReason::UnknownMethod, message))
            }
        };
        let durations = self.pipeline.counters().durations();
        let status = outcome
            .as_ref()
            .err()
            .map(|rejection| rejection.reason.http_status());
        durations.observe(Endpoint::TracesGrpc, status.unwrap_or(200), began.elapsed());
        match outcome {
            Ok(outcome) => success(&outcome),
            Err(rejection) => {
                self.pipeline.rejected(rejection.reason);
                with_accepted_encodings(rejection.into_status().into_http())
            }
        }
    }

    async fn export(&self, request: Request<ReceivedBody>) -> Result<IngestOutcome, Rejection> {
        if let Some(tokens) = &self.tokens {
            tokens.require(Right::SendTelemetry, request.headers())?;
        }
        let coding = coding_of(request.headers())?;
        let need = Need {
            format: PayloadFormat::Protobuf,
            is_compressed: coding.is_some(),
            decoded_limit: self.limits.decoded_bytes,
        };
        let share = self.budget.share_of(request.extensions());
        let mut reservation = self.budget.reserve(need.of(FIRST_BYTES), &share).await?;
        let limits = BodyLimits {
            bytes: self.limits.body_bytes.saturating_add(PREFIX),
            timeout: self.limits.timeout,
            need,
        };
        let length = |head: &[u8]| announced(head)?.checked_add(PREFIX);
        let body = request.into_body();
        let framed = receive(body, limits, None, &mut reservation, length).await?;
        let (is_compressed, message) = unframe(&framed)?;
        drop(framed);
        let codings = match (is_compressed, coding) {
            (false, _) => Vec::new(),
            (true, Some(coding)) => vec![coding],
            (true, None) => {
                let message = "the message is compressed but there is no grpc-encoding";
                return Err(Rejection::new(RejectionReason::Malformed, message));
            }
        };
        let (message, reservation) = decompress_all(message, &codings, need, reservation).await?;
        if message.len() > self.limits.decoded_bytes {
            return Err(Rejection::too_large(self.limits.decoded_bytes));
        }
        let outcome = self
            .pipeline
            .ingest_reserved(message, PayloadFormat::Protobuf, None, reservation)
            .await?;
        Ok(outcome)
    }
}

/// Whether the request is gRPC with protobuf messages (gRPC over HTTP/2, §Requests). gRPC-Web is another protocol, whose
/// clients cannot read the trailers of this one.
fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next());
    let essence = essence.unwrap_or_default().trim();
    ["application/grpc", "application/grpc+proto"]
        .iter()
        .any(|known| essence.eq_ignore_ascii_case(known))
}

fn coding_of(headers: &HeaderMap) -> Result<Option<ContentCoding>, Rejection> {
    let name = headers.get("grpc-encoding").map(HeaderValue::as_bytes);
    match name {
        None | Some(b"identity") => Ok(None),
        Some(b"gzip") => Ok(Some(ContentCoding::Gzip)),
        Some(b"deflate") => Ok(Some(ContentCoding::Deflate)),
        Some(b"zstd") => Ok(Some(ContentCoding::Zstd)),
        Some(_) => {
            let message = "the grpc-encoding is not supported; use gzip, deflate, zstd or identity";
            Err(Rejection::new(RejectionReason::UnsupportedMedia, message))
        }
    }
}

fn success(outcome: &IngestOutcome) -> Response<Body> {
    let rejected_spans = i64::try_from(outcome.rejected).unwrap_or(i64::MAX);
    let message = ExportResponse {
        rejected_spans,
        message: outcome.message.as_str().into(),
    }
    .to_protobuf();
    with_accepted_encodings(reply(&message))
}

/// Adds the compressions that a message may have.
fn with_accepted_encodings(mut response: Response<Body>) -> Response<Body> {
    let encodings = HeaderValue::from_static("identity,gzip,deflate,zstd");
    response
        .headers_mut()
        .insert("grpc-accept-encoding", encodings);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_grpc_with_protobuf_is_grpc() {
        let is_grpc = |content_type: &'static str| {
            let value = HeaderValue::from_static(content_type);
            super::is_grpc(&HeaderMap::from_iter([(CONTENT_TYPE, value)]))
        };
        for content_type in [
            "application/grpc",
            "application/grpc+proto",
            "Application/gRPC; charset=utf-8",
        ] {
            assert!(is_grpc(content_type), "{content_type}");
        }
        for content_type in [
            "application/grpc-web",
            "application/grpc-web+proto",
            "application/grpc-web-text",
            "application/grpc+json",
            "application/grpcx",
            "application/x-protobuf",
            "",
        ] {
            assert!(!is_grpc(content_type), "{content_type}");
        }
        assert!(!super::is_grpc(&HeaderMap::new()));
    }
}
