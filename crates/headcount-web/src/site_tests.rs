use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use headcount_access::{AccessToken, Authenticator};
use headcount_catalog::Catalog;
use headcount_lake::LakeSnapshot;
use headcount_oidc::SignOnOptions;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;

const TOKEN: &str = "0123456789abcdef";
const STYLE: &str = "/assets/build/page.css";

/// A site over a store that never answers, and whose metrics cannot be read.
fn site_with(access: fn(Authenticator) -> Access) -> Router {
    let token = AccessToken::parse(TOKEN).unwrap();
    site_of(SiteOptions::new(access(token.into())))
}

fn site_of(options: SiteOptions) -> Router {
    let store = Store {
        snapshot: Box::new(|| Box::pin(std::future::pending())),
        audit: Box::new(|| Box::pin(std::future::pending())),
        revision: Box::new(|| 0),
        metrics: Box::new(|| panic!("the role is Anna Example")),
        erasures: None,
    };
    site(store, options)
}

/// A site with an identity provider that takes connections and says nothing, and what ends them.
fn site_with_a_silent_provider() -> (Router, Arc<Mutex<Vec<TcpStream>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let taken = Arc::new(Mutex::new(Vec::new()));
    let streams = Arc::clone(&taken);
    // It ends with the tests' process.
    let _thread = std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            streams.lock().unwrap().push(stream);
        }
    });
    let sign_on = SignOn::new(SignOnOptions {
        issuer,
        client_id: "headcount".to_owned(),
        client_secret: None,
        scopes: Vec::new(),
        rules: Vec::new(),
        tls: None,
    });
    let token = AccessToken::parse(TOKEN).unwrap();
    let options = SiteOptions {
        sign_on: Some(sign_on.unwrap()),
        ..SiteOptions::new(Access::Token(token.into()))
    };
    (site_of(options), taken)
}

async fn ask(site: Router, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    site.oneshot(request).await.unwrap()
}

async fn get_accepting(path: &str, codings: &str) -> Response {
    let headers = [(ACCEPT_ENCODING.as_str(), codings)];
    ask(site_with(Access::Public), Method::GET, path, &headers).await
}

async fn body_of(response: Response) -> Vec<u8> {
    let collected = response.into_body().collect().await.unwrap();
    collected.to_bytes().to_vec()
}

#[tokio::test]
async fn text_of_some_length_is_compressed_for_clients_that_accept_it() {
    let plain = get_accepting(STYLE, "identity").await;
    assert!(!plain.headers().contains_key(CONTENT_ENCODING));
    let plain = body_of(plain).await;
    for codings in ["br, gzip", "gzip;q=0.5"] {
        let response = get_accepting(STYLE, codings).await;
        assert_eq!(response.headers()[CONTENT_ENCODING], "gzip", "{codings}");
        assert_eq!(response.headers()[VARY], "accept-encoding", "{codings}");
        let compressed = body_of(response).await;
        assert!(compressed.len() < plain.len() / 2, "{codings}");
        let mut read = Vec::new();
        let mut gunzip = flate2::read::GzDecoder::new(compressed.as_slice());
        gunzip.read_to_end(&mut read).unwrap();
        assert!(read == plain, "{codings}");
    }
    let short = get_accepting("/assets/build/icon.svg", "gzip").await;
    assert!(!short.headers().contains_key(CONTENT_ENCODING));
}

#[tokio::test]
async fn a_client_that_rules_out_gzip_gets_none() {
    for codings in [
        "gzip;q=0",
        "br",
        "identity",
        "",
        "*;q=0, identity",
        "gzip;q=0, *",
    ] {
        let response = get_accepting(STYLE, codings).await;
        assert_eq!(response.status(), StatusCode::OK, "{codings}");
        let coding = response.headers().get(CONTENT_ENCODING);
        assert_eq!(coding, None, "{codings}");
    }
}

#[tokio::test]
async fn head_is_answered_as_get_without_a_body() {
    for path in [
        STYLE,
        "/login",
        "/nowhere",
        "/api/v1/reports",
        "/robots.txt",
    ] {
        let site = site_with(Access::Public);
        let get = ask(site.clone(), Method::GET, path, &[]).await;
        let head = ask(site, Method::HEAD, path, &[]).await;
        assert_eq!(head.status(), get.status(), "{path}");
        let content_type = |response: &Response| response.headers().get(CONTENT_TYPE).cloned();
        assert_eq!(content_type(&head), content_type(&get), "{path}");
        assert!(body_of(head).await.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn every_response_has_the_security_headers() {
    for path in [
        "/login",
        "/tools?sort=up",
        "/nowhere",
        "/api/nowhere",
        "/assets/build/none",
    ] {
        let response = get_accepting(path, "gzip").await;
        assert_has_security_headers(&response, path);
    }
}

fn assert_has_security_headers(response: &Response, path: &str) {
    let headers = response.headers();
    assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
    assert_eq!(headers["referrer-policy"], "same-origin", "{path}");
    assert!(headers.contains_key("content-security-policy"), "{path}");
    assert!(headers.contains_key("cache-control"), "{path}");
}

#[tokio::test]
async fn a_panic_is_answered_with_500_the_security_headers_and_no_message() {
    let owner = [(AUTHORIZATION.as_str(), "Bearer 0123456789abcdef")];
    let site = site_with(Access::Token);
    let response = ask(site.clone(), Method::GET, "/metrics", &owner).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_has_security_headers(&response, "/metrics");
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    let body = String::from_utf8(body_of(response).await).unwrap();
    assert!(!body.contains("Anna"), "{body}");
    let next = ask(site, Method::GET, STYLE, &[]).await;
    assert_eq!(next.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_response_cached_for_the_public_is_not_served_to_an_administrator() {
    for path in ["/api/v1/reports", "/api/v1/tables", "/tools?sort=up"] {
        let response = ask(site_with(Access::Public), Method::GET, path, &[]).await;
        let vary = response.headers().get_all(VARY).iter();
        let vary: Vec<&str> = vary.filter_map(|value| value.to_str().ok()).collect();
        let vary = vary.join(", ");
        assert!(
            vary.contains("cookie") && vary.contains("authorization"),
            "{path}: {vary}"
        );
    }
}

#[tokio::test]
async fn a_link_with_the_token_starts_a_session_and_leaves_no_trace() {
    let site = site_with(Access::Token);
    let link = format!("/login?next=/tools%3Fsince=7d&token={TOKEN}");
    let response = ask(site.clone(), Method::GET, &link, &[]).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let headers = response.headers();
    assert_eq!(headers["location"], "/tools?since=7d");
    assert_eq!(headers["referrer-policy"], "no-referrer");
    assert_eq!(headers["cache-control"], "no-store");
    let cookie = headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly; SameSite=Lax"), "{cookie}");
    assert!(!cookie.contains(TOKEN), "{cookie}");
    assert!(body_of(response).await.is_empty());

    for wrong in ["0123456789abcdee", "", "0123456789abcdef0"] {
        let link = format!("/login?token={wrong}&next=//elsewhere.example");
        let response = ask(site.clone(), Method::GET, &link, &[]).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        let headers = response.headers();
        assert_eq!(headers["location"], "/login?wrong=1&next=%2F", "{wrong}");
        assert!(!headers.contains_key("set-cookie"), "{wrong}");
        assert_eq!(headers["referrer-policy"], "no-referrer");
    }
}

#[tokio::test]
async fn the_description_is_planned_once_and_names_the_token_where_it_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    for tier in ["default", "shared"] {
        std::fs::create_dir_all(folder.path().join("tables").join(tier)).unwrap();
    }
    let data = folder.path().to_owned();
    let snapshots = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&snapshots);
    let store = Store {
        snapshot: Box::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            let data = data.clone();
            let schema = Arc::clone(Catalog::embedded().schema());
            Box::pin(async move { LakeSnapshot::read(&data, schema).await })
        }),
        audit: Box::new(|| Box::pin(std::future::pending())),
        revision: Box::new(|| 0),
        metrics: Box::new(String::new),
        erasures: None,
    };
    let token = AccessToken::parse(TOKEN).unwrap();
    let site = site(store, SiteOptions::new(Access::Token(token.into())));
    let owner = [(AUTHORIZATION.as_str(), "Bearer 0123456789abcdef")];
    for _ in 0..3 {
        let response = ask(site.clone(), Method::GET, "/api/openapi.json", &owner).await;
        assert_eq!(response.status(), StatusCode::OK);
        let described: Value = serde_json::from_slice(&body_of(response).await).unwrap();
        assert_eq!(described["security"], json!([{ "token": [] }]));
        let tools = &described["components"]["schemas"]["report_tools"];
        assert!(tools.is_object(), "{described}");
    }
    assert_eq!(snapshots.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn crawlers_are_kept_out_unless_the_collector_is_public() {
    let text = |access| async move {
        let response = ask(site_with(access), Method::GET, "/robots.txt", &[]).await;
        String::from_utf8(body_of(response).await).unwrap()
    };
    assert_eq!(text(Access::Token).await, "User-agent: *\nDisallow: /\n");
    let public = text(Access::Public).await;
    assert!(
        !public.lines().any(|line| line == "Disallow: /"),
        "{public}"
    );
    assert!(public.contains("Disallow: /api/"), "{public}");
}

#[tokio::test]
async fn everybody_can_read_who_is_responsible_and_what_is_collected() {
    for access in [Access::Token, Access::Public] {
        let response = ask(site_with(access), Method::GET, "/privacy", &[]).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_has_security_headers(&response, "/privacy");
        let body = String::from_utf8(body_of(response).await).unwrap();
        assert_eq!(body.matches("<h1").count(), 1);
        for text in [
            "not stated by the operator",
            "<svg class=\"flow\"",
            "<code>crew.key</code>",
        ] {
            assert!(body.contains(text), "{text}");
        }
        // The policy lets no style in that is not a file's.
        assert!(!body.contains("<style") && !body.contains(" style="));
    }
}

const HOST: [(&str, &str); 1] = [("host", "telemetry.example")];
const ANSWER: &str = "/login/oidc/callback?state=made-up&code=made-up";

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_sign_ins_that_begin_keeps_nobody_from_coming_back() {
    let (site, provider) = site_with_a_silent_provider();
    let flood: Vec<_> = (0..32)
        .map(|_| {
            let site = site.clone();
            tokio::spawn(async move { ask(site, Method::GET, "/login/oidc", &HOST).await.status() })
        })
        .collect();
    // As many as may ask are asking.
    while provider.lock().unwrap().len() < 8 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let another = ask(site.clone(), Method::GET, "/login/oidc", &HOST).await;
    assert_eq!(another.status(), StatusCode::SERVICE_UNAVAILABLE);
    let back = ask(site, Method::GET, ANSWER, &HOST).await;
    assert_eq!(back.status(), StatusCode::BAD_REQUEST);
    provider.lock().unwrap().clear();
    for begun in flood {
        assert_eq!(begun.await.unwrap(), StatusCode::SERVICE_UNAVAILABLE);
    }
}

#[tokio::test]
async fn an_answer_to_no_sign_in_of_this_browser_leaves_the_one_that_is_under_way() {
    let (site, _provider) = site_with_a_silent_provider();
    let cookie = format!(
        "{}_oidc=other",
        AccessToken::parse(TOKEN).unwrap().session_cookie()
    );
    for headers in [HOST.to_vec(), vec![HOST[0], ("cookie", cookie.as_str())]] {
        let answer = ask(site.clone(), Method::GET, ANSWER, &headers).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        assert!(!answer.headers().contains_key("set-cookie"), "{answer:?}");
    }
}
