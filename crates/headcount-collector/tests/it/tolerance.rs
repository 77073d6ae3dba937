//! What is wrong with one part of a request, and what senders get wrong, costs nothing beside it.

use serde_json::{Value, json};

use crate::support::{Answer, Running, now, start};

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// A use of a feature by CrewAI's telemetry.
fn span(number: u64, start: u64) -> Value {
    json!({
        "traceId": format!("{:032x}", u128::from(number) + 1),
        "spanId": format!("{:016x}", number + 1),
        "name": "Feature Usage",
        "startTimeUnixNano": start.to_string(),
        "endTimeUnixNano": start.to_string(),
        "attributes": [
            {"key": "crewai_version", "value": {"stringValue": "1.15.30"}},
            {"key": "feature", "value": {"stringValue": "memory:save"}},
        ],
    })
}

fn resource_spans(spans: &[Value], more: Option<Value>) -> Value {
    let mut attributes =
        vec![json!({"key": "service.name", "value": {"stringValue": "crewAI-telemetry"}})];
    attributes.extend(more);
    json!({
        "resource": {"attributes": attributes},
        "scopeSpans": [{"scope": {"name": "crewai.telemetry"}, "spans": spans}],
    })
}

async fn post(running: &Running, body: impl AsRef<[u8]>) -> Answer {
    running
        .send("POST /v1/traces", &[JSON], body.as_ref())
        .await
}

async fn rows(running: &Running) -> i64 {
    running.number("SELECT count(*) FROM feature_uses").await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_span_or_resource_is_refused_and_told_and_the_others_are_stored() {
    let running = start().await;
    let mut bad = span(1, now());
    bad["name"] = json!(5);
    let mut cut = span(2, now());
    cut["attributes"][1]["value"]["stringValue"] = json!("CUT");
    let deep = (0..150).fold(
        json!({}),
        |inner, _| json!({"arrayValue": {"values": [inner]}}),
    );
    let body = json!({"resourceSpans": [
        resource_spans(&[span(0, now()), bad, cut], None),
        resource_spans(&[span(3, now()), span(4, now())], Some(json!({"key": "deep", "value": deep}))),
        resource_spans(&[span(5, now())], None),
        null,
    ]});
    let body = body.to_string().replace("CUT", "memory\\ud83d");
    let answer = post(&running, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["partialSuccess"]["rejectedSpans"], "3");
    assert!(
        answer.text().contains("3 malformed_span"),
        "{}",
        answer.text()
    );
    assert_eq!(rows(&running).await, 3);
    let refused = "SELECT sum(count) FROM refusals WHERE reason = 'malformed_span'";
    assert_eq!(running.number(refused).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn latin_1_in_one_resource_costs_the_other_nothing() {
    let running = start().await;
    let text = resource_spans(
        &[span(0, now())],
        Some(json!({"key": "host.name", "value": {"stringValue": "caf?"}})),
    );
    let body =
        json!({"resourceSpans": [text, resource_spans(&[span(1, now())], None)]}).to_string();
    let mut body = body.into_bytes();
    let at = body
        .iter()
        .position(|byte| *byte == b'?')
        .expect("it is there");
    body[at] = 0xe9;
    assert_eq!(post(&running, &body).await.status, 200);
    assert_eq!(rows(&running).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_draws_the_same_ids_in_each_run_is_counted_each_time() {
    let running = start().await;
    let bodies = [7_200, 60].map(|ago: u64| {
        let start = now() - ago * 1_000_000_000;
        json!({"resourceSpans": [resource_spans(&[span(0, start)], None)]}).to_string()
    });
    for (body, stored) in [
        (&bodies[0], 1),
        (&bodies[1], 2),
        (&bodies[0], 2),
        (&bodies[1], 2),
    ] {
        let answer = post(&running, body).await;
        // One that is sent again is a success, and nothing to warn of.
        assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
        assert_eq!(rows(&running).await, stored);
    }
    let counters = running.collector.pipeline().counters();
    assert_eq!(counters.spans_duplicate(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_behind_all_senders_is_named() {
    let running = start().await;
    let ready = || async {
        let answer = running.send("GET /readyz", &[], b"").await;
        (answer.status, answer.text())
    };
    let ahead = now() + 3 * 86_400 * 1_000_000_000;
    for number in 0..20 {
        assert_eq!(ready().await.0, 200);
        let body = json!({"resourceSpans": [resource_spans(&[span(number, ahead)], None)]});
        let answer = post(&running, body.to_string()).await;
        assert!(
            answer.text().contains("time_out_of_range"),
            "{}",
            answer.text()
        );
    }
    let (status, text) = ready().await;
    assert_eq!(status, 503);
    assert!(text.contains("clock is probably behind"), "{text}");
    let metrics = running.collector.pipeline().metrics();
    assert!(
        metrics.contains("\nheadcount_clock_suspect 1\n"),
        "{metrics}"
    );
    for number in 100..102 {
        let body = json!({"resourceSpans": [resource_spans(&[span(number, now())], None)]});
        post(&running, body.to_string()).await;
    }
    assert_eq!(ready().await.0, 200);
}
