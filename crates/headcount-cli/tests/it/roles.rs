//! Tokens with roles, on a running server: what each may do, and what the audit log says of it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::Response;

use crate::grpc_client;
use crate::support::{Server, corpus, json, path, run, stderr, stdout};

const SQL: &str = "SELECT count(*) AS n FROM shared_agents WHERE role = 'secret words'";

fn agent() -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0);
    Agent::new_with_config(config.build())
}

/// Makes a token in `data` and returns its text.
fn token(data: &Path, role: &str, name: &str) -> String {
    let made = run(&[
        "token",
        "new",
        "--role",
        role,
        "--name",
        name,
        "--data",
        path(data),
    ]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    stdout(&made).trim().to_owned()
}

/// The response to a request with `token`; a POST has SQL in its body.
fn ask(server: &Server, token: &str, line: &str) -> Response<ureq::Body> {
    let (method, address) = line.split_once(' ').unwrap();
    let url = format!("{}{address}", server.url);
    let bearer = format!("Bearer {token}");
    let post = || agent().post(&url).header("authorization", &bearer);
    let response = match (method, address) {
        ("POST", "/sql") => post().send_form([("query", SQL)]),
        ("POST", _) => post().send(SQL),
        _ => agent().get(&url).header("authorization", &bearer).call(),
    };
    response.expect("a response")
}

fn status(server: &Server, token: &str, line: &str) -> u16 {
    ask(server, token, line).status().as_u16()
}

/// Waits at most a second until the server answers the request with this status.
fn becomes(server: &Server, token: &str, line: &str, wanted: u16) {
    let deadline = Instant::now() + Duration::from_secs(1);
    while status(server, token, line) != wanted {
        assert!(
            Instant::now() < deadline,
            "{line} is not {wanted} within a second"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_token_may_do_what_its_role_says_and_a_running_server_knows_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let roles = ["ingest", "viewer", "analyst", "admin"];
    let tokens = roles.map(|role| token(folder.path(), role, role));
    becomes(&server, &tokens[3], "GET /api/v1/tables", 200);
    for (line, expected) in [
        ("GET /", [403, 200, 200, 200]),
        ("GET /explain", [403, 403, 200, 200]),
        ("GET /tools?framework=crewai", [403, 200, 200, 200]),
        (
            "GET /api/v1/reports/tools?version=1.*",
            [403, 200, 200, 200],
        ),
        ("GET /api/v1/tables", [403, 200, 200, 200]),
        ("GET /metrics", [403, 200, 200, 200]),
        ("GET /shared", [403, 403, 200, 200]),
        ("GET /api/v1/reports/shared", [403, 404, 200, 200]),
        ("GET /sql", [403, 403, 200, 200]),
        ("POST /sql", [403, 403, 200, 200]),
        ("POST /api/v1/sql", [403, 403, 200, 200]),
        ("GET /api/v1/audit", [403, 403, 200, 200]),
        ("GET /api/v1/audit-log", [403, 403, 403, 200]),
        // What is sent is SQL: whoever may do it is told that it is no order.
        ("POST /api/v1/export", [403, 403, 415, 415]),
        ("POST /api/v1/erasures", [403, 403, 403, 415]),
        ("GET /api/v1/erasures", [403, 403, 403, 200]),
    ] {
        let statuses = tokens.each_ref().map(|token| status(&server, token, line));
        assert_eq!(statuses, expected, "{line}");
        assert_eq!(status(&server, "hc_00000000_0", line), 401, "{line}");
    }
    let tables = ask(&server, &tokens[1], "GET /api/v1/tables")
        .body_mut()
        .read_to_string();
    let tables = tables.unwrap();
    assert!(
        tables.contains("tool_uses") && !tables.contains("shared"),
        "{tables}"
    );

    let refused = ask(&server, &tokens[0], "GET /api/v1/tables");
    let challenge = &refused.headers()["www-authenticate"];
    assert_eq!(challenge, "Bearer error=\"insufficient_scope\"");
    assert_eq!(
        refused.headers()["content-type"],
        "application/problem+json"
    );

    let revoked = run(&["token", "revoke", "analyst", "--data", path(folder.path())]);
    assert_eq!(revoked.status.code(), Some(0), "{}", stderr(&revoked));
    becomes(&server, &tokens[2], "POST /api/v1/sql", 401);
    let refused = ask(&server, &tokens[2], "POST /api/v1/sql");
    let challenge = &refused.headers()["www-authenticate"];
    assert_eq!(challenge, "Bearer error=\"invalid_token\"");
    assert_eq!(status(&server, &tokens[1], "GET /api/v1/tables"), 200);
}

#[test]
fn a_browser_session_has_the_role_of_its_token_and_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let viewer = {
        // The folder has to be there first.
        let server = Server::start(folder.path());
        assert_eq!(server.stop(), Some(0));
        token(folder.path(), "viewer", "wall")
    };
    let ingest = token(folder.path(), "ingest", "");
    let server = Server::start(folder.path());
    let sign_in = |token: &str| {
        let form = [("token", token), ("next", "/tools")];
        let response = agent()
            .post(format!("{}/login", server.url))
            .send_form(form);
        let response = response.expect("a response");
        let cookie = response.headers().get("set-cookie");
        let cookie = cookie.map(|cookie| cookie.to_str().unwrap().to_owned());
        (response.status().as_u16(), cookie)
    };
    assert_eq!(sign_in(&ingest), (401, None), "it may read nothing");
    let (signed_in, cookie) = sign_in(&viewer);
    assert_eq!(signed_in, 303);
    let cookie = cookie.expect("a session");
    let cookie = cookie.split(';').next().unwrap();
    assert!(!cookie.contains(&viewer[12..]), "{cookie}");
    let get = |address: &str| {
        let request = agent().get(format!("{}{address}", server.url));
        let response = request.header("cookie", cookie).call();
        response.expect("a response")
    };
    let mut page = get("/tools");
    assert_eq!(page.status(), 200);
    let page = page.body_mut().read_to_string().unwrap();
    assert!(
        page.contains("/policy") && page.contains("Sign out"),
        "{page}"
    );
    assert!(
        !page.contains("href=\"/shared\"") && !page.contains("href=\"/sql"),
        "{page}"
    );
    assert_eq!(get("/shared").status(), 403);

    let revoked = run(&["token", "revoke", "wall", "--data", path(folder.path())]);
    assert_eq!(revoked.status.code(), Some(0), "{}", stderr(&revoked));
    std::thread::sleep(Duration::from_millis(600));
    assert_eq!(get("/tools").status(), 401);
}

#[test]
fn telemetry_needs_a_token_where_the_operator_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with_grpc_and(folder.path(), &["--require-ingest-token"]);
    let [ingest, viewer, admin] =
        ["ingest", "viewer", "admin"].map(|role| token(folder.path(), role, ""));
    std::thread::sleep(Duration::from_millis(600));
    let body = fs::read(corpus("crewai-1.15.30/shared").join("000.bin")).unwrap();
    let send = |token: Option<&str>| {
        let mut request = agent()
            .post(format!("{}/v1/traces", server.url))
            .header("content-type", "application/x-protobuf");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let response = request.send(&body[..]).expect("a response");
        let challenge = response.headers().get("www-authenticate").is_some();
        (response.status().as_u16(), challenge)
    };
    assert_eq!(send(None), (401, true));
    assert_eq!(send(Some("hc_00000000_00")), (401, true));
    assert_eq!(send(Some(&viewer)), (403, false));
    assert_eq!(send(Some(&ingest)), (200, false));
    assert_eq!(send(Some(&admin)), (200, false));
    let grpc = server.grpc.clone().expect("a gRPC listener");
    let call = |token: &str| grpc_client::call_with(&grpc, &body, &format!("Bearer {token}"));
    // UNAUTHENTICATED, PERMISSION_DENIED.
    assert_eq!(
        grpc_client::call_with(&grpc, &body, "").as_deref(),
        Some("16")
    );
    assert_eq!(call("wrong").as_deref(), Some("16"));
    assert_eq!(call(&viewer).as_deref(), Some("7"));
    assert_eq!(call(&ingest).as_deref(), Some("0"));
    // Whoever wants to be forgotten asks nobody for a token.
    let order = json!({ "tokens": ["00112233445566778899aabbccddeeff"] }).to_string();
    let order = agent()
        .post(format!("{}/v1/erase", server.url))
        .header("content-type", "application/json")
        .send(order);
    assert_eq!(order.expect("a response").status(), 202);
    // Our own commands send the token of the file that they are given.
    let file = folder.path().join("ingest.token");
    fs::write(&file, &ingest).unwrap();
    let demo = ["demo", "--crews", "3", "--url", &server.url];
    let refused = run(&demo);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("requires a token"),
        "{}",
        stderr(&refused)
    );
    let sent = run(&[&demo[..], &["--token-file", path(&file)]].concat());
    assert_eq!(sent.status.code(), Some(0), "{}", stderr(&sent));
}

#[test]
fn the_audit_log_names_tokens_and_addresses_and_nothing_of_what_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let analyst = token(folder.path(), "analyst", "ana");
    let viewer = token(folder.path(), "viewer", "wall");
    becomes(&server, &analyst, "POST /api/v1/sql", 200);
    let crew = "d52ffb9b-fe89-4dfb-9a1d-52c941f6947c";
    for (token, line) in [
        (&analyst, "GET /api/v1/reports/sh%61red?since=7d".to_owned()),
        (&analyst, format!("GET /shared/{crew}")),
        (&analyst, "POST /sql".to_owned()),
        (&viewer, "POST /api/v1/sql".to_owned()),
        (&viewer, "GET /shared".to_owned()),
        (&viewer, "GET /api/v1/reports/tools".to_owned()),
        (&analyst, "GET /sql?query=SELECT+1".to_owned()),
    ] {
        let _answered = status(&server, token, &line);
    }
    let order = json!({ "tokens": ["00112233445566778899aabbccddeeff"] }).to_string();
    let order = agent()
        .post(format!("{}/v1/erase", server.url))
        .header("content-type", "application/json")
        .send(order);
    assert_eq!(order.expect("a response").status(), 202);
    let revoked = run(&["token", "revoke", "wall", "--data", path(folder.path())]);
    assert_eq!(revoked.status.code(), Some(0));

    let data = path(folder.path());
    let log = json(&["audit-log", "--data", data, "--format", "json"]);
    let rows = log.as_array().unwrap();
    let seen: Vec<String> = rows
        .iter()
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
            let status = &row["status"];
            format!(
                "{} {} {} {status}",
                text("action"),
                text("who"),
                text("endpoint")
            )
        })
        .collect();
    let at = |from: usize, line: &str| {
        let found = seen[from..].iter().position(|seen| seen == line);
        from + found.unwrap_or_else(|| panic!("{line} is not in {seen:#?} from {from}"))
    };
    let mut from = 0;
    for line in [
        "token_created command line - null",
        "read_shared ana POST /api/v1/sql 200",
        "read_shared ana GET /api/v1/reports/shared 200",
        "read_shared ana GET /shared/{crew} 404",
        "read_shared ana POST /sql 200",
        "read_shared wall POST /api/v1/sql 403",
        "read_shared wall GET /shared 403",
        "erase_ordered holder of erasure tokens POST /v1/erase 202",
        "token_revoked command line - null",
    ] {
        from = at(from, line);
    }
    let reads = |end: &str| seen.iter().filter(|line| line.contains(end)).count();
    assert_eq!((reads("/tools"), reads("GET /sql")), (0, 0), "{seen:#?}");
    let ana = rows.iter().find(|row| row["who"] == "ana").unwrap();
    assert_eq!(
        (&ana["role"], &ana["token_id"]),
        (&json!("analyst"), &json!(analyst[3..11]))
    );
    let text = log.to_string();
    for secret in [
        "secret words",
        "SELECT",
        crew,
        &analyst[12..],
        "00112233",
        "127.0.0.1",
    ] {
        assert!(!text.contains(secret), "{secret}");
    }
    // Over the API, with the token of the server.
    let mut options = vec!["audit-log", "--format", "json"];
    options.extend(server.options());
    let over_api: Value = json(&options);
    assert_eq!(over_api, log);
}

#[test]
fn tokens_are_listed_without_their_texts_and_wrong_orders_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let data = path(folder.path());
    let missing = run(&["token", "list", "--data", "/nonexistent/folder"]);
    assert_eq!(missing.status.code(), Some(3));
    assert_eq!(Server::start(folder.path()).stop(), Some(0));
    let made = run(&[
        "token",
        "new",
        "--role",
        "viewer",
        "--expires",
        "30d",
        "--data",
        data,
    ]);
    assert_eq!(
        stdout(&made).lines().count(),
        1,
        "a script reads the token alone"
    );
    let text = stdout(&made).trim().to_owned();
    assert!(
        stderr(&made).contains("shown this once"),
        "{}",
        stderr(&made)
    );
    let listed = json(&["token", "list", "--data", data, "--format", "json"]);
    assert_eq!(listed[0]["id"], text[3..11]);
    assert_eq!(
        (&listed[0]["role"], &listed[0]["state"]),
        (&json!("viewer"), &json!("valid"))
    );
    assert!(!listed.to_string().contains(&text[12..]));
    for (arguments, code) in [
        (&["token", "new", "--data", data][..], 2),
        (&["token", "new", "--role", "owner", "--data", data], 2),
        (
            &[
                "token",
                "new",
                "--role",
                "viewer",
                "--expires",
                "2001-01-01",
                "--data",
                data,
            ],
            2,
        ),
        (
            &[
                "token", "new", "--role", "viewer", "--name", "a\nb", "--data", data,
            ],
            2,
        ),
        (&["token", "revoke", "nobody", "--data", data], 1),
    ] {
        let refused = run(arguments);
        assert_eq!(
            refused.status.code(),
            Some(code),
            "{arguments:?}: {}",
            stderr(&refused)
        );
    }
}
