//! Connections through real sockets: the silent, the slow and the idle are closed, the rest are served.

use crate::support;
use std::time::{Duration, Instant};

use crate::support::{Running, request, start, start_within};
use headcount_collector::ReceiverLimits;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// An HTTP/2 preface with empty SETTINGS (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fn impatient() -> ReceiverLimits {
    ReceiverLimits {
        timeout: Duration::from_millis(300),
        idle: Duration::from_millis(300),
        connections: 4,
        ..ReceiverLimits::default()
    }
}

/// Waits until the other side closes; fails if it takes more than ten times the limit.
async fn closes(stream: &mut TcpStream) -> bool {
    let mut sink = Vec::new();
    let reading = stream.read_to_end(&mut sink);
    tokio::time::timeout(Duration::from_secs(3), reading)
        .await
        .is_ok()
}

async fn export(running: &Running, requests: usize, seed: u8) {
    let address = running.http();
    for number in 0..requests {
        let mut body = request(&["Feature Usage", "Feature Usage"]);
        // Every span of this test has its own trace id, which the encoder writes as sixteen nines.
        for at in 0..body.len() - 16 {
            if body[at..at + 16] == [9; 16] {
                body[at] = seed;
                body[at + 1] = u8::try_from(number).expect("few requests");
            }
        }
        let answer = tokio::task::spawn_blocking(move || support::post_to(address, &body)).await;
        assert_eq!(answer.expect("no panic").status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_and_half_begun_connections_are_closed_and_new_ones_served() {
    let running = start_within(impatient()).await;
    let grpc = running.collector.grpc_address().expect("a listener");
    let beginnings: [&[u8]; 6] = [
        b"",
        b"PRI",
        b"PRI * HTTP/2.0\r\n",
        PREFACE,
        b"POST /v1/tr",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ];
    for address in [running.http(), grpc] {
        for beginning in beginnings {
            let mut held = Vec::new();
            for _ in 0..4 {
                let mut stream = TcpStream::connect(address).await.expect("it listens");
                stream.write_all(beginning).await.expect("it takes bytes");
                held.push(stream);
            }
            for stream in &mut held {
                let text = String::from_utf8_lossy(beginning);
                assert!(closes(stream).await, "{address} kept {text:?}");
            }
            assert_eq!(running.post(&request(&["Feature Usage"])).await.status, 200);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_alone_do_not_keep_a_connection() {
    let running = start_within(impatient()).await;
    let mut stream = TcpStream::connect(running.http())
        .await
        .expect("it listens");
    stream.write_all(PREFACE).await.expect("it takes bytes");
    let (began, mut received) = (Instant::now(), Vec::new());
    let ping = b"\0\0\x08\x06\0\0\0\0\0headcoun";
    while stream.write_all(ping).await.is_ok() {
        assert!(began.elapsed() < Duration::from_secs(5), "still open");
        let reading = stream.read_buf(&mut received);
        let read = tokio::time::timeout(Duration::from_millis(50), reading).await;
        if matches!(read, Ok(Ok(0) | Err(_))) {
            break;
        }
        // It also answers the collector's own pings, as a peer that lives does.
        let acknowledged = acknowledge_pings(&mut received);
        if stream.write_all(&acknowledged).await.is_err() {
            break;
        }
    }
}

/// The answers to the pings among the whole frames of `received`, which are taken out (RFC 9113 §4.1, §6.7).
fn acknowledge_pings(received: &mut Vec<u8>) -> Vec<u8> {
    const PING: u8 = 6;
    const ACK: u8 = 1;
    let mut answers = Vec::new();
    while let [high, middle, low, kind, flags, ..] = received[..] {
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        if received.len() < 9 + length {
            break;
        }
        let frame: Vec<u8> = received.drain(..9 + length).collect();
        if kind == PING && flags & ACK == 0 {
            answers.extend_from_slice(&frame);
            let at = answers.len() - frame.len() + 4;
            answers[at] |= ACK;
        }
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_asks_in_time_stays_open() {
    let running = start_within(impatient()).await;
    let stream = TcpStream::connect(running.http())
        .await
        .expect("it listens");
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .expect("HTTP/2");
    tokio::spawn(connection);
    for _ in 0..8 {
        let asked = Request::get(format!("http://{}/healthz", running.http()))
            .body(Full::new(Bytes::new()))
            .expect("a request");
        let answer = sender.send_request(asked).await.expect("an answer");
        assert_eq!(answer.status(), 200);
        answer.into_body().collect().await.expect("a whole answer");
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_gets_a_long_answer_whole() {
    let running = start_within(impatient()).await;
    let (long, rows) = ("x".repeat(10_000), ["(1)"; 30].join(","));
    let query = format!(
        "SELECT '{long}' AS long FROM (VALUES {rows}) AS a(n) CROSS JOIN (VALUES {rows}) AS b(m)"
    );
    let asked = format!(
        "POST /api/v1/sql?format=csv HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{query}",
        query.len()
    );
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(32 * 1024).expect("a buffer");
    let mut stream = socket.connect(running.http()).await.expect("it listens");
    stream
        .write_all(asked.as_bytes())
        .await
        .expect("it takes bytes");
    let (mut read, mut piece, began) = (0, vec![0; 600_000], Instant::now());
    loop {
        match stream.read(&mut piece).await.expect("it is not cut") {
            0 => break,
            count => read += count,
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(read > 6_000_000, "only {read} bytes");
    assert!(began.elapsed() > Duration::from_millis(300), "not slow");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_connections_at_once_are_counted_exactly() {
    let running = std::sync::Arc::new(start().await);
    let mut senders = tokio::task::JoinSet::new();
    for seed in 0..64 {
        let running = std::sync::Arc::clone(&running);
        senders.spawn(async move {
            export(&running, 4, 100 + seed).await;
            // The same again: a sender that missed the answer.
            export(&running, 4, 100 + seed).await;
        });
    }
    while let Some(sent) = senders.join_next().await {
        sent.expect("every request is acknowledged");
    }
    let stored = running.number("SELECT count(*) FROM feature_uses").await;
    assert_eq!(stored, 64 * 4 * 2);
    let counters = running.collector.pipeline().counters();
    assert_eq!(counters.requests(), 64 * 8);
    assert_eq!(counters.spans_duplicate(), 64 * 4 * 2);
}
