//! OTLP/HTTP through a real socket: good bodies in every coding, and every kind of bad one.

use crate::support;
use std::io::Write as _;
use std::time::Duration;

use crate::support::{Headers, request, start, start_within};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use headcount_collector::{ReceiverLimits, RejectionReason};

const PROTOBUF: (&str, &str) = ("Content-Type", "application/x-protobuf");
const JSON: (&str, &str) = ("Content-Type", "application/json");

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_any_coding_is_stored_once_and_seen_at_once() {
    let running = start().await;
    let body = request(&["Feature Usage", "Feature Usage"]);
    let codings = [
        ("gzip", gzip(&body)),
        ("deflate", zlib(&body)),
        ("zstd", zstd::encode_all(&body[..], 3).unwrap()),
    ];
    let plain = running.post(&body).await;
    assert_eq!((plain.status, plain.body.as_slice()), (200, &[][..]));
    assert_eq!(plain.header("content-type"), Some("application/x-protobuf"));
    for (name, encoded) in &codings {
        let answer = running
            .send(
                "POST /v1/traces",
                &[PROTOBUF, ("Content-Encoding", name)],
                encoded,
            )
            .await;
        assert_eq!(answer.status, 200, "{name}");
    }
    assert_eq!(running.number("SELECT count(*) FROM feature_uses").await, 2);
    assert_eq!(running.collector.pipeline().counters().spans_duplicate(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_spans_of_a_repeated_request_count_as_duplicates() {
    let running = start().await;
    let body = request(&["Feature Usage", "no such span"]);
    for _ in 0..2 {
        assert_eq!(running.post(&body).await.status, 200);
    }
    // The counts of what was refused come again, too, and are no span.
    assert_eq!(running.collector.pipeline().counters().spans_duplicate(), 1);
    assert_eq!(running.number("SELECT sum(count) FROM refusals").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_spans_are_counted_and_the_others_stored() {
    let running = start().await;
    let answer = running
        .post(&request(&[
            "Feature Usage",
            "SELECT * FROM patients",
            "Feature Usage",
        ]))
        .await;
    assert_eq!(answer.status, 200);
    // partial_success { rejected_spans: 1, error_message: … }
    assert_eq!(answer.body.first(), Some(&0x0a));
    assert!(answer.body.windows(2).any(|window| window == [0x08, 1]));
    assert!(!answer.text().contains("patients"));
    assert_eq!(running.number("SELECT count(*) FROM feature_uses").await, 2);
    assert_eq!(
        running
            .number("SELECT sum(count) FROM refusals WHERE reason = 'unknown_span'")
            .await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_answered_in_json() {
    let running = start().await;
    let answer = running
        .send("POST /v1/traces", &[JSON], b"{\"resourceSpans\":[]}")
        .await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
    let answer = running
        .send("POST /v1/traces", &[JSON], b"{\"resourceSpans\":")
        .await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["code"], 3);
    assert!(
        answer.json()["message"]
            .as_str()
            .is_some_and(|message| message.contains("ExportTraceServiceRequest"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_headers_get_their_status() {
    let running = start().await;
    let body = request(&["Feature Usage"]);
    let cases: [(&str, Headers<'_>, u16); 7] = [
        ("POST /v1/traces", &[("Content-Type", "text/plain")], 415),
        ("POST /v1/traces", &[], 415),
        (
            "POST /v1/traces",
            &[PROTOBUF, ("Content-Encoding", "br")],
            415,
        ),
        (
            "POST /v1/traces",
            &[PROTOBUF, ("Content-Encoding", "gzip, gzip, gzip")],
            415,
        ),
        ("PUT /v1/traces", &[PROTOBUF], 405),
        ("POST /v1/metrics", &[PROTOBUF], 404),
        (
            "POST /v1/traces",
            &[PROTOBUF, ("Content-Encoding", "gzip")],
            400,
        ),
    ];
    for (line, headers, status) in cases {
        let answer = running.send(line, headers, &body).await;
        assert_eq!(
            answer.status,
            status,
            "{line} {headers:?}: {}",
            answer.text()
        );
        if status == 405 {
            assert_eq!(answer.header("allow"), Some("POST"));
        }
    }
    assert_eq!(running.number("SELECT count(*) FROM feature_uses").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_truncation_of_a_request_is_refused_whole_or_read_whole() {
    let running = start().await;
    let body = request(&["Feature Usage", "Feature Usage"]);
    for end in 1..body.len() {
        let answer = running.post(&body[..end]).await;
        assert_eq!(answer.status, 400, "cut at {end}");
        // google.rpc.Status { code: 3, … }
        assert_eq!(&answer.body[..2], [0x08, 3], "cut at {end}");
    }
    assert_eq!(running.number("SELECT count(*) FROM feature_uses").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn decompression_bombs_and_large_bodies_are_too_large() {
    let running = start().await;
    let zeros = vec![0; 256 << 20];
    let bomb = running
        .send(
            "POST /v1/traces",
            &[PROTOBUF, ("Content-Encoding", "gzip")],
            &gzip(&zeros),
        )
        .await;
    assert_eq!(bomb.status, 413);
    let bomb = zstd::encode_all(&zeros[..], 3).unwrap();
    let bomb = running
        .send(
            "POST /v1/traces",
            &[PROTOBUF, ("Content-Encoding", "zstd")],
            &bomb,
        )
        .await;
    assert_eq!(bomb.status, 413);
    let giant = running.post(&zeros[..64 << 20]).await;
    assert_eq!(giant.status, 413);
    let unannounced = b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut chunked = unannounced.to_vec();
    for chunk in zeros[..17 << 20].chunks(1 << 20) {
        chunked.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunked.extend_from_slice(chunk);
        chunked.extend_from_slice(b"\r\n");
    }
    assert_eq!(running.exchange(chunked).await.status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_nesting_is_rejected_without_a_crash() {
    let running = start().await;
    for depth in [100, 100_000] {
        let value = format!(
            "{}1{}",
            "{\"arrayValue\":{\"values\":[".repeat(depth),
            "]}}".repeat(depth)
        );
        let body = format!(
            "{{\"resourceSpans\":[{{\"resource\":{{\"attributes\":[{{\"key\":\"a\",\"value\":{value}}}]}}}}]}}"
        );
        let answer = running
            .send("POST /v1/traces", &[JSON], body.as_bytes())
            .await;
        // The resource alone is refused, and told.
        assert_eq!(answer.status, 200, "{depth}");
        let told = &answer.json()["partialSuccess"]["rejectedSpans"];
        assert_eq!(told, "1", "{depth}");
    }
    assert_eq!(running.post(&request(&["Feature Usage"])).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_arrive_times_out() {
    let limits = ReceiverLimits {
        timeout: Duration::from_millis(200),
        ..ReceiverLimits::default()
    };
    let running = start_within(limits).await;
    let head = b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/x-protobuf\r\nContent-Length: 100\r\n\r\nabc";
    assert_eq!(running.exchange(head.to_vec()).await.status, 408);
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_requests_are_counted_by_reason() {
    let running = start().await;
    let body = request(&["Feature Usage"]);
    running.post(&body[1..]).await;
    running.send("POST /v1/traces", &[], &body).await;
    running.send("PUT /v1/traces", &[PROTOBUF], &body).await;
    running.post(&vec![0; 17 << 20]).await;
    let counters = running.collector.pipeline().counters();
    for status in [400, 405, 413, 415] {
        assert_eq!(counters.rejections_by_status(status), 1, "{status}");
    }
    assert_eq!(counters.rejections(RejectionReason::UnsupportedMedia), 1);
    assert_eq!(counters.requests_rejected(), 4);
    assert_eq!((counters.requests(), counters.requests_retryable()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_is_ready_unless_its_store_fails() {
    let running = start().await;
    assert_eq!(running.send("GET /readyz", &[], b"").await.status, 200);
    let log = running.folder.path().join("data/wal");
    std::fs::remove_dir_all(&log).unwrap();
    let body = request(&["Feature Usage"]);
    assert_eq!(running.post(&body).await.status, 503);
    let ready = running.send("GET /readyz", &[], b"").await;
    assert_eq!(ready.status, 503);
    let text = "not ready: the write-ahead log cannot be written\n";
    assert_eq!(ready.text(), text);
    assert_eq!(running.send("GET /healthz", &[], b"").await.status, 200);
    let counters = running.collector.pipeline().counters();
    assert_eq!(counters.rejections(RejectionReason::StoreFailed), 1);
    std::fs::create_dir(&log).unwrap();
    assert_eq!(running.post(&body).await.status, 200);
    assert_eq!(running.send("GET /readyz", &[], b"").await.status, 200);
}

/// Promise 10.
#[tokio::test(flavor = "multi_thread")]
async fn no_addresses() {
    let running = start().await;
    let agent = "Canary-Agent/1.0";
    let headers = [
        PROTOBUF,
        ("User-Agent", agent),
        ("X-Forwarded-For", "203.0.113.77"),
    ];
    let answer = running
        .send(
            "POST /v1/traces",
            &headers,
            &request(&["Feature Usage", "unknown"]),
        )
        .await;
    assert_eq!(answer.status, 200);
    let support::Running { collector, folder } = running;
    collector.stop().await.unwrap();
    let mut folders = vec![folder.path().to_path_buf()];
    let mut files = 0;
    while let Some(path) = folders.pop() {
        for entry in std::fs::read_dir(path).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
                continue;
            }
            files += 1;
            let bytes = std::fs::read(entry.path()).unwrap();
            for needle in [agent.as_bytes(), b"203.0.113.77", b"127.0.0.1"] {
                let found = bytes.windows(needle.len()).any(|window| window == needle);
                assert!(
                    !found,
                    "{} holds {:?}",
                    entry.path().display(),
                    String::from_utf8_lossy(needle)
                );
            }
        }
    }
    assert!(files > 3, "only {files} files were looked at");
}
