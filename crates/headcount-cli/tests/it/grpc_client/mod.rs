//! One unary gRPC call written out: HTTP/2, a five-byte frame header, a status in the trailers (gRPC over HTTP/2).

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Request, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};

/// Exports `body`, an `ExportTraceServiceRequest`, and panics unless the status is OK.
pub(crate) fn export(address: &str, body: &[u8]) {
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let status = runtime.block_on(call(address, body, ""));
    assert_eq!(status.as_deref(), Some("0"), "the call failed");
}

/// Exports `body` with this `authorization`, if it is not empty; the status.
pub(crate) fn call_with(address: &str, body: &[u8], authorization: &str) -> Option<String> {
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    runtime.block_on(call(address, body, authorization))
}

async fn call(address: &str, body: &[u8], authorization: &str) -> Option<String> {
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .expect("a listener");
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .expect("HTTP/2");
    tokio::spawn(connection);
    let mut message = vec![0];
    message.extend(
        u32::try_from(body.len())
            .expect("a small body")
            .to_be_bytes(),
    );
    message.extend(body);
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let mut request = Request::post(format!("http://{address}{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if !authorization.is_empty() {
        request = request.header("authorization", authorization);
    }
    let request = request
        .body(Full::new(Bytes::from(message)))
        .expect("a request");
    let response = sender.send_request(request).await.expect("an answer");
    let at_once = response.headers().get("grpc-status").cloned();
    let collected = response
        .into_body()
        .collect()
        .await
        .expect("a whole answer");
    let status = collected
        .trailers()
        .and_then(|trailers| trailers.get("grpc-status").cloned())
        .or(at_once)?;
    status.to_str().ok().map(str::to_owned)
}
