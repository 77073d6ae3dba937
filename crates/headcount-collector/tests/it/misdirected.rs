//! Exports to an address that is not for exports: their sender reads where they belong, and never a success.

use crate::support::{request, start, start_with_token};

const ADDRESSES: [&str; 12] = [
    "/v1/traces/",
    "//v1/traces",
    "/v1/traces/v1/traces",
    "/V1/traces",
    "/v1/trace",
    "/v1/metrics",
    "/v1/logs",
    "/api/default/v1/traces",
    "/api/public/otel/v1/metrics/",
    "/",
    "/tools",
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_misdirected_export_is_told_the_address_in_its_own_notation() {
    for running in [start().await, start_with_token().await] {
        for address in ADDRESSES {
            let line = format!("POST {address}");
            let json = [("Content-Type", "application/json; charset=utf-8")];
            let answer = running.send(&line, &json, b"{\"resourceSpans\":[]}").await;
            assert_eq!(answer.status, 404, "{address}");
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(answer.json()["code"], 12, "{address}");
            let message = answer.json()["message"].to_string();
            assert!(message.contains("POST to /v1/traces"), "{message}");

            let protobuf = [("Content-Type", "application/x-protobuf")];
            let body = request(&["Feature Usage"]);
            let answer = running.send(&line, &protobuf, &body).await;
            assert_eq!(answer.status, 404, "{address}");
            assert_eq!(
                answer.header("content-type"),
                Some("application/x-protobuf")
            );
            // google.rpc.Status { code: 12, message: … }
            assert!(answer.body.starts_with(&[0x08, 12, 0x12]), "{address}");
            assert!(answer.text().contains("POST to /v1/traces"), "{address}");
        }
        assert_eq!(running.collector.pipeline().counters().requests(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_and_metrics_are_told_that_they_are_not_taken() {
    let running = start().await;
    for (address, advice) in [
        ("/v1/logs", "OTEL_LOGS_EXPORTER=none"),
        ("/v1/metrics", "OTEL_METRICS_EXPORTER=none"),
    ] {
        for content_type in ["application/json", "application/x-protobuf"] {
            let headers = [("Content-Type", content_type)];
            let line = format!("POST {address}");
            let answer = running.send(&line, &headers, b"{}").await;
            assert_eq!(answer.status, 404, "{address}");
            assert!(answer.text().contains(advice), "{}", answer.text());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_and_the_api_get_their_own_answers() {
    let running = start().await;
    let page = running.send("GET /v1/traces/", &[], b"").await;
    assert_eq!(page.status, 404);
    assert!(page.text().contains("<!doctype html>"));
    let json = [("Content-Type", "application/json")];
    let problem = running.send("POST /api/v1/elsewhere", &json, b"{}").await;
    assert_eq!(
        problem.header("content-type"),
        Some("application/problem+json")
    );
    let rows = running
        .send(
            "POST /api/v1/sql",
            &json,
            b"{\"query\":\"SELECT 1 AS one\"}",
        )
        .await;
    assert_eq!(rows.status, 200, "{}", rows.text());
}
