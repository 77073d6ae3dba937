//! `POST /v1/traces` (OTLP 1.x §OTLP/HTTP): checks the envelope, hands the body to the intake, words the answer.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use headcount_lake::AppendError;
use headcount_wire::{ExportResponse, RpcStatus};
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt as _;

use crate::body::{BodyError, Coding, Notation, decompress, read_codings};
use crate::budget::{Budget, Share};
use crate::intake::{Intake, IntakeError, Taken};
use crate::options::ReceiverLimits;

/// What a sender that is told to come back should wait, in seconds.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// gRPC status codes that stand in the bodies of errors (`google.rpc.Code`).
pub(crate) mod code {
    pub(crate) const INVALID_ARGUMENT: i32 = 3;
    pub(crate) const DEADLINE_EXCEEDED: i32 = 4;
    pub(crate) const RESOURCE_EXHAUSTED: i32 = 8;
    pub(crate) const UNIMPLEMENTED: i32 = 12;
    pub(crate) const INTERNAL: i32 = 13;
    pub(crate) const UNAVAILABLE: i32 = 14;
}

/// The OTLP door of the HTTP listeners.
#[derive(Debug, Clone)]
pub(crate) struct TracesDoor {
    pub(crate) intake: Arc<Intake>,
    pub(crate) budget: Budget,
    pub(crate) limits: ReceiverLimits,
}

/// A request that is not acknowledged: the status and what `google.rpc.Status` says.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    code: i32,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, code: i32, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    fn put_off(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE, message)
    }
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
            Err(Refusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                code::UNIMPLEMENTED,
                message,
            ))
        };
        match taken {
            Ok(taken) => success(&taken, answer_notation),
            Err(refusal) => failure(&refusal, answer_notation),
        }
    }

    async fn take(
        &self,
        request: Request<Body>,
        notation: Option<Notation>,
    ) -> Result<Taken, Refusal> {
        let notation = notation.ok_or_else(|| {
            let message = "the Content-Type must be application/x-protobuf or application/json";
            Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                code::INVALID_ARGUMENT,
                message,
            )
        })?;
        let codings =
            read_codings(text_of(request.headers(), &CONTENT_ENCODING).unwrap_or_default())
                .map_err(|message| {
                    Refusal::new(
                        StatusCode::UNSUPPORTED_MEDIA_TYPE,
                        code::INVALID_ARGUMENT,
                        message,
                    )
                })?;
        let mut share = self.budget.take(0).map_err(|_| no_room())?;
        let body = self.receive(request, &mut share).await?;
        let body = self.undo(body, &codings, &mut share).await?;
        share
            .grow(expansion(notation, body.len()))
            .map_err(|_| no_room())?;
        let taken = self.intake.take(body, notation).await.map_err(refusal)?;
        drop(share);
        Ok(taken)
    }

    /// Reads the body as it arrives, within the limits of size, time and memory.
    async fn receive(&self, request: Request<Body>, share: &mut Share) -> Result<Bytes, Refusal> {
        let limit = self.limits.body_bytes;
        let declared = text_of(request.headers(), &CONTENT_LENGTH)
            .and_then(|length| length.parse::<usize>().ok());
        if declared.is_some_and(|length| length > limit) {
            return Err(too_large(limit));
        }
        let deadline = tokio::time::Instant::now() + self.limits.patience;
        let mut body = request.into_body();
        let mut bytes = BytesMut::new();
        loop {
            let frame = tokio::time::timeout_at(deadline, body.frame())
                .await
                .map_err(|_| {
                    let message = format!(
                        "the body did not arrive within {} s",
                        self.limits.patience.as_secs()
                    );
                    Refusal::new(
                        StatusCode::REQUEST_TIMEOUT,
                        code::DEADLINE_EXCEEDED,
                        message,
                    )
                })?;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|_| {
                Refusal::new(
                    StatusCode::BAD_REQUEST,
                    code::INVALID_ARGUMENT,
                    "the body ended before its announced length",
                )
            })?;
            let Some(data) = frame.data_ref() else {
                continue;
            };
            if bytes.len() + data.len() > limit {
                return Err(too_large(limit));
            }
            share.grow(data.len()).map_err(|_| no_room())?;
            bytes.extend_from_slice(data);
        }
        Ok(bytes.freeze())
    }

    /// Undoes the layers of compression, the last one applied first, away from the threads that serve connections.
    async fn undo(
        &self,
        body: Bytes,
        codings: &[Coding],
        share: &mut Share,
    ) -> Result<Bytes, Refusal> {
        let Some((&last, rest)) = codings.split_last() else {
            return Ok(body);
        };
        let limit = self.limits.decoded_bytes;
        let mut growing = self.budget.take(0).map_err(|_| no_room())?;
        let rest = rest.to_vec();
        let work = tokio::task::spawn_blocking(move || {
            let mut decoded = decompress(&body, last, limit, &mut growing)?;
            for &coding in rest.iter().rev() {
                decoded = decompress(&decoded, coding, limit, &mut growing)?;
            }
            Ok((decoded, growing))
        });
        let done = work.await.unwrap_or(Err(BodyError::NoRoom));
        let (decoded, growing) = done.map_err(|error| match error {
            BodyError::TooLarge(limit) => too_large(limit),
            BodyError::NoRoom => no_room(),
            corrupt @ BodyError::Corrupt(_) => Refusal::new(
                StatusCode::BAD_REQUEST,
                code::INVALID_ARGUMENT,
                corrupt.to_string(),
            ),
        })?;
        share.absorb(growing);
        Ok(Bytes::from(decoded))
    }
}

/// What admission may need beside the body: JSON is rewritten as protobuf, and the rows are a copy.
fn expansion(notation: Notation, body: usize) -> usize {
    match notation {
        Notation::Protobuf => body,
        Notation::Json => 2 * body,
    }
}

fn too_large(limit: usize) -> Refusal {
    let message = format!("the body is larger than {limit} bytes; send fewer spans at a time");
    Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        code::RESOURCE_EXHAUSTED,
        message,
    )
}

fn no_room() -> Refusal {
    Refusal::put_off("the collector holds as many requests as it can; send again later")
}

fn refusal(error: IntakeError) -> Refusal {
    let message = error.to_string();
    match error {
        IntakeError::Protobuf(_) | IntakeError::Json(_) => {
            Refusal::new(StatusCode::BAD_REQUEST, code::INVALID_ARGUMENT, message)
        }
        IntakeError::Store(AppendError::TooLarge(_)) => Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            code::RESOURCE_EXHAUSTED,
            message,
        ),
        IntakeError::Store(_) => Refusal::put_off(format!("{message}; send again later")),
        IntakeError::Broken => {
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, code::INTERNAL, message)
        }
    }
}

fn success(taken: &Taken, notation: Notation) -> Response {
    let rejected_spans = i64::try_from(taken.rejected).unwrap_or(i64::MAX);
    let answer = ExportResponse {
        rejected_spans,
        message: &taken.message,
    };
    let body = match notation {
        Notation::Protobuf => answer.to_protobuf(),
        Notation::Json => answer.to_json(),
    };
    written(StatusCode::OK, notation, body)
}

fn failure(refusal: &Refusal, notation: Notation) -> Response {
    let status = RpcStatus {
        code: refusal.code,
        message: &refusal.message,
    };
    let body = match notation {
        Notation::Protobuf => status.to_protobuf(),
        Notation::Json => status.to_json(),
    };
    let mut response = written(refusal.status, notation, body);
    match refusal.status {
        StatusCode::SERVICE_UNAVAILABLE => {
            let _none = response
                .headers_mut()
                .insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            let _none = response
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
    let _none = response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn text_of<'h>(headers: &'h HeaderMap, name: &http::HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// How long a gRPC sender that is told to come back should wait.
pub(crate) const RETRY_DELAY: Duration = Duration::from_secs(1);
