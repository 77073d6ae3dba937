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

/// Reads one response from a connection that may stay open: its head, and a body of the announced length.
async fn read_response(stream: &mut TcpStream) -> String {
    let mut received = Vec::new();
    let read = async {
        loop {
            let mut byte = [0];
            if stream.read(&mut byte).await.expect("no reset") == 0 {
                return;
            }
            received.push(byte[0]);
            if received.ends_with(b"\r\n\r\n") {
                break;
            }
        }
        let head = String::from_utf8_lossy(&received).to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().expect("a number"))];
        stream.read_exact(&mut body).await.expect("the whole body");
    };
    tokio::time::timeout(Duration::from_secs(5), read)
        .await
        .expect("an answer within five seconds");
    String::from_utf8_lossy(&received).to_lowercase()
}

const REFUSED: [(&str, &str); 5] = [
    ("POST /v1/traces", "Content-Type: text/plain"),
    ("POST /v1/erase", "Content-Type: text/plain"),
    ("PUT /v1/traces", "Content-Type: application/json"),
    ("POST /api/v1/export", "Content-Type: text/plain"),
    ("POST /nowhere", "Content-Type: text/plain"),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_next_request_follows_one_that_was_refused_before_its_body_came() {
    let running = start().await;
    for (line, header) in REFUSED {
        let mut stream = TcpStream::connect(running.http())
            .await
            .expect("it listens");
        for chunks in [false, true] {
            let framing = match chunks {
                false => "Content-Length: 5",
                true => "Transfer-Encoding: chunked",
            };
            let head =
                format!("{line} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n{framing}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.expect("it is open");
            tokio::time::sleep(Duration::from_millis(100)).await;
            let body: &[u8] = match chunks {
                false => b"hello",
                true => b"5\r\nhello\r\n0\r\n\r\n",
            };
            stream.write_all(body).await.expect("it is open");
            let answer = read_response(&mut stream).await;
            assert!(answer.starts_with("http/1.1 4"), "{line}: {answer}");
            assert!(!answer.contains("connection: close"), "{line}: {answer}");
        }
        let next = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stream.write_all(next).await.expect("it is open");
        let answer = read_response(&mut stream).await;
        assert!(answer.starts_with("http/1.1 200"), "{line}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_ends_with_a_refusal_says_so() {
    let running = start().await;
    let grpc = running.collector.grpc_address().expect("a listener");
    let cases = REFUSED.map(|case| (running.http(), case));
    let export = ("POST /v1/traces", "Content-Type: application/grpc-web");
    for (address, (line, header)) in cases.into_iter().chain([(grpc, export)]) {
        for more in [
            // Too much to wait for, what never comes, and what comes only when it is asked for.
            "Content-Length: 1000000",
            "Content-Length: 5",
            "Content-Length: 5\r\nExpect: 100-continue",
        ] {
            let mut stream = TcpStream::connect(address).await.expect("it listens");
            let head = format!("{line} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n{more}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.expect("it is open");
            let answer = read_response(&mut stream).await;
            assert!(answer.starts_with("http/1.1 4"), "{line} {more}: {answer}");
            assert!(
                answer.contains("connection: close"),
                "{line} {more}: {answer}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_an_answer_too_slowly_loses_it() {
    let limits = ReceiverLimits {
        timeout: Duration::from_secs(1),
        reading_rate: 64 << 20,
        ..ReceiverLimits::default()
    };
    let running = start_within(limits).await;
    let long = "x".repeat(10_000);
    let query =
        format!("SELECT '{long}' || CAST(value AS TEXT) AS long FROM generate_series(1, 3000)");
    let asked = format!(
        "POST /api/v1/sql?format=csv HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{query}",
        query.len()
    );
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(32 * 1024).expect("a buffer");
    let mut stream = socket.connect(running.http()).await.expect("it listens");
    stream
        .write_all(asked.as_bytes())
        .await
        .expect("it takes bytes");
    // It goes on reading, so that the connection is never idle.
    let (mut read, mut piece) = (0, vec![0; 16 * 1024]);
    while let Ok(count @ 1..) = stream.read(&mut piece).await {
        read += count;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(
        (1..20_000_000).contains(&read),
        "{read} bytes of 30 million"
    );
    // Whoever reads at once gets all of it.
    let answer = running
        .send("POST /api/v1/sql?format=csv", &[], query.as_bytes())
        .await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.len() > 30_000_000, "{}", answer.body.len());
}
