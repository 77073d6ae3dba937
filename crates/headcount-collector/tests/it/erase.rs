//! The erase endpoint: rows that were sent under a token's receipt are erased, and the response does not reveal whether
//! there were any.

use std::time::{Duration, Instant};

use crate::support::{Answer, Headers, Running, now, request, start};
use headcount_wire::{ErasureToken, RequestEncoder, SpanHeader, StatusCode};
use serde_json::json;

const PROTOBUF: (&str, &str) = ("Content-Type", "application/x-protobuf");
const JSON: (&str, &str) = ("Content-Type", "application/json");

/// A feature's use, under `receipt`.
async fn send_under(running: &Running, receipt: &str, span: u8) {
    let mut body = request(&["Feature Usage"]);
    // The span's id, so that each request is a new one.
    let at = body
        .windows(8)
        .position(|window| window == [1, 7, 7, 7, 7, 7, 7, 7])
        .expect("the span's id");
    body[at] = span;
    let headers = [PROTOBUF, ("headcount-receipt", receipt)];
    let answer = running.send("POST /v1/traces", &headers, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

async fn erase(running: &Running, tokens: &[ErasureToken]) -> Answer {
    let tokens: Vec<String> = tokens.iter().map(ErasureToken::reveal).collect();
    let body = json!({ "tokens": tokens }).to_string();
    running
        .send("POST /v1/erase", &[JSON], body.as_bytes())
        .await
}

async fn rows(running: &Running, condition: &str) -> i64 {
    running
        .number(&format!(
            "SELECT count(*) FROM feature_uses WHERE {condition}"
        ))
        .await
}

/// Waits until the table has `wanted` rows; fails after 30 seconds.
async fn wait_for_rows(running: &Running, wanted: i64) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let found = rows(running, "true").await;
        if found == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{found} rows, not {wanted}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_under_a_token_are_erased_and_the_rest_stays() {
    let running = start().await;
    let [first, second] = [3, 4].map(|byte| ErasureToken::new([byte; 16]));
    send_under(&running, &first.receipt().to_string(), 1).await;
    send_under(&running, &second.receipt().to_string(), 2).await;
    assert_eq!(running.post(&request(&["Feature Usage"])).await.status, 200);
    assert_eq!(rows(&running, "true").await, 2, "one was sent before");
    assert_eq!(rows(&running, "receipt IS NOT NULL").await, 2);
    // The store has a keyed form of the receipt, not the receipt itself.
    let receipt = format!("receipt = '{}'", &first.receipt().to_string()[..16]);
    assert_eq!(rows(&running, &receipt).await, 0);

    let nobody = erase(&running, &[ErasureToken::new([9; 16])]).await;
    let somebody = erase(&running, &[first]).await;
    assert_eq!((nobody.status, somebody.status), (202, 202));
    assert_eq!(nobody.body, somebody.body, "an answer tells nothing");
    assert_eq!(somebody.json(), json!({"accepted": 1}));
    wait_for_rows(&running, 1).await;
    send_under(&running, &first.receipt().to_string(), 3).await;
    assert_eq!(rows(&running, "true").await, 1, "a late one is not stored");
}

/// The receipts that wait to be erased, by the metrics.
fn pending(running: &Running) -> u64 {
    let metrics = running.collector.pipeline().metrics();
    let mut lines = metrics.lines();
    let count = lines.find_map(|line| line.strip_prefix("headcount_erasures_pending "));
    count.expect("the metric").parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_made_up_tokens_takes_no_room_from_genuine_ones() {
    let running = start().await;
    let genuine = ErasureToken::new([3; 16]);
    send_under(&running, &genuine.receipt().to_string(), 1).await;
    // A start reads the receipts of stored rows back; until then, made-up ones count.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let made_up = |request: u64, count: u64| -> Vec<ErasureToken> {
        let number = |token| (u128::from(request) << 64) | (u128::from(token) + 1);
        (0..count)
            .map(|token| ErasureToken::new(number(token).to_le_bytes()))
            .collect()
    };
    for request in 0..60 {
        let answer = erase(&running, &made_up(request, 10_000)).await;
        assert_eq!(answer.status, 202, "request {request}: {}", answer.text());
        assert!(pending(&running) < 10_000);
    }
    assert_eq!(erase(&running, &[genuine]).await.status, 202);
    wait_for_rows(&running, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_token_erases_nothing() {
    let running = start().await;
    let [token, last] = [3, 5].map(|byte| ErasureToken::new([byte; 16]));
    send_under(&running, &token.receipt().to_string(), 1).await;
    for span in [2, 3] {
        send_under(&running, &last.receipt().to_string(), span).await;
    }
    // Neither another token, nor the receipt itself, which went over the network.
    let receipt = ErasureToken::new(*token.receipt().as_bytes());
    let answer = erase(&running, &[ErasureToken::new([4; 16]), receipt]).await;
    assert_eq!(answer.status, 202);
    // Orders are executed first in, first out: when this one has erased its two rows, those before it are done.
    assert_eq!(erase(&running, &[last]).await.status, 202);
    wait_for_rows(&running, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_receipt_is_ignored() {
    let running = start().await;
    let long = "0".repeat(33);
    for (span, receipt) in [
        "",
        "receipt",
        "0123",
        &long,
        "g0000000000000000000000000000000",
    ]
    .into_iter()
    .enumerate()
    {
        send_under(&running, receipt, 10 + span as u8).await;
    }
    assert_eq!(rows(&running, "receipt IS NULL").await, 5);
    assert_eq!(rows(&running, "true").await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_order_is_rejected_and_explained() {
    let running = start().await;
    let token = "00000000000000000000000000000000";
    let many = json!({ "tokens": vec![token; 10_001] }).to_string();
    let most = json!({ "tokens": vec![token; 10_000] }).to_string();
    let huge = vec![b' '; 600 * 1024];
    let one = json!({ "tokens": [token] }).to_string();
    let cases: [(&str, Headers<'_>, &[u8], u16); 11] = [
        ("POST /v1/erase", &[JSON], most.as_bytes(), 202),
        ("POST /v1/erase", &[JSON], many.as_bytes(), 400),
        ("POST /v1/erase", &[JSON], b"{\"tokens\": []}", 400),
        ("POST /v1/erase", &[JSON], b"{\"tokens\": [\"zz\"]}", 400),
        ("POST /v1/erase", &[JSON], b"{\"tokens\": [1]}", 400),
        ("POST /v1/erase", &[JSON], b"[]", 400),
        ("POST /v1/erase", &[JSON], b"{", 400),
        ("POST /v1/erase", &[JSON], &huge, 413),
        ("POST /v1/erase", &[], one.as_bytes(), 415),
        ("GET /v1/erase", &[], b"", 405),
        (
            "POST /v1/erase",
            &[JSON, ("Content-Encoding", "gzip")],
            b"x",
            415,
        ),
    ];
    for (line, headers, body, status) in cases {
        let answer = running.send(line, headers, body).await;
        assert_eq!(answer.status, status, "{line} {}", answer.text());
        if status >= 400 {
            assert_eq!(
                answer.header("content-type"),
                Some("application/problem+json")
            );
            assert!(!answer.text().contains("zz"), "{}", answer.text());
        }
        if status == 405 {
            assert_eq!(answer.header("allow"), Some("POST"));
        }
    }
}

/// A crew with two tasks, of which one names its run alone, as CrewAI would send them.
fn crew(number: u8) -> Vec<u8> {
    let mut encoder = RequestEncoder::new();
    encoder.resource(|attributes| attributes.string("service.name", "crewAI-telemetry"));
    encoder.scope("crewai.telemetry", "");
    let id = format!("3f0c9a52-7d41-4c8e-9b1f-{number:012x}");
    for (index, name) in ["Task Created", "Task Created"].into_iter().enumerate() {
        let header = SpanHeader {
            trace_id: [number; 16],
            span_id: [index as u8 + 1; 8],
            name,
            start_unix_nano: now(),
            end_unix_nano: now(),
            status: StatusCode::Ok,
        };
        encoder.span(&header, |attributes| {
            attributes.string("crewai_version", "1.15.30");
            attributes.string("crew_id", &id);
            attributes.string("task_key", "t");
            if index == 0 {
                attributes.string("crew_key", &format!("key {number}"));
            }
        });
    }
    encoder.finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_collector_erases_a_crew_and_nobody_elses_rows() {
    let running = start().await;
    for number in 1..4 {
        assert_eq!(running.post(&crew(number)).await.status, 200);
    }
    let count = |condition: &str| {
        let query = format!("SELECT count(*) FROM task_runs WHERE {condition}");
        async { running.number(&{ query }).await }
    };
    assert_eq!(count("true").await, 6);
    assert_eq!(count("crew_key IS NULL").await, 3);
    let of_second = "crew_id = '3f0c9a52-7d41-4c8e-9b1f-000000000002'";
    let text = format!(
        "SELECT DISTINCT crew_key FROM task_runs WHERE {of_second} AND crew_key IS NOT NULL"
    );
    let answer = running.send("POST /api/v1/sql", &[], text.as_bytes()).await;
    let key = answer.json()[0]["crew_key"].clone();
    let body = json!({ "crew_keys": [key] }).to_string();
    let ordered = running
        .send("POST /api/v1/erasures", &[JSON], body.as_bytes())
        .await;
    assert_eq!(
        (ordered.status, ordered.json()),
        (202, json!({ "order": 1 }))
    );
    let deadline = Instant::now() + Duration::from_secs(30);
    while count("true").await != 4 {
        assert!(Instant::now() < deadline, "it takes too long");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(count(of_second).await, 0, "also the row that names no key");
    assert_eq!(count("crew_key IS NULL").await, 2);
    let states = running.send("GET /api/v1/erasures", &[], b"").await.json();
    assert_eq!(states[0]["rows"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_with_a_word_that_is_not_known_erases_nothing() {
    let running = start().await;
    let key = json!(["5d41a2c8e0b7f319"]);
    let id = json!(["3f0c9a52-7d41-4c8e-9b1f-52f6c0a7d913"]);
    for (path, more) in [
        ("erasures", json!({ "dry-run": true })),
        ("erasures", json!({ "dryRun": true })),
        ("erasures", json!({ "crew_id": id })),
        ("erasures", json!({ "tokens": ["5d41a2c8e0b7f319"] })),
        ("erasures", json!({ "format": "csv" })),
        ("export", json!({ "dry_run": true })),
        ("export", json!({ "Format": "json" })),
    ] {
        let mut body = json!({ "crew_keys": key, "crew_ids": id, "projects": key });
        let fields = body.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        let line = format!("POST /api/v1/{path}");
        let answer = running
            .send(&line, &[JSON], body.to_string().as_bytes())
            .await;
        assert_eq!(answer.status, 400, "{path} {more}: {}", answer.text());
        assert!(!answer.text().contains("5d41a2c8e0b7f319"));
    }
    let orders = running.send("GET /api/v1/erasures", &[], b"").await.json();
    assert_eq!(orders, json!([]));
    // The same words as they are known.
    let counted = json!({ "crew_keys": key, "crew_ids": id, "projects": key, "dry_run": true });
    let answer = running
        .send(
            "POST /api/v1/erasures",
            &[JSON],
            counted.to_string().as_bytes(),
        )
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}
