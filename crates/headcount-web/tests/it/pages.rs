//! Pages as the server sends them: what they say of numbers that are not known, and what their forms keep.

use std::sync::Arc;

use arrow::json::ReaderBuilder;
use axum::Router;
use axum::body::Body;
use chrono::{NaiveDate, TimeDelta, Utc};
use headcount_access::AccessToken;
use headcount_catalog::Catalog;
use headcount_lake::{LakeSnapshot, SnapshotFiles, arrow_schema};
use headcount_web::{Access, SiteOptions, Store, site};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

const TOKEN: &str = "0123456789abcdef";

/// A site over these rows by table, for an owner.
fn site_over(rows: Map<String, Value>) -> Router {
    let snapshot = move || {
        let schema = Catalog::embedded().schema();
        let batches = schema.tables.iter().map(|table| {
            let mut decoder = ReaderBuilder::new(arrow_schema(table))
                .with_strict_mode(true)
                .build_decoder()
                .unwrap();
            let rows = rows.get(&table.name).and_then(Value::as_array);
            decoder
                .serialize(rows.map_or(&[][..], Vec::as_slice))
                .unwrap();
            decoder.flush().unwrap().into_iter().collect()
        });
        LakeSnapshot::of_parts(
            Arc::clone(schema),
            SnapshotFiles::default(),
            batches.collect(),
        )
    };
    let store = Store {
        snapshot: Box::new(move || {
            let snapshot = snapshot();
            Box::pin(async { Ok(snapshot) })
        }),
        audit: Box::new(|| Box::pin(std::future::pending())),
        revision: Box::new(|| 0),
        metrics: Box::new(String::new),
        erasures: None,
    };
    let token = AccessToken::parse(TOKEN).unwrap();
    site(store, SiteOptions::new(Access::Token(token.into())))
}

async fn page(site: &Router, path: &str) -> String {
    let request = Request::get(path).header("authorization", format!("Bearer {TOKEN}"));
    let request = request.body(Body::empty()).unwrap();
    let response = site.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

fn days_ago(days: i64) -> NaiveDate {
    Utc::now().date_naive() - TimeDelta::days(days)
}

/// Kickoffs of crews that have the tool `search`, so many days ago.
fn kickoffs(runs: &[(&str, i64)]) -> Map<String, Value> {
    let row = |(crew, days): &(&str, i64), more: Value| {
        let mut row = json!({"framework": "crewai", "framework_version": "1.15.30", "time": format!("{}T00:00:00Z", days_ago(*days))});
        row["crew_key"] = json!(crew);
        row.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        row
    };
    let mut rows = Map::new();
    let crews = runs.iter().map(|run| {
        let mut row = row(run, json!({"key": run.0}));
        let _ = row.as_object_mut().unwrap().remove("crew_key");
        row
    });
    rows.insert("crews".to_owned(), crews.collect());
    let agents = runs.iter().map(|run| {
        row(
            run,
            json!({"tool_names": ["search"], "llm_model": "gpt-4o"}),
        )
    });
    rows.insert("agents".to_owned(), agents.collect());
    rows
}

const SIX: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// The text of the tooltip of a day.
fn tooltip(html: &str, day: NaiveDate) -> String {
    let start = format!("<title>{}", day.format("%a %-d %B %Y"));
    let from = html
        .find(&start)
        .unwrap_or_else(|| panic!("no {start} in {html}"));
    html[from..].split("</title>").next().unwrap().to_owned()
}

#[tokio::test]
async fn a_number_that_is_held_back_is_a_gap_and_not_zero() {
    let mut runs: Vec<(&str, i64)> = SIX.map(|crew| (crew, 4)).into();
    runs.extend([("a", 3), ("b", 3)]);
    runs.extend(SIX.map(|crew| (crew, 1)));
    let site = site_over(kickoffs(&runs));
    let html = page(&site, "/tools?since=7d").await;
    assert!(tooltip(&html, days_ago(4)).ends_with("search: 6"));
    assert!(
        tooltip(&html, days_ago(3)).ends_with("search: fewer than 5"),
        "{}",
        tooltip(&html, days_ago(3))
    );
    assert!(
        tooltip(&html, days_ago(2)).ends_with("search: 0"),
        "nobody ran: that is known"
    );
    let before = days_ago(5).format("<title>%a %-d %B %Y").to_string();
    assert!(
        !html.contains(&before),
        "nobody knows of days before the first record"
    );
    let all = page(&site, "/tools?since=7d&min_crews=1").await;
    assert!(tooltip(&all, days_ago(3)).ends_with("search: 2"));
}

#[tokio::test]
async fn the_running_day_is_said_to_run() {
    let mut runs: Vec<(&str, i64)> = SIX.map(|crew| (crew, 1)).into();
    runs.extend(SIX.map(|crew| (crew, 0)));
    let site = site_over(kickoffs(&runs));
    let html = page(&site, "/tools?since=7d").await;
    assert!(tooltip(&html, days_ago(0)).contains(", so far\nsearch: 6"));
    assert!(html.contains("class=\"dot running\""));
    let over = page(
        &site,
        &format!("/tools?since={}&until={}", days_ago(7), days_ago(1)),
    )
    .await;
    assert!(!over.contains("so far") && !over.contains("dot running"));
}

#[tokio::test]
async fn a_filter_keeps_the_end_of_the_range_and_a_range_keeps_the_filters() {
    let runs: Vec<(&str, i64)> = SIX.map(|crew| (crew, 4)).into();
    let site = site_over(kickoffs(&runs));
    let (first, last) = (days_ago(5), days_ago(3));
    let query = format!("since={first}&until={last}&framework=crewai&version=1.15.30&by=week");
    let html = page(&site, &format!("/tools?{query}")).await;
    let forms: Vec<&str> = html.split("<form class=\"filters\"").skip(1).collect();
    let filters = forms[0].split("</form>").next().unwrap();
    assert!(
        filters.contains(&format!("name=\"until\" value=\"{last}\"")),
        "{filters}"
    );
    assert!(
        filters.contains(&format!("value=\"{first}\" selected")),
        "{filters}"
    );
    let range = forms[1].split("</form>").next().unwrap();
    for (name, value) in [
        ("framework", "crewai"),
        ("version", "1.15.30"),
        ("by", "week"),
    ] {
        let field = format!("name=\"{name}\" value=\"{value}\"");
        assert!(range.contains(&field), "{field}: {range}");
    }
    assert_eq!(range.matches("name=\"since\"").count(), 1, "{range}");
}

#[tokio::test]
async fn nothing_is_compared_with_days_before_the_first_record() {
    let runs: Vec<(&str, i64)> = SIX
        .into_iter()
        .flat_map(|crew| [(crew, 9), (crew, 1)])
        .collect();
    let site = site_over(kickoffs(&runs));
    let html = page(&site, "/tools?since=7d").await;
    assert!(html.contains("Not compared with"), "{html}");
    assert!(html.contains(&format!("the first record here is of {}", days_ago(9))));
    assert!(!html.contains(">previous<"));
    let short = page(
        &site,
        "/tools?since=2026-11-01"
            .replace("2026-11-01", &days_ago(4).to_string())
            .as_str(),
    )
    .await;
    assert!(
        short.contains("Compared with") && short.contains(">previous<"),
        "{short}"
    );
}

#[tokio::test]
async fn one_crew_alone_is_told_of_the_threshold_and_of_the_way_past_it() {
    let site = site_over(kickoffs(&[("a", 1), ("a", 2)]));
    for path in ["/tools", "/models", "/"] {
        let html = page(&site, path).await;
        assert!(
            html.contains("Nothing to draw: every name here is of too few crews"),
            "{path}"
        );
        assert!(html.contains("min_crews=1\">Show every value"), "{path}");
        assert!(html.contains("name=\"min_crews\""), "{path}");
    }
    let html = page(&site, "/tools?min_crews=1").await;
    assert!(html.contains("search") && !html.contains("Nothing to draw"));
}

#[tokio::test]
async fn steps_of_deployments_are_no_funnel_and_features_are_on_pages_of_their_own() {
    let mut rows = kickoffs(&SIX.map(|crew| (crew, 1)));
    let step = |step: &str| json!({"framework": "crewai", "time": format!("{}T00:00:00Z", days_ago(1)), "step": step});
    rows.insert(
        "deployments".to_owned(),
        json!([step("start"), step("create"), step("create")]),
    );
    let site = site_over(rows);
    let html = page(&site, "/deployments").await;
    assert!(
        html.contains("<title>create: 2</title>") && !html.contains("of the most frequent step")
    );
    let features = page(&site, "/features").await;
    for (path, id) in [
        ("/agents", "agents"),
        ("/agents", "roles"),
        ("/flows", "flows"),
        ("/flows", "feedback"),
        ("/environments", "environment"),
    ] {
        let panel = format!("id=\"{id}\"");
        assert!(page(&site, path).await.contains(&panel), "{path}");
        assert!(!features.contains(&panel), "{id}");
    }
}
