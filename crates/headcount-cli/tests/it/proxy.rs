//! Behind a reverse proxy: under a path, and with headers that count only where the operator says so.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use ureq::http::Response;

use crate::support::{Server, corpus, path, run, stderr};

type Headers<'h> = &'h [(&'h str, &'h str)];

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0);
    ureq::Agent::new_with_config(config.build())
}

fn get(server: &Server, address: &str, headers: Headers<'_>) -> Response<ureq::Body> {
    let mut request = agent().get(format!("{}{address}", server.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.call().expect("a response")
}

fn text(mut response: Response<ureq::Body>) -> String {
    response.body_mut().read_to_string().expect("text")
}

fn token(server: &Server) -> String {
    fs::read_to_string(&server.token_file)
        .unwrap()
        .trim()
        .to_owned()
}

/// The cookie of a session, as the server sets it for a client that comes with these headers.
fn cookie(server: &Server, base: &str, headers: Headers<'_>) -> String {
    let link = format!("{base}/login?token={}&next=/tools", token(server));
    let signed_in = get(server, &link, headers);
    assert_eq!(signed_in.status(), 303);
    assert_eq!(
        signed_in.headers()["location"],
        format!("{base}/tools").as_str()
    );
    signed_in.headers()["set-cookie"]
        .to_str()
        .unwrap()
        .to_owned()
}

#[test]
fn a_proxys_headers_count_only_where_the_operator_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let https = [("x-forwarded-proto", "https")];
    let form = "application/x-www-form-urlencoded";
    let run_sql = |server: &Server| {
        let bearer = format!("Bearer {}", token(server));
        let request = agent()
            .post(format!("{}/sql", server.url))
            .header("authorization", bearer)
            .header("content-type", form)
            .header("origin", "https://telemetry.example")
            .header("x-forwarded-host", "telemetry.example");
        let response = request.send("query=SELECT+1");
        response.expect("a response").status().as_u16()
    };
    let strict = Server::start(folder.path());
    assert!(!cookie(&strict, "", &https).contains("Secure"));
    assert_eq!(run_sql(&strict), 403);
    assert_eq!(strict.stop(), Some(0));

    let other = Server::start_with(folder.path(), &["--behind-proxy", "192.0.2.0/24"]);
    assert!(!cookie(&other, "", &https).contains("Secure"));
    assert_eq!(run_sql(&other), 403);
    assert_eq!(other.stop(), Some(0));

    let proxies = [
        "--behind-proxy",
        "192.0.2.0/24",
        "--behind-proxy",
        "127.0.0.1",
    ];
    let trusting = Server::start_with(folder.path(), &proxies);
    assert!(cookie(&trusting, "", &https).contains("; Secure"));
    assert!(!cookie(&trusting, "", &[]).contains("Secure"));
    assert!(!cookie(&trusting, "", &[("x-forwarded-proto", "http")]).contains("Secure"));
    assert_eq!(run_sql(&trusting), 200);
    assert_eq!(trusting.stop(), Some(0));

    let data = path(folder.path());
    for options in [
        &["--behind-proxy", "proxy.example"][..],
        &["--behind-proxy", "127.0.0.1", "--no-token"],
        &["--base-path", "headcount"],
        &["--base-path", "/a/../b"],
        &["--rate-limit", "0"],
    ] {
        let refused = run(&[&["serve", "--data", data][..], options].concat());
        assert_eq!(
            refused.status.code(),
            Some(2),
            "{options:?}: {}",
            stderr(&refused)
        );
    }
}

/// The addresses in a page.
fn links(page: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for name in ["href=\"", "action=\"", "src=\""] {
        for (at, _) in page.match_indices(name) {
            let rest = &page[at + name.len()..];
            let address = &rest[..rest.find('"').unwrap()];
            found.insert(address.replace("&#38;", "&").replace("&amp;", "&"));
        }
    }
    found
}

#[test]
fn pages_api_and_telemetry_work_under_a_path() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &["--base-path", "/apps/headcount/"]);
    let base = "/apps/headcount";
    let body = fs::read(corpus("crewai-1.15.30/shared").join("000.bin")).unwrap();
    for address in ["/apps/headcount/v1/traces", "/v1/traces"] {
        let sent = agent()
            .post(format!("{}{address}", server.url))
            .header("content-type", "application/x-protobuf")
            .send(&body[..]);
        assert_eq!(sent.expect("a response").status(), 200, "{address}");
    }
    let cookie = cookie(&server, base, &[]);
    assert!(cookie.contains("; Path=/apps/headcount;"), "{cookie}");
    let session = cookie.split(';').next().unwrap();
    let signed_in = [("cookie", session)];

    // Every address that any page names works, and is below the path.
    let mut waiting: BTreeSet<String> = [format!("{base}/"), base.to_owned()].into();
    let mut seen = BTreeSet::new();
    while let Some(address) = waiting.pop_first() {
        if !seen.insert(address.clone()) || seen.len() > 500 {
            continue;
        }
        let response = get(&server, &address, &signed_in);
        let status = response.status().as_u16();
        // A form's address may be for POST alone.
        assert!([200, 405].contains(&status), "{address}: {status}");
        let kind = response.headers().get("content-type").cloned();
        let is_page = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        if !is_page {
            continue;
        }
        let page = text(response);
        assert!(page.contains("data-base=\"/apps/headcount\""), "{address}");
        for link in links(&page) {
            let is_below = link.starts_with("/apps/headcount/");
            assert!(is_below || link.starts_with('#'), "{address} names {link}");
            if is_below && !link.ends_with("/logout") {
                waiting.insert(link);
            }
        }
    }
    assert!(seen.len() > 30, "{seen:?}");
    assert!(
        seen.iter().any(|address| address.contains("/shared/")),
        "{seen:?}"
    );
    assert!(
        seen.iter()
            .any(|address| address.contains("/api/v1/reports/")),
        "{seen:?}"
    );

    // A page for somebody without a session, and for nobody: its links are below the path, too.
    for (address, status) in [("/tools", 401), ("/nowhere", 404)] {
        let response = get(&server, &format!("{base}{address}"), &[]);
        assert_eq!(response.status(), status);
        let page = text(response);
        let all = links(&page);
        assert!(
            all.iter()
                .all(|link| link.starts_with(base) || link.starts_with('#')),
            "{all:?}"
        );
    }
    // A proxy that takes the path off.
    let stripped = text(get(&server, "/tools", &signed_in));
    assert!(
        links(&stripped).contains("/apps/headcount/models"),
        "{stripped}"
    );
    assert_eq!(get(&server, "/apps/headcounters", &signed_in).status(), 404);

    let bearer = format!("Bearer {}", token(&server));
    let described = text(get(
        &server,
        "/apps/headcount/api/openapi.json",
        &[("authorization", &bearer)],
    ));
    let described: Value = serde_json::from_str(&described).unwrap();
    assert_eq!(described["servers"][0]["url"], "/apps/headcount/");
    let url = format!("{}{base}", server.url);
    let tables = run(&[
        "tables",
        "--url",
        &url,
        "--token-file",
        path(&server.token_file),
    ]);
    assert_eq!(tables.status.code(), Some(0), "{}", stderr(&tables));
}
