//! OTLP/gRPC through a real socket, its frames written out by hand.

mod peer;

use headcount_collector::ReceiverLimits;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper::{HeaderMap, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use peer::{Running, request, start, start_within};

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// What came back: the trailers (or, where there was no message, the headers) and the message.
struct Reply {
    status: HeaderMap,
    message: Vec<u8>,
}

impl Reply {
    fn code(&self) -> &str {
        self.status["grpc-status"].to_str().expect("a number")
    }
}

async fn call(running: &Running, path: &str, encoding: Option<&str>, message: &[u8]) -> Reply {
    let address = running.collector.grpc_address().expect("a listener");
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .expect("it listens");
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.expect("HTTP/2");
    let _background = tokio::spawn(connection);
    let mut frame = vec![u8::from(encoding.is_some())];
    frame.extend(
        u32::try_from(message.len())
            .expect("a small message")
            .to_be_bytes(),
    );
    frame.extend(message);
    let mut builder = Request::post(format!("http://{address}{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if let Some(encoding) = encoding {
        builder = builder.header("grpc-encoding", encoding);
    }
    let request = builder
        .body(Full::new(Bytes::from(frame)))
        .expect("a request");
    let response = sender.send_request(request).await.expect("an answer");
    let at_once = response.headers().clone();
    let collected = response
        .into_body()
        .collect()
        .await
        .expect("a whole answer");
    let status = collected.trailers().cloned().unwrap_or(at_once);
    let message = collected.to_bytes().get(5..).unwrap_or_default().to_vec();
    Reply { status, message }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_stored_and_says_what_was_refused() {
    let running = start().await;
    let body = request(&["Feature Usage", "no span of ours"]);
    let reply = call(&running, EXPORT, None, &body).await;
    assert_eq!(reply.code(), "0");
    assert!(
        reply.message.windows(2).any(|window| window == [0x08, 1]),
        "one span was rejected"
    );
    assert_eq!(running.number("SELECT count(*) FROM feature_uses").await, 1);
    let zipped = zstd::encode_all(&body[..], 3).expect("memory takes it");
    assert_eq!(
        call(&running, EXPORT, Some("zstd"), &zipped).await.code(),
        "0"
    );
    assert_eq!(
        running.number("SELECT count(*) FROM feature_uses").await,
        1,
        "it was sent twice"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_calls_get_their_status() {
    let limits = ReceiverLimits {
        decoded_bytes: 4096,
        ..ReceiverLimits::default()
    };
    let running = start_within(limits).await;
    let body = request(&["Feature Usage"]);
    let cut = call(&running, EXPORT, None, &body[..body.len() - 1]).await;
    assert_eq!(cut.code(), "3", "INVALID_ARGUMENT");
    let elsewhere = call(
        &running,
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        None,
        &body,
    )
    .await;
    assert_eq!(elsewhere.code(), "12", "UNIMPLEMENTED");
    let unknown = call(&running, EXPORT, Some("br"), &body).await;
    assert_eq!(unknown.code(), "12", "UNIMPLEMENTED");
    let large = call(&running, EXPORT, None, &vec![0; 5000]).await;
    assert_ne!(large.code(), "0");
    let bomb = zstd::encode_all(&vec![0; 1 << 20][..], 3).expect("memory takes it");
    let bomb = call(&running, EXPORT, Some("zstd"), &bomb).await;
    assert_ne!(bomb.code(), "0");
    assert_eq!(running.number("SELECT count(*) FROM feature_uses").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_room_a_call_is_told_when_to_come_back() {
    let limits = ReceiverLimits {
        in_flight_bytes: 1024,
        ..ReceiverLimits::default()
    };
    let running = start_within(limits).await;
    let names = vec!["Feature Usage"; 40];
    let reply = call(&running, EXPORT, None, &request(&names)).await;
    assert_eq!(reply.code(), "14", "UNAVAILABLE");
    assert_eq!(reply.status["grpc-retry-pushback-ms"], "1000");
    assert!(
        reply.status.contains_key("grpc-status-details-bin"),
        "google.rpc.RetryInfo"
    );
}
