//! `opentelemetry.proto.collector.trace.v1.TraceService/Export` (OTLP 1.x §OTLP/gRPC). The single message of the
//! call is received here frame by frame, so that the limits of bodies over HTTP apply before it is complete.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use headcount_wire::ExportResponse;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use tonic::body::Body;

use crate::counters::RejectionReason;
use crate::decompress::{ContentCoding, decompress_all};
use crate::ingest::{IngestOutcome, IngestPipeline};
use crate::memory_budget::MemoryBudget;
use crate::options::ReceiverLimits;
use crate::payload_format::PayloadFormat;
use crate::receive::receive;
use crate::rejection::Rejection;

/// The only method.
const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// The length of the prefix of a message: whether it is compressed, and its length as a big-endian `u32` (gRPC over HTTP/2, §Requests).
const PREFIX: usize = 5;

/// The OTLP/gRPC receiver.
#[derive(Debug, Clone)]
pub(crate) struct OtlpGrpc {
    pub(crate) pipeline: Arc<IngestPipeline>,
    pub(crate) budget: MemoryBudget,
    pub(crate) limits: ReceiverLimits,
}

impl OtlpGrpc {
    /// Handles one call.
    pub(crate) async fn handle(self, request: Request<Incoming>) -> Response<Body> {
        if !is_grpc(request.headers()) {
            self.pipeline
                .counters()
                .rejected(RejectionReason::UnsupportedMedia);
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return response;
        }
        let outcome = if request.uri().path() == EXPORT {
            self.export(request).await
        } else {
            let message = "the only method is TraceService/Export";
            Err(Rejection::new(RejectionReason::UnknownMethod, message))
        };
        match outcome {
            Ok(outcome) => success(&outcome),
            Err(rejection) => {
                self.pipeline.counters().rejected(rejection.reason);
                with_accepted_encodings(rejection.into_status().into_http())
            }
        }
    }

    async fn export(&self, request: Request<Incoming>) -> Result<IngestOutcome, Rejection> {
        let coding = coding_of(request.headers())?;
        let mut reservation = self
            .budget
            .reserve(0)
            .map_err(|_| Rejection::memory_exhausted())?;
        let limit = self.limits.body_bytes;
        let is_too_large = |head: &[u8]| announced(head).is_some_and(|length| length > limit);
        let framed = receive(
            request.into_body(),
            limit.saturating_add(PREFIX),
            self.limits.timeout,
            &mut reservation,
            is_too_large,
        )
        .await?;
        let (is_compressed, message) = unframe(&framed)?;
        let codings = match (is_compressed, coding) {
            (false, _) => Vec::new(),
            (true, Some(coding)) => vec![coding],
            (true, None) => {
                let message = "the message is compressed but there is no grpc-encoding";
                return Err(Rejection::new(RejectionReason::Malformed, message));
            }
        };
        let limit = self.limits.decoded_bytes;
        let (message, mut reservation) =
            decompress_all(message, &codings, limit, reservation).await?;
        if message.len() > limit {
            return Err(Rejection::too_large(limit));
        }
        // Admission copies the rows out of the message.
        reservation
            .grow(message.len())
            .map_err(|_| Rejection::memory_exhausted())?;
        let outcome = self
            .pipeline
            .ingest_reserved(message, PayloadFormat::Protobuf, None, reservation)
            .await?;
        Ok(outcome)
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
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

/// The message length in the prefix, once the prefix is complete.
fn announced(framed: &[u8]) -> Option<usize> {
    let length = framed.get(1..PREFIX)?;
    let length = u32::from_be_bytes(length.try_into().ok()?);
    usize::try_from(length).ok()
}

/// The only message of the call, and whether it is compressed.
fn unframe(framed: &Bytes) -> Result<(bool, Bytes), Rejection> {
    let malformed = |message| Rejection::new(RejectionReason::Malformed, message);
    let length = announced(framed).ok_or_else(|| malformed("the call contains no message"))?;
    let is_compressed = match framed[0] {
        0 => false,
        1 => true,
        _ => return Err(malformed("the compressed flag is neither 0 nor 1")),
    };
    if framed.len() - PREFIX != length {
        return Err(malformed(
            "the call must contain exactly one message of the announced length",
        ));
    }
    Ok((is_compressed, framed.slice(PREFIX..)))
}

fn success(outcome: &IngestOutcome) -> Response<Body> {
    let rejected_spans = i64::try_from(outcome.rejected).unwrap_or(i64::MAX);
    let message = ExportResponse {
        rejected_spans,
        message: outcome.message.as_str().into(),
    }
    .to_protobuf();
    let mut framed = BytesMut::with_capacity(PREFIX + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(&message);
    let trailers = async {
        let done = (HeaderName::from_static("grpc-status"), HeaderValue::from(0));
        Some(Ok::<_, Infallible>(HeaderMap::from_iter([done])))
    };
    let body = Full::new(framed.freeze()).with_trailers(trailers);
    let mut response = Response::new(Body::new(body));
    let content_type = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    with_accepted_encodings(response)
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
    fn a_call_contains_exactly_one_message() {
        let (is_compressed, message) = unframe(&Bytes::from_static(b"\0\0\0\0\x02ab")).unwrap();
        assert_eq!((is_compressed, &message[..]), (false, &b"ab"[..]));
        for framed in [
            &b""[..],
            b"\0\0\0\0",
            b"\0\0\0\0\x02a",
            b"\0\0\0\0\x02abc",
            b"\x02\0\0\0\x02ab",
        ] {
            let rejection = unframe(&Bytes::from_static(framed)).unwrap_err();
            assert_eq!(rejection.reason, RejectionReason::Malformed, "{framed:?}");
        }
    }
}
