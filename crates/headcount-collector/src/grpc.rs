//! `opentelemetry.proto.collector.trace.v1.TraceService/Export` (OTLP 1.x §OTLP/gRPC). The one message of the call is
//! read here, frame by frame, so that it is within the same limits as a body over HTTP before it is whole.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use headcount_wire::ExportResponse;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use tonic::body::Body;

use crate::arrival::receive;
use crate::body::{Coding, Notation, undo};
use crate::budget::Budget;
use crate::counters::Reason;
use crate::intake::{Intake, Taken};
use crate::options::ReceiverLimits;
use crate::refusal::Refusal;

/// The one method that there is.
const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// Before each message: whether it is compressed, and its length as a big-endian `u32` (gRPC over HTTP/2, §Requests).
const PREFIX: usize = 5;

/// The door of the gRPC listener.
#[derive(Debug, Clone)]
pub(crate) struct TraceService {
    pub(crate) intake: Arc<Intake>,
    pub(crate) budget: Budget,
    pub(crate) limits: ReceiverLimits,
}

impl TraceService {
    /// Answers one call.
    pub(crate) async fn answer(self, request: Request<Incoming>) -> Response<Body> {
        if !is_grpc(request.headers()) {
            self.intake.counters().refused(Reason::UnknownMedia);
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return response;
        }
        let taken = if request.uri().path() == EXPORT {
            self.export(request).await
        } else {
            let message = "the only method is TraceService/Export";
            Err(Refusal::new(Reason::UnknownMethod, message))
        };
        match taken {
            Ok(taken) => success(&taken),
            Err(refusal) => {
                self.intake.counters().refused(refusal.reason);
                accepting(refusal.into_status().into_http())
            }
        }
    }

    async fn export(&self, request: Request<Incoming>) -> Result<Taken, Refusal> {
        let coding = coding_of(request.headers())?;
        let mut share = self.budget.take(0).map_err(|_| Refusal::no_room())?;
        let limit = self.limits.body_bytes;
        let is_too_large = |head: &[u8]| announced(head).is_some_and(|length| length > limit);
        let framed = receive(
            request.into_body(),
            limit.saturating_add(PREFIX),
            self.limits.patience,
            &mut share,
            is_too_large,
        )
        .await?;
        let (is_compressed, message) = unframe(&framed)?;
        let codings = match (is_compressed, coding) {
            (false, _) => Vec::new(),
            (true, Some(coding)) => vec![coding],
            (true, None) => {
                let message = "the message is compressed but no grpc-encoding says how";
                return Err(Refusal::new(Reason::Malformed, message));
            }
        };
        let limit = self.limits.decoded_bytes;
        let (message, mut share) = undo(message, &codings, limit, share).await?;
        if message.len() > limit {
            return Err(Refusal::too_large(limit));
        }
        // The rows of the message are a copy.
        share.grow(message.len()).map_err(|_| Refusal::no_room())?;
        let taken = self
            .intake
            .take_holding(message, Notation::Protobuf, None, share)
            .await?;
        Ok(taken)
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

fn coding_of(headers: &HeaderMap) -> Result<Option<Coding>, Refusal> {
    let name = headers.get("grpc-encoding").map(HeaderValue::as_bytes);
    match name {
        None | Some(b"identity") => Ok(None),
        Some(b"gzip") => Ok(Some(Coding::Gzip)),
        Some(b"deflate") => Ok(Some(Coding::Deflate)),
        Some(b"zstd") => Ok(Some(Coding::Zstd)),
        Some(_) => {
            let message = "the grpc-encoding is not supported; use gzip, deflate, zstd or identity";
            Err(Refusal::new(Reason::UnknownMedia, message))
        }
    }
}

/// The length that the prefix in front of the message announces, once it is there.
fn announced(framed: &[u8]) -> Option<usize> {
    let length = framed.get(1..PREFIX)?;
    let length = u32::from_be_bytes(length.try_into().ok()?);
    usize::try_from(length).ok()
}

/// The only message of the call, and whether it is compressed.
fn unframe(framed: &Bytes) -> Result<(bool, Bytes), Refusal> {
    let malformed = |message| Refusal::new(Reason::Malformed, message);
    let length = announced(framed).ok_or_else(|| malformed("the call holds no message"))?;
    let is_compressed = match framed[0] {
        0 => false,
        1 => true,
        _ => return Err(malformed("the compressed flag is neither 0 nor 1")),
    };
    if framed.len() - PREFIX != length {
        return Err(malformed(
            "the call must hold one message of the length it announces",
        ));
    }
    Ok((is_compressed, framed.slice(PREFIX..)))
}

fn success(taken: &Taken) -> Response<Body> {
    let rejected_spans = i64::try_from(taken.rejected).unwrap_or(i64::MAX);
    let message = ExportResponse {
        rejected_spans,
        message: taken.message.as_str().into(),
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
    accepting(response)
}

/// Says which compression a message may have.
fn accepting(mut response: Response<Body>) -> Response<Body> {
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
    fn a_call_holds_exactly_one_message() {
        let (is_compressed, message) = unframe(&Bytes::from_static(b"\0\0\0\0\x02ab")).unwrap();
        assert_eq!((is_compressed, &message[..]), (false, &b"ab"[..]));
        for framed in [
            &b""[..],
            b"\0\0\0\0",
            b"\0\0\0\0\x02a",
            b"\0\0\0\0\x02abc",
            b"\x02\0\0\0\x02ab",
        ] {
            let refusal = unframe(&Bytes::from_static(framed)).unwrap_err();
            assert_eq!(refusal.reason, Reason::Malformed, "{framed:?}");
        }
    }
}
