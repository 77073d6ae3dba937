//! Whether traces may be sent here, over HTTP and gRPC.

use crate::grpc::call;
use crate::support::{start, start_with_token, start_without_queries};

const CHECK: &str = "/grpc.health.v1.Health/Check";

#[tokio::test(flavor = "multi_thread")]
async fn health_checks_over_http_are_plain_text() {
    let running = start_with_token().await;
    for (path, text) in [("/healthz", "alive\n"), ("/readyz", "ready\n")] {
        for method in ["GET", "HEAD"] {
            let answer = running.send(&format!("{method} {path}"), &[], b"").await;
            assert_eq!(answer.status, 200, "{path}");
            let content_type = answer.header("content-type");
            assert_eq!(content_type, Some("text/plain; charset=utf-8"), "{path}");
            if method == "GET" {
                assert_eq!(answer.text(), text);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_checks_over_grpc_say_serving() {
    let running = start().await;
    let service = b"opentelemetry.proto.collector.trace.v1.TraceService";
    let mut named = vec![0x0a, u8::try_from(service.len()).expect("a short name")];
    named.extend(service);
    for request in [&b""[..], &named] {
        let reply = call(&running, CHECK, None, request).await;
        assert_eq!(reply.code(), "0");
        // HealthCheckResponse { status: SERVING }
        assert_eq!(reply.message, [0x08, 1]);
    }
    for (path, request, code) in [
        (CHECK, &b"\x0a\x05other"[..], "5"),
        (CHECK, b"\x0a\x05oth", "3"),
        ("/grpc.health.v1.Health/Watch", b"", "12"),
    ] {
        assert_eq!(call(&running, path, None, request).await.code(), code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_who_is_asked_says_that_queries_cannot_be_answered() {
    let running = start_without_queries(|| Some("no query ends")).await;
    let ready = running.send("GET /readyz", &[], b"").await;
    assert_eq!(
        (ready.status, ready.text()),
        (503, "not ready: no query ends\n".to_owned())
    );
    // HealthCheckResponse { status: NOT_SERVING }
    assert_eq!(call(&running, CHECK, None, b"").await.message, [0x08, 2]);
    let metrics = running.send("GET /metrics", &[], b"").await.text();
    assert!(metrics.contains("\nheadcount_ready 0\n"), "{metrics}");
    assert_eq!(running.collector.fault(), Some("no query ends"));
}
