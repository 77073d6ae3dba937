//! Promises 1 and 10 where logs are concerned, with the real collector logging everything that it can.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::support::start_within;
use headcount_collector::ReceiverLimits;
use headcount_wire::{RequestEncoder, SpanHeader, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// In every text that a sender chooses.
const CANARY: &str = "canary";

/// The sender's address: an address of this machine that nothing else uses.
const SENDER: &str = "127.0.0.77";

/// Everything that was logged.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn connect(address: std::net::SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    let sender = format!("{SENDER}:0").parse().expect("an address");
    socket.bind(sender).expect("an address of this machine");
    socket.connect(address).await.expect("it listens")
}

/// One request with canaries in its head; its status.
async fn send(address: std::net::SocketAddr, line: &str, headers: &str, body: &[u8]) -> u16 {
    let mut bytes = format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nUser-Agent: {CANARY}-agent\r\nX-{CANARY}: {CANARY}\r\n{headers}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    let mut stream = connect(address).await;
    // A collector that refuses may close before it has read everything.
    let _ = stream.write_all(&bytes).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer);
    let status = text.split(' ').nth(1).expect("an answer");
    status.parse().expect("a status")
}

async fn call(address: std::net::SocketAddr, path: &str, coding: &str, message: &[u8]) -> String {
    let io = TokioIo::new(connect(address).await);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io)
        .await
        .expect("HTTP/2");
    tokio::spawn(connection);
    let mut frame = vec![0];
    frame.extend(u32::try_from(message.len()).expect("small").to_be_bytes());
    frame.extend(message);
    let request = Request::post(format!("http://{address}{path}"))
        .header("content-type", "application/grpc")
        .header("grpc-encoding", coding)
        .header("user-agent", format!("{CANARY}-agent"))
        .header(format!("x-{CANARY}"), CANARY)
        .body(Full::new(Bytes::from(frame)))
        .expect("a request");
    let answer = sender.send_request(request).await.expect("an answer");
    let at_once = answer.headers().get("grpc-status").cloned();
    let whole = answer.into_body().collect().await.expect("a whole answer");
    let trailers = whole.trailers().and_then(|all| all.get("grpc-status"));
    let status = at_once.as_ref().or(trailers).expect("a status");
    status.to_str().expect("a number").to_owned()
}

/// Content, unknown attributes and unknown spans, all of them canaries.
fn canaries() -> Vec<u8> {
    let mut encoder = RequestEncoder::new();
    encoder.resource(|attributes| {
        attributes.string("service.name", "crewAI-telemetry");
        attributes.string("host.name", CANARY);
    });
    encoder.scope("crewai.telemetry", CANARY);
    for (index, name) in ["Feature Usage", "Crew Created", CANARY].iter().enumerate() {
        let header = SpanHeader {
            trace_id: [9; 16],
            span_id: [u8::try_from(index + 1).expect("few"); 8],
            name,
            start_unix_nano: 1_790_000_000_000_000_000,
            end_unix_nano: 1_790_000_000_000_000_000,
            status: StatusCode::Ok,
        };
        encoder.span(&header, |attributes| {
            attributes.string("feature", CANARY);
            attributes.string("crew_agents", CANARY);
            attributes.string("crew_inputs", CANARY);
            attributes.string(CANARY, CANARY);
        });
    }
    encoder.finish()
}

const PROTOBUF: &str = "Content-Type: application/x-protobuf";
const JSON: &str = "Content-Type: application/json";

async fn send_over_http(address: std::net::SocketAddr) {
    let body = canaries();
    let broken = format!("{{\"resourceSpans\": \"{CANARY}\"");
    let giant = CANARY.repeat(20_000);
    let text = format!("Content-Type: text/{CANARY}");
    let coded = format!("{PROTOBUF}\r\nContent-Encoding: {CANARY}");
    let zipped = format!("{PROTOBUF}\r\nContent-Encoding: gzip");
    let path = format!("GET /{CANARY}?{CANARY}={CANARY}");
    let report = format!("GET /api/v1/reports/{CANARY}");
    let cases: [(&str, &str, &[u8], u16); 10] = [
        ("POST /v1/traces", PROTOBUF, &body, 200),
        ("POST /v1/traces", PROTOBUF, &body[..body.len() - 3], 400),
        ("POST /v1/traces", PROTOBUF, giant.as_bytes(), 413),
        ("POST /v1/traces", JSON, broken.as_bytes(), 400),
        ("POST /v1/traces", &text, &body, 415),
        ("POST /v1/traces", &coded, &body, 415),
        ("POST /v1/traces", &zipped, &body, 400),
        ("PUT /v1/traces", PROTOBUF, &body, 405),
        (&path, JSON, b"", 404),
        // What comes through a proxy may come from anywhere: reports ask it for the token.
        (&report, JSON, b"", 403),
    ];
    for (line, content, body, status) in cases {
        let headers = format!("X-Forwarded-For: {SENDER}\r\n{content}");
        assert_eq!(
            send(address, line, &headers, body).await,
            status,
            "{line} {content}"
        );
    }
    assert_eq!(send(address, &report, JSON, b"").await, 404);
    let mut late = connect(address).await;
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{PROTOBUF}\r\nContent-Length: 99\r\n\r\n{CANARY}"
    );
    late.write_all(head.as_bytes()).await.expect("it takes it");
    let _ = late.read_to_end(&mut Vec::new()).await;
    let mut garbage = connect(address).await;
    let line = format!("{CANARY} \0 {CANARY}\r\n\r\n");
    garbage
        .write_all(line.as_bytes())
        .await
        .expect("it takes it");
    let _ = garbage.read_to_end(&mut Vec::new()).await;
}

async fn send_over_grpc(address: std::net::SocketAddr) {
    const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let body = canaries();
    assert_eq!(call(address, EXPORT, "identity", &body).await, "0");
    assert_eq!(call(address, EXPORT, "identity", &body[1..]).await, "3");
    assert_eq!(call(address, EXPORT, CANARY, &body).await, "12");
    assert_eq!(
        call(address, &format!("/{CANARY}"), "identity", &body).await,
        "12"
    );
    let giant = CANARY.repeat(20_000);
    assert_eq!(
        call(address, EXPORT, "identity", giant.as_bytes()).await,
        "8"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn promises_1_and_10_no_log_line_holds_a_text_or_an_address_of_a_sender() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let limits = ReceiverLimits {
        timeout: Duration::from_millis(300),
        body_bytes: 64 * 1024,
        ..ReceiverLimits::default()
    };
    let running = start_within(limits).await;
    let grpc = running.collector.grpc_address().expect("a listener");
    send_over_http(running.http()).await;
    send_over_grpc(grpc).await;
    tracing::trace!("the log is captured");
    running.collector.stop().await.expect("it stops");
    let text = log.text();
    assert!(text.contains("the log is captured"));
    for line in text.lines() {
        let line = line.to_ascii_lowercase();
        assert!(!line.contains(CANARY), "{line}");
        assert!(!line.contains(SENDER), "{line}");
    }
}
