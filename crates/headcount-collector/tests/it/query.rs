//! The site behind the HTTP listeners: answers for this machine, refusals for the rest.

use std::time::Duration;

use crate::support::{Headers, request, start, start_within};
use headcount_collector::ReceiverLimits;

#[tokio::test(flavor = "multi_thread")]
async fn reports_and_sql_are_answered_in_json_and_csv() {
    let running = start().await;
    assert_eq!(running.post(&request(&["Feature Usage"])).await.status, 200);
    let rows = running
        .send("GET /api/v1/reports/features?min_crews=1", &[], b"")
        .await;
    assert_eq!(rows.status, 200, "{}", rows.text());
    assert!(
        rows.json()
            .as_array()
            .is_some_and(|rows| rows.iter().any(|row| row["feature"] == "memory:save"))
    );
    let csv = running
        .send(
            "POST /api/v1/sql?format=csv",
            &[],
            b"SELECT feature FROM feature_uses",
        )
        .await;
    assert_eq!(
        csv.text().trim().lines().collect::<Vec<_>>(),
        ["feature", "memory:save"]
    );
    let listed = running.send("GET /api/v1/reports", &[], b"").await;
    assert!(
        listed
            .json()
            .as_array()
            .is_some_and(|reports| reports.len() >= 14)
    );
    let tables = running.send("GET /api/v1/tables", &[], b"").await;
    let tables = tables.json();
    assert!(
        tables
            .as_array()
            .expect("rows")
            .iter()
            .any(|row| row["table_name"] == "feature_uses" && row["rows"] == 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_questions_are_explained() {
    let running = start().await;
    let cases: [(&str, Headers<'_>, &[u8], u16); 9] = [
        ("GET /api/v1/reports/nonsense", &[], b"", 404),
        ("GET /api/v1/reports/tools?sincee=7d", &[], b"", 400),
        ("GET /api/v1/reports/tools?since=whenever", &[], b"", 400),
        ("GET /api/v1/reports/tools?format=xml", &[], b"", 400),
        ("POST /api/v1/sql", &[], b"DROP TABLE crews", 400),
        ("POST /api/v1/sql", &[], b"SELECT nothing FROM nowhere", 400),
        (
            "POST /api/v1/sql",
            &[("Content-Type", "application/json")],
            b"{\"q\":1}",
            400,
        ),
        ("GET /api/v1/sql", &[], b"", 405),
        ("GET /api/v1/elsewhere", &[], b"", 404),
    ];
    for (line, headers, body, status) in cases {
        let answer = running.send(line, headers, body).await;
        assert_eq!(answer.status, status, "{line}: {}", answer.text());
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json"),
            "{line}"
        );
        assert_eq!(answer.json()["status"], status, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_host_gets_no_answer() {
    let running = start().await;
    let asked =
        b"GET /api/v1/tables HTTP/1.1\r\nHost: rebound.example.org\r\nConnection: close\r\n\r\n";
    assert_eq!(running.exchange(asked.to_vec()).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_method_is_told_which_one_is_allowed() {
    let running = start().await;
    for (line, allow) in [
        ("GET /api/v1/sql", "POST"),
        ("POST /api/v1/reports", "GET,HEAD"),
        ("DELETE /api/v1/tables", "GET,HEAD"),
        ("PUT /api/v1/reports/tools", "GET,HEAD"),
    ] {
        let answer = running.send(line, &[], b"").await;
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, Some(allow)),
            "{line}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_does_not_arrive_times_out() {
    let limits = ReceiverLimits {
        timeout: Duration::from_millis(200),
        ..ReceiverLimits::default()
    };
    let running = start_within(limits).await;
    let head = b"POST /api/v1/sql HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 100\r\n\r\nSELECT";
    assert_eq!(running.exchange(head.to_vec()).await.status, 408);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_come_in_each_form_with_a_tag_that_saves_the_next() {
    let running = start().await;
    assert_eq!(running.post(&request(&["Feature Usage"])).await.status, 200);
    let line = "GET /api/v1/reports/features?min_crews=1";
    for (accept, media, start) in [
        ("application/json", "application/json", &b"[{"[..]),
        ("text/csv", "text/csv; charset=utf-8", b"feature,"),
        (
            "application/vnd.apache.parquet",
            "application/vnd.apache.parquet",
            b"PAR1",
        ),
        (
            "application/vnd.apache.arrow.stream",
            "application/vnd.apache.arrow.stream",
            b"\xff\xff\xff\xff",
        ),
    ] {
        let answer = running.send(line, &[("Accept", accept)], b"").await;
        assert_eq!(answer.status, 200, "{accept}");
        assert_eq!(answer.header("content-type"), Some(media));
        assert!(answer.body.starts_with(start), "{accept}");
        let tag = answer.header("etag").expect("a tag").to_owned();
        let again = [("Accept", accept), ("If-None-Match", tag.as_str())];
        let unchanged = running.send(line, &again, b"").await;
        assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
    }
    let refused = running.send(line, &[("Accept", "image/png")], b"").await;
    assert_eq!(refused.status, 406);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_in_the_next_answer_although_answers_are_kept() {
    let running = start().await;
    for count in 1..4 {
        // The spans of the request before come again, and one more.
        let spans = vec!["Feature Usage"; count];
        assert_eq!(running.post(&request(&spans)).await.status, 200);
        let rows = running
            .send("GET /api/v1/reports/features?min_crews=1", &[], b"")
            .await;
        let rows = rows.json();
        let uses = rows
            .as_array()
            .expect("rows")
            .iter()
            .map(|row| &row["uses"]);
        assert_eq!(uses.filter(|uses| **uses == count).count(), 1, "{rows}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_collectors_own_counts_are_for_prometheus() {
    let running = start().await;
    assert_eq!(running.post(&request(&["Feature Usage"])).await.status, 200);
    assert_eq!(running.post(b"nonsense").await.status, 400);
    let page = running.send("GET /metrics", &[], b"").await;
    let text = page.text();
    for line in [
        "headcount_requests_total 1",
        "headcount_spans_total 1",
        "headcount_requests_refused_total{reason=\"malformed\"} 1",
        "headcount_store_ready 1",
        "headcount_log_damaged_files 0",
        "headcount_log_missing_groups 0",
        "headcount_table_unreadable_files 0",
        "headcount_tables_refused 0",
        "headcount_tables_with_lost_commits 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_stored_makes_answers_old() {
    let running = start().await;
    let revision = || running.collector.pipeline().revision();
    let features = request(&["Feature Usage"]);
    assert_eq!(running.post(&features).await.status, 200);
    let stored = revision();
    assert!(stored > 0);
    // An empty request, a repeated one, and one that is none.
    assert_eq!(running.post(b"").await.status, 200);
    assert_eq!(running.post(&features).await.status, 200);
    assert_eq!(running.post(b"\xff").await.status, 400);
    assert_eq!(revision(), stored);
    assert_eq!(running.post(&request(&["Nothing Known"])).await.status, 200);
    assert!(revision() > stored, "a refusal is counted in a table");
}
