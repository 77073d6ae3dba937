//! More than fits at once: what is admitted is finished, small requests are served, and nobody waits for a sender that stalls.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use headcount_collector::{ReceiverLimits, RejectionReason};

use crate::support::{Running, post_to, request, start, start_within};

const LARGE: usize = 14 << 20;

/// A connection that announces a large body, of which `sent` bytes come at once, and then nothing.
fn stall(address: SocketAddr, sent: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("a listener");
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\nContent-Length: {LARGE}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("it is taken");
    // Without memory it is not read, and then stands in the sockets' buffers.
    stream.set_nonblocking(true).expect("a socket");
    let _ = stream.write(&vec![0; sent]);
    stream
}

/// A connection that begins a body of unknown length and sends nothing of it.
fn hold(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("a listener");
    let head = "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("it is taken");
    stream
}

/// A request of 14 MiB: one span that is known, and a field that nobody reads.
fn large_request() -> Vec<u8> {
    let mut body = request(&["Feature Usage"]);
    // Field 1000 of the request, of which the length is four bytes long.
    let length = LARGE - body.len();
    body.extend_from_slice(&[0xc2, 0x3e]);
    for shift in [0, 7, 14, 21] {
        let more = if shift < 21 { 0x80 } else { 0 };
        body.push((length >> shift & 0x7f) as u8 | more);
    }
    body.resize(body.len() + length, 0);
    body
}

async fn post(address: SocketAddr, body: Vec<u8>) -> (u16, Duration) {
    let work = tokio::task::spawn_blocking(move || {
        let began = Instant::now();
        let answer = post_to(address, &body);
        (answer.status, began.elapsed())
    });
    work.await.expect("the client does not panic")
}

#[tokio::test(flavor = "multi_thread")]
async fn more_large_requests_than_fit_are_all_stored() {
    let running = start().await;
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..12 {
        senders.spawn(post(running.http(), large_request()));
    }
    while let Some(sent) = senders.join_next().await {
        assert_eq!(sent.expect("an answer").0, 200);
    }
    let counters = running.collector.pipeline().counters();
    assert_eq!(
        (counters.requests(), counters.requests_retryable()),
        (12, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn small_requests_do_not_wait_for_large_ones_that_stall_and_large_ones_not_for_long() {
    let running = start().await;
    let address = running.http();
    let stalled: Vec<_> = (0..6).map(|_| stall(address, LARGE - 9)).collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    for _ in 0..5 {
        let (status, took) = post(address, request(&["Feature Usage"])).await;
        assert_eq!(status, 200);
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
    let counters = running.collector.pipeline().counters();
    let deadline = Instant::now() + Duration::from_secs(20);
    while post(address, large_request()).await.0 != 200 {
        assert!(
            Instant::now() < deadline,
            "large requests are still refused"
        );
    }
    assert!(counters.rejections(RejectionReason::TooSlow) > 0);
    drop(stalled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_would_wait_for_too_long_is_refused_at_once_and_told_when_to_come_back() {
    let running = start().await;
    let address = running.http();
    let held: Vec<_> = (0..70).map(|_| stall(address, 0)).collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    let answer = running.post(&large_request()).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    let seconds: u64 = answer
        .header("retry-after")
        .expect("a time")
        .parse()
        .expect("seconds");
    assert!((1..=4).contains(&seconds), "{seconds}");
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(running.post(&request(&["Feature Usage"])).await.status, 200);
    drop(held);
}

fn get(address: SocketAddr, path: &str) -> (u16, Duration) {
    let began = Instant::now();
    let mut stream = TcpStream::connect(address).expect("a listener");
    let timeout = Some(Duration::from_secs(10));
    stream.set_read_timeout(timeout).expect("a timeout");
    let asked = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(asked.as_bytes()).expect("it is taken");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    (status.unwrap_or_default(), began.elapsed())
}

async fn probe(running: &Running, path: &'static str) -> (u16, Duration) {
    let address = running.http();
    let asked = tokio::task::spawn_blocking(move || get(address, path));
    asked.await.expect("the client does not panic")
}

fn few_connections() -> ReceiverLimits {
    ReceiverLimits {
        connections: 8,
        ..ReceiverLimits::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_make_room_for_new_ones() {
    let running = start_within(few_connections()).await;
    let connect = |_| TcpStream::connect(running.http()).expect("a listener");
    let _idle: Vec<_> = (0..40).map(connect).collect();
    for _ in 0..3 {
        for path in ["/healthz", "/readyz"] {
            let (status, took) = probe(&running, path).await;
            assert_eq!(status, 200);
            assert!(took < Duration::from_secs(2), "{path} took {took:?}");
        }
        assert_eq!(running.post(&request(&["Feature Usage"])).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_are_answered_while_every_connection_is_busy() {
    let running = start_within(few_connections()).await;
    let _busy: Vec<_> = (0..8).map(|_| hold(running.http())).collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (status, took) = probe(&running, "/healthz").await;
    assert_eq!(status, 200);
    assert!(took < Duration::from_secs(3), "{took:?}");
    let answer = running.post(&request(&["Feature Usage"])).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    let counters = running.collector.pipeline().counters();
    assert_eq!(counters.rejections(RejectionReason::Crowded), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_long_is_answered() {
    let running = start().await;
    for kib in [64, 120, 200, 1_000] {
        let token = "a".repeat(kib * 1024);
        let answer = running
            .send("GET /healthz", &[("Authorization", &token)], b"")
            .await;
        let expected = if kib < 128 { 200 } else { 431 };
        assert_eq!(answer.status, expected, "{kib} KiB");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_kept_between_exports() {
    let limits = ReceiverLimits {
        timeout: Duration::from_millis(200),
        idle: Duration::from_secs(2),
        ..ReceiverLimits::default()
    };
    let running = start_within(limits).await;
    assert_eq!(ReceiverLimits::default().idle, Duration::from_secs(90));
    let mut stream = TcpStream::connect(running.http()).expect("a listener");
    let timeout = Some(Duration::from_secs(5));
    stream.set_read_timeout(timeout).expect("a timeout");
    for _ in 0..3 {
        let asked = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stream.write_all(asked).expect("it is open");
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).expect("an answer");
        assert_eq!(&answer, b"HTTP/1.1 200");
        std::thread::sleep(Duration::from_millis(600));
        let mut rest = [0; 1024];
        assert!(stream.read(&mut rest).expect("the rest") > 0);
    }
}
