//! `grpc.health.v1.Health/Check`, for the probes of Kubernetes and of load balancers
//! (<https://github.com/grpc/grpc/blob/master/doc/health-checking.md>). It says what `/readyz` says over HTTP.

use std::time::Duration;

use headcount_wire::varint;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Limited};
use tonic::Status;
use tonic::body::Body;

use crate::grpc_frame::{reply, unframe};
use crate::unread::ReceivedBody;

/// The only method of the service. A client that gets `UNIMPLEMENTED` for `Watch` asks no further, as the protocol says.
pub(crate) const CHECK: &str = "/grpc.health.v1.Health/Check";

/// The services whose health can be asked for; the empty name stands for the whole server.
const SERVICES: [&[u8]; 3] = [
    b"",
    b"opentelemetry.proto.collector.trace.v1.TraceService",
    b"grpc.health.v1.Health",
];

/// The longest request, in bytes: it names a service.
const MAX_BYTES: usize = 4096;

/// `HealthCheckResponse { status: SERVING }`.
const SERVING: [u8; 2] = [0x08, 1];

/// `HealthCheckResponse { status: NOT_SERVING }`.
const NOT_SERVING: [u8; 2] = [0x08, 2];

/// Handles one call.
pub(crate) async fn check(
    request: Request<ReceivedBody>,
    is_serving: bool,
    timeout: Duration,
) -> Response<Body> {
    match service_of(request, timeout).await {
        Ok(service) if !SERVICES.contains(&service.as_slice()) => {
            let known = "health is known of opentelemetry.proto.collector.trace.v1.TraceService, and of the server";
            Status::not_found(known).into_http()
        }
        Ok(_) if is_serving => reply(&SERVING),
        Ok(_) => reply(&NOT_SERVING),
        Err(status) => status.into_http(),
    }
}

/// The service that the request asks about.
async fn service_of(request: Request<ReceivedBody>, timeout: Duration) -> Result<Vec<u8>, Status> {
    let body = Limited::new(request.into_body(), MAX_BYTES).collect();
    let collected = tokio::time::timeout(timeout, body).await;
    let collected =
        collected.map_err(|_| Status::deadline_exceeded("the message did not arrive in time"))?;
    let collected = collected
        .map_err(|_| Status::invalid_argument("the message is too large or incomplete"))?;
    let unframed = unframe(&collected.to_bytes());
    let (is_compressed, message) = unframed.map_err(|rejection| rejection.into_status())?;
    if is_compressed {
        let text = "send the health check without compression";
        return Err(Status::unimplemented(text));
    }
    parse(&message).ok_or_else(|| Status::invalid_argument("not a HealthCheckRequest"))
}

/// The field `service` of a `HealthCheckRequest`, which has no other.
fn parse(message: &[u8]) -> Option<Vec<u8>> {
    const SERVICE: u8 = 0x0a;
    let mut service = Vec::new();
    let mut rest = message;
    while let Some((&key, after_key)) = rest.split_first() {
        if key != SERVICE {
            return None;
        }
        let (length, after_length) = varint::read(after_key).ok()?;
        let (name, after) = after_length.split_at_checked(usize::try_from(length).ok()?)?;
        name.clone_into(&mut service);
        rest = after;
    }
    Some(service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_a_service_or_none() {
        assert_eq!(parse(b""), Some(Vec::new()));
        assert_eq!(parse(b"\x0a\x00"), Some(Vec::new()));
        assert_eq!(parse(b"\x0a\x02ab"), Some(b"ab".to_vec()));
        for wrong in [
            &b"\x0a"[..],
            b"\x0a\x03ab",
            b"\x08\x01",
            b"<html>",
            b"\x0a\xff\xff",
        ] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }
}
