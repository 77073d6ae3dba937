//! Many viewers of the dashboard while data arrives: how often a question is computed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arrow::array::RecordBatch;
use axum::Router;
use axum::body::Body;
use headcount_access::AccessToken;
use headcount_catalog::Catalog;
use headcount_lake::{LakeSnapshot, SnapshotFiles, arrow_schema};
use headcount_web::{Access, SiteOptions, Store, site};
use http::{Request, StatusCode};
use tower::ServiceExt as _;

/// How long the store takes for a snapshot, so that a computation takes at least that.
const SNAPSHOT: Duration = Duration::from_millis(100);

/// A public site over a store in which something arrives before each look at it, and the number of snapshots taken.
fn busy_site() -> (Router, Arc<AtomicUsize>) {
    let snapshots = Arc::new(AtomicUsize::new(0));
    let (taken, arrived) = (Arc::clone(&snapshots), AtomicUsize::new(0));
    let store = Store {
        snapshot: Box::new(move || {
            taken.fetch_add(1, Ordering::Relaxed);
            Box::pin(async {
                tokio::time::sleep(SNAPSHOT).await;
                Ok(one_row_in_each_table())
            })
        }),
        audit: Box::new(|| Box::pin(std::future::pending())),
        revision: Box::new(move || arrived.fetch_add(1, Ordering::Relaxed) as u64),
        metrics: Box::new(String::new),
        erasures: None,
    };
    let token = AccessToken::parse(&"t".repeat(64)).unwrap();
    let access = Access::Public(token.into());
    (site(store, SiteOptions::new(access)), snapshots)
}

/// Each row without a value.
fn one_row_in_each_table() -> LakeSnapshot {
    let schema = Catalog::embedded().schema();
    let row = |table| {
        let columns = arrow_schema(table);
        let nulls = columns.fields().iter();
        let nulls = nulls.map(|field| arrow::array::new_null_array(field.data_type(), 1));
        vec![RecordBatch::try_new(Arc::clone(&columns), nulls.collect()).unwrap()]
    };
    let rows = schema.tables.iter().map(row).collect();
    LakeSnapshot::of_parts(Arc::clone(schema), SnapshotFiles::default(), rows)
}

async fn view(site: Router, path: String) {
    let request = Request::get(&path).body(Body::empty()).unwrap();
    let response = site.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{path}");
}

async fn view_at_once(site: &Router, viewers: usize, path: impl Fn(usize) -> String) {
    let views = (0..viewers).map(|viewer| view(site.clone(), path(viewer)));
    futures::future::join_all(views).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_viewers_share_one_refresh_of_each_question() {
    let (site, snapshots) = busy_site();
    let page = |_| "/tools".to_owned();
    view_at_once(&site, 1, page).await;
    let of_one_view = snapshots.swap(0, Ordering::Relaxed);
    assert!(of_one_view >= 2, "{of_one_view}");
    for _ in 0..20 {
        view_at_once(&site, 50, page).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(5 * SNAPSHOT).await;
    let of_all_views = snapshots.load(Ordering::Relaxed);
    assert!(
        of_all_views <= 3 * of_one_view,
        "{of_all_views} computations for a thousand views, {of_one_view} for one"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_who_wait_for_the_same_answer_wait_for_one_computation() {
    let (site, snapshots) = busy_site();
    view_at_once(&site, 1, |_| "/models".to_owned()).await;
    let of_one_view = snapshots.swap(0, Ordering::Relaxed);
    view_at_once(&site, 50, |_| "/models?since=7d".to_owned()).await;
    // Each of its answers was computed for who came first; for the others it was new enough, or they joined a second one.
    let of_all_views = snapshots.load(Ordering::Relaxed);
    assert!(
        of_all_views <= 3 * of_one_view,
        "{of_all_views} computations for fifty views, {of_one_view} for one"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn thresholds_of_free_text_share_the_rows_of_a_report() {
    let (site, snapshots) = busy_site();
    view_at_once(&site, 1, |_| "/tools?min_crews=5".to_owned()).await;
    let of_one_view = snapshots.swap(0, Ordering::Relaxed);
    for min_crews in 6..30 {
        view_at_once(&site, 1, |_| format!("/tools?min_crews={min_crews}")).await;
    }
    tokio::time::sleep(5 * SNAPSHOT).await;
    let of_all_views = snapshots.load(Ordering::Relaxed);
    assert!(
        of_all_views <= 2 * of_one_view,
        "{of_all_views} computations for 24 thresholds, {of_one_view} for one"
    );
}
