//! `opentelemetry.proto.collector.trace.v1.TraceService/Export` (OTLP 1.x §OTLP/gRPC). Messages stay bytes: the wire
//! reader borrows from them, so nothing is decoded twice.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes};
use headcount_lake::AppendError;
use headcount_wire::ExportResponse;
use http::{Request, Response};
use hyper::body::Incoming;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataValue;
use tonic::server::{Grpc, UnaryService};
use tonic::{Code, Status, body::Body};

use crate::body::Notation;
use crate::budget::Budget;
use crate::http_door::RETRY_DELAY;
use crate::intake::{Intake, IntakeError, Taken};
use crate::options::ReceiverLimits;

/// The one method that there is.
const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

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
        if request.uri().path() != EXPORT {
            return Status::unimplemented("the only method is TraceService/Export").into_http();
        }
        let patience = self.limits.patience;
        let mut grpc = Grpc::new(BytesCodec).max_decoding_message_size(self.limits.decoded_bytes);
        for encoding in [
            CompressionEncoding::Gzip,
            CompressionEncoding::Deflate,
            CompressionEncoding::Zstd,
        ] {
            grpc = grpc.accept_compressed(encoding);
        }
        match tokio::time::timeout(patience, grpc.unary(self, request)).await {
            Ok(response) => response,
            Err(_) => Status::deadline_exceeded("the request did not arrive in time").into_http(),
        }
    }

    async fn export(self, message: Bytes) -> Result<tonic::Response<Bytes>, Status> {
        let share = self.budget.take(2 * message.len()).map_err(|_| {
            put_off(
                Code::Unavailable,
                "the collector holds as many requests as it can; send again later",
            )
        })?;
        let taken = self
            .intake
            .take(message, Notation::Protobuf)
            .await
            .map_err(|error| status(&error))?;
        drop(share);
        Ok(tonic::Response::new(answer(&taken)))
    }
}

impl UnaryService<Bytes> for TraceService {
    type Response = Bytes;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<Bytes>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        Box::pin(self.clone().export(request.into_inner()))
    }
}

fn answer(taken: &Taken) -> Bytes {
    let rejected_spans = i64::try_from(taken.rejected).unwrap_or(i64::MAX);
    Bytes::from(
        ExportResponse {
            rejected_spans,
            message: &taken.message,
        }
        .to_protobuf(),
    )
}

fn status(error: &IntakeError) -> Status {
    let message = error.to_string();
    match error {
        IntakeError::Protobuf(_) | IntakeError::Json(_) => Status::invalid_argument(message),
        IntakeError::Store(AppendError::TooLarge(_)) => Status::resource_exhausted(message),
        IntakeError::Store(AppendError::DiskFull | AppendError::Overloaded) => {
            put_off(Code::ResourceExhausted, &message)
        }
        IntakeError::Store(_) => put_off(Code::Unavailable, &message),
        IntakeError::Broken => Status::internal(message),
    }
}

/// A status that says when to come back: without `RetryInfo` a sender must not repeat `RESOURCE_EXHAUSTED`
/// (OTLP 1.x §OTLP/gRPC Throttling).
fn put_off(code: Code, message: &str) -> Status {
    let mut status = Status::with_details(code, message, retry_details(code, message));
    let pushback = RETRY_DELAY.as_millis().to_string();
    if let Ok(value) = MetadataValue::try_from(pushback) {
        let _none = status
            .metadata_mut()
            .insert("grpc-retry-pushback-ms", value);
    }
    status
}

/// `google.rpc.Status` with one detail, `google.rpc.RetryInfo { retry_delay }`, written by hand: four small fields.
fn retry_details(code: Code, message: &str) -> Bytes {
    let delay = [0x08, RETRY_DELAY.as_secs().min(127) as u8];
    let info = length_delimited(1, &delay);
    let mut any = length_delimited(1, b"type.googleapis.com/google.rpc.RetryInfo");
    any.extend(length_delimited(2, &info));
    let mut status = vec![0x08, code as i32 as u8];
    status.extend(length_delimited(2, message.as_bytes()));
    status.extend(length_delimited(3, &any));
    Bytes::from(status)
}

fn length_delimited(field: u8, bytes: &[u8]) -> Vec<u8> {
    let mut written = vec![field << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        written.push(length as u8 | 0x80);
        length >>= 7;
    }
    written.push(length as u8);
    written.extend_from_slice(bytes);
    written
}

/// Hands messages through as bytes.
#[derive(Debug, Clone, Copy)]
struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, destination: &mut EncodeBuf<'_>) -> Result<(), Status> {
        destination.put(item);
        Ok(())
    }
}

impl Decoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(source.copy_to_bytes(source.remaining())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_details_say_when_to_come_back() {
        let details = retry_details(Code::ResourceExhausted, "full");
        assert_eq!(&details[..2], [0x08, 8]);
        assert!(details.windows(4).any(|window| window == b"full"));
        assert!(details.ends_with(&[0x12, 4, 0x0a, 2, 0x08, 1]));
    }
}
