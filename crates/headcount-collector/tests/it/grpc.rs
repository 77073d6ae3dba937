//! OTLP/gRPC through a real socket, with frames written by hand.

use crate::support::{Running, request, start, start_within};
use futures::StreamExt as _;
use headcount_collector::{ReceiverLimits, RejectionReason};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper::client::conn::http2;
use hyper::{HeaderMap, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// A response: the trailers (or, without a message, the headers) and the message.
pub(crate) struct Reply {
    status: HeaderMap,
    pub(crate) message: Vec<u8>,
}

impl Reply {
    pub(crate) fn code(&self) -> &str {
        self.status["grpc-status"].to_str().expect("a number")
    }
}

pub(crate) async fn call(
    running: &Running,
    path: &str,
    encoding: Option<&str>,
    message: &[u8],
) -> Reply {
    let address = running.collector.grpc_address().expect("a listener");
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .expect("it listens");
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.expect("HTTP/2");
    tokio::spawn(connection);
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
async fn an_export_is_stored_and_reports_rejected_spans() {
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

/// Not to be sent again: `RESOURCE_EXHAUSTED` without `RetryInfo` (OTLP 1.x §OTLP/gRPC Throttling).
fn assert_is_too_large(reply: &Reply) {
    assert_eq!(reply.code(), "8", "RESOURCE_EXHAUSTED");
    assert!(!reply.status.contains_key("grpc-status-details-bin"));
    assert!(!reply.status.contains_key("grpc-retry-pushback-ms"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_giant_message_gets_its_status_and_not_a_broken_connection() {
    let running = start().await;
    for size in [17 << 20, 40 << 20] {
        let reply = call(&running, EXPORT, None, &vec![0; size]).await;
        assert_is_too_large(&reply);
    }
    let refused = running.collector.pipeline().counters();
    assert_eq!(refused.rejections(RejectionReason::TooLarge), 2);
}

/// A call that says it holds `announced` bytes, sends `sent` of them and then nothing.
async fn begin_call(running: &Running, announced: u32, sent: usize) -> Result<Reply, hyper::Error> {
    let address = running.collector.grpc_address().expect("a listener");
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .expect("it listens");
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await?;
    tokio::spawn(connection);
    let mut beginning = vec![0];
    beginning.extend(announced.to_be_bytes());
    beginning.resize(5 + sent, 0);
    let pieces = beginning.chunks(64 * 1024).map(Bytes::copy_from_slice);
    let pieces: Vec<_> = pieces
        .map(|piece| Ok::<_, std::convert::Infallible>(Frame::data(piece)))
        .collect();
    let body = StreamBody::new(futures::stream::iter(pieces).chain(futures::stream::pending()));
    let request = Request::post(format!("http://{address}{EXPORT}"))
        .header("content-type", "application/grpc")
        .body(body)
        .expect("a request");
    let response = sender.send_request(request).await?;
    Ok(Reply {
        status: response.headers().clone(),
        message: Vec::new(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_calls_share_one_memory_budget_and_time_out() {
    let limits = ReceiverLimits {
        in_flight_bytes: 4 << 20,
        ..ReceiverLimits::default()
    };
    let running = start_within(limits).await;
    let calls = (0..8).map(|_| begin_call(&running, 2 << 20, 1 << 20));
    let replies = futures::future::join_all(calls).await;
    let codes: Vec<_> = replies
        .iter()
        .map(|reply| reply.as_ref().expect("an answer").code().to_owned())
        .collect();
    let counters = running.collector.pipeline().counters();
    let (late, retryable) = (
        counters.rejections(RejectionReason::Timeout),
        counters.requests_retryable(),
    );
    let count = |code: &str| codes.iter().filter(|found| *found == code).count() as u64;
    assert_eq!((count("4"), count("14")), (late, retryable), "{codes:?}");
    assert_eq!(late + retryable, 8, "{codes:?}");
    // One at a time has the memory, and each that does not come makes room for the next.
    assert!(
        counters.rejections(RejectionReason::TooSlow) >= 1,
        "{codes:?}"
    );
    let refused = replies.iter().flatten().find(|reply| reply.code() == "14");
    let status = &refused.expect("one of them").status;
    let pause: u64 = status["grpc-retry-pushback-ms"]
        .to_str()
        .expect("digits")
        .parse()
        .expect("a number");
    assert!((1_000..5_000).contains(&pause), "{pause}");
    assert!(
        status.contains_key("grpc-status-details-bin"),
        "google.rpc.RetryInfo"
    );
    let after = call(&running, EXPORT, None, &request(&["Feature Usage"])).await;
    assert_eq!(after.code(), "0", "all room was given back");
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
    let advice = elsewhere.status["grpc-message"].to_str().expect("text");
    assert!(advice.contains("OTEL_LOGS_EXPORTER"), "{advice}");
    let unknown = call(&running, EXPORT, Some("br"), &body).await;
    assert_eq!(unknown.code(), "12", "UNIMPLEMENTED");
    let large = call(&running, EXPORT, None, &vec![0; 5000]).await;
    assert_is_too_large(&large);
    let bomb = zstd::encode_all(&vec![0; 1 << 20][..], 3).expect("memory takes it");
    let bomb = call(&running, EXPORT, Some("zstd"), &bomb).await;
    assert_is_too_large(&bomb);
    assert_eq!(running.number("SELECT count(*) FROM feature_uses").await, 0);
}
