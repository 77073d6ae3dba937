//! Access through real sockets: nothing but the public surface answers without the token, whatever a request looks like,
//! and no address runs a query.

use crate::support::{Headers, Running, TOKEN, request, start, start_public, start_with_token};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Every address of the site that needs the token, with a method that it has.
const PROTECTED: [&str; 23] = [
    "GET /",
    "GET /tools",
    "GET /models",
    "GET /features",
    "GET /versions",
    "GET /tasks",
    "GET /tests",
    "GET /deployments",
    "GET /shared",
    "GET /shared/d52ffb9b-fe89-4dfb-9a1d-52c941f6947c",
    "GET /policy",
    "GET /sql",
    "POST /sql",
    "GET /api/v1/reports",
    "GET /api/v1/reports/tools",
    "GET /api/v1/tables",
    "GET /api/v1/catalog",
    "POST /api/v1/sql",
    "GET /api/v1/audit",
    "GET /api/v1/audit-log",
    "GET /api/openapi.json",
    "GET /metrics",
    "HEAD /api/v1/tables",
];

/// The addresses that answer everybody.
const OPEN: [&str; 5] = [
    "GET /privacy",
    "GET /login",
    "GET /robots.txt",
    "GET /healthz",
    "GET /readyz",
];

/// Requests for `line` as reverse proxies on this machine send them for a client anywhere. The first is nginx with nothing
/// but `proxy_pass http://127.0.0.1:PORT`, and the second the same with `proxy_http_version 1.1`.
fn proxied(line: &str, port: u16) -> Vec<String> {
    let (method, path) = line.split_once(' ').expect("a method and a path");
    let length = if method == "POST" {
        "Content-Length: 0\r\n"
    } else {
        ""
    };
    let browser = format!("{length}User-Agent: Mozilla/5.0\r\nAccept: */*\r\n\r\n");
    vec![
        format!("{line} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{browser}"),
        format!("{line} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{browser}"),
        format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{browser}"),
        format!("{line} HTTP/1.1\r\nHost: telemetry.example.com\r\nConnection: close\r\n{browser}"),
        // Without any host: a tunnel, or a health check.
        format!("{line} HTTP/1.0\r\n{browser}"),
        format!(
            "{method} http://127.0.0.1:{port}{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{browser}"
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_plain_proxy_nothing_but_the_public_surface_answers_without_the_token() {
    let running = start_with_token().await;
    let port = running.http().port();
    for line in PROTECTED {
        for bytes in proxied(line, port) {
            let answer = running.exchange(bytes.clone().into_bytes()).await;
            assert_eq!(answer.status, 401, "{bytes}");
        }
        let credentials = format!("Bearer {TOKEN}");
        let owner = [("Authorization", credentials.as_str())];
        let answer = running.send(line, &owner, b"").await;
        assert!(
            ![401, 403].contains(&answer.status),
            "{line}: {}",
            answer.status
        );
    }
    for line in OPEN {
        for bytes in proxied(line, port) {
            let answer = running.exchange(bytes.clone().into_bytes()).await;
            assert_eq!(answer.status, 200, "{bytes}");
        }
    }
    // Telemetry needs no token.
    assert_eq!(running.post(&request(&["Feature Usage"])).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_2_without_an_authority_nothing_answers_without_the_token() {
    for running in [start_with_token().await, start().await] {
        for path in ["/api/v1/tables", "/sql", "/metrics", "/"] {
            assert!(!is_answered(&running, path).await, "{path}");
        }
        assert!(is_answered(&running, "/robots.txt").await);
    }
}

/// Whether a GET over cleartext HTTP/2 without `:authority` gets status 200.
async fn is_answered(running: &Running, path: &str) -> bool {
    // The preface, empty SETTINGS, and HEADERS with END_STREAM and END_HEADERS: `:method: GET` and `:scheme: http` are
    // entries 2 and 6 of HPACK's static table, `:path` is a literal under the name of entry 4 (RFC 7541).
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    let length = u8::try_from(path.len()).expect("a short path");
    bytes.extend([
        0,
        0,
        length + 4,
        0x01,
        0x05,
        0,
        0,
        0,
        1,
        0x82,
        0x86,
        0x44,
        length,
    ]);
    bytes.extend(path.as_bytes());
    let stream = tokio::net::TcpStream::connect(running.http()).await;
    let mut stream = stream.expect("a listener");
    stream.write_all(&bytes).await.expect("it reads");
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.expect("a frame");
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        stream
            .read_exact(&mut payload)
            .await
            .expect("a whole frame");
        if head[3] == 0x01 {
            // `:status: 200` is entry 8. A decoder's table update may come first.
            let first = payload.iter().find(|byte| **byte & 0xe0 != 0x20);
            return first == Some(&0x88);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_only_a_client_that_names_this_machine_is_answered() {
    let running = start().await;
    let refused: [&[u8]; 5] = [
        b"GET /api/v1/tables HTTP/1.1\r\nHost: rebound.example.org\r\nConnection: close\r\n\r\n",
        b"GET /api/v1/tables HTTP/1.1\r\nHost: localhost@rebound.example.org\r\nConnection: close\r\n\r\n",
        b"GET /api/v1/tables HTTP/1.0\r\n\r\n",
        b"GET http://rebound.example.org/api/v1/tables HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET /api/v1/tables HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n",
    ];
    for bytes in refused {
        let answer = running.exchange(bytes.to_vec()).await;
        assert_eq!(answer.status, 403, "{}", String::from_utf8_lossy(bytes));
    }
    assert_eq!(
        running.send("GET /api/v1/tables", &[], b"").await.status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_fills_the_editor_and_runs_nothing() {
    let running = start().await;
    let query = "SELECT+6*7+AS+answer_to_everything";
    let link: Headers<'_> = &[
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "navigate"),
    ];
    for headers in [&[][..], link] {
        for address in [
            format!("/sql?query={query}"),
            "/sql?report=tools".to_owned(),
        ] {
            let page = running.send(&format!("GET {address}"), headers, b"").await;
            assert_eq!(page.status, 200, "{address}");
            assert!(page.text().contains("has not been run"), "{address}");
            assert!(!page.text().contains("id=\"answer\""), "{address}");
        }
    }
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let body = format!("query={query}");
    let page = running.send("POST /sql", &[form], body.as_bytes()).await;
    assert!(page.text().contains("id=\"answer\""), "{}", page.text());
    assert!(page.text().contains(">42<"), "{}", page.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_runs_only_for_a_page_of_this_site_or_a_program() {
    let running = start().await;
    let own_origin = format!("http://{}", running.http());
    let own_host = running.http().to_string();
    for line in ["POST /sql", "POST /api/v1/sql"] {
        let foreign: [Headers<'_>; 6] = [
            &[("Origin", "https://elsewhere.example")],
            &[("Origin", "null")],
            &[("Origin", "http://localhost:1")],
            &[
                ("Sec-Fetch-Site", "cross-site"),
                ("Sec-Fetch-Mode", "navigate"),
            ],
            &[("Sec-Fetch-Site", "same-site"), ("Sec-Fetch-Mode", "cors")],
            &[
                ("Sec-Fetch-Site", "cross-site"),
                ("Origin", own_origin.as_str()),
            ],
        ];
        for headers in foreign {
            let answer = running.send(line, headers, b"query=SELECT+1").await;
            assert_eq!(answer.status, 403, "{line} {headers:?}");
            assert!(answer.header("access-control-allow-origin").is_none());
        }
        let form = ("Content-Type", "application/x-www-form-urlencoded");
        let behind_proxy = ("Origin", "https://behind.example");
        let own: [Headers<'_>; 2] = [
            &[form, ("Sec-Fetch-Site", "same-origin"), behind_proxy],
            &[form],
        ];
        for headers in own {
            let answer = running.send(line, headers, b"query=SELECT+1").await;
            assert_eq!(answer.status, 200, "{line} {headers:?}: {}", answer.text());
        }
        let by_origin = format!(
            "{line} HTTP/1.1\r\nHost: {own_host}\r\nOrigin: {own_origin}\r\nConnection: close\r\nContent-Type: {}\r\nContent-Length: 14\r\n\r\nquery=SELECT+1",
            form.1
        );
        let answer = running.exchange(by_origin.into_bytes()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let preflight: Headers<'_> = &[
        ("Origin", "https://elsewhere.example"),
        ("Access-Control-Request-Method", "POST"),
    ];
    let answer = running.send("OPTIONS /api/v1/sql", preflight, b"").await;
    assert!(answer.header("access-control-allow-origin").is_none());
    assert_ne!(answer.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_crews_are_listed_whatever_environment_is_asked_for() {
    let running = start().await;
    assert_eq!(running.post(&request(&["Feature Usage"])).await.status, 200);
    let page = running
        .send("GET /shared?environment=runtime_context:ci", &[], b"")
        .await;
    assert_eq!(page.status, 200);
    assert!(!page.text().contains("runtime_context"), "{}", page.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_is_sent_as_it_is_and_text_compressed() {
    let running = start_public().await;
    let credentials = format!("Bearer {TOKEN}");
    // Long enough to be compressed.
    let query = format!("SELECT '{}' AS text", "word ".repeat(2000));
    for (accept, coding) in [
        ("application/vnd.apache.parquet", None),
        ("application/vnd.apache.arrow.stream", None),
        ("text/csv", Some("gzip")),
        ("application/json", Some("gzip")),
    ] {
        let headers = [
            ("Authorization", credentials.as_str()),
            ("Accept", accept),
            ("Accept-Encoding", "gzip"),
        ];
        let answer = running
            .send("POST /api/v1/sql", &headers, query.as_bytes())
            .await;
        assert_eq!(answer.status, 200, "{accept}: {}", answer.text());
        assert_eq!(answer.header("content-encoding"), coding, "{accept}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_page_leads_to_the_sign_in_page_and_back() {
    let running = start_public().await;
    assert_eq!(running.post(&request(&["Feature Usage"])).await.status, 200);
    let link = "href=\"/login?next=%2Ffeatures%3Fsince%3D";
    let public = running
        .send("GET /features?since=2026-11-01", &[], b"")
        .await;
    assert_eq!(public.status, 200);
    assert!(public.text().contains(link), "{}", public.text());
    let credentials = format!("Bearer {TOKEN}");
    let owner = [("Authorization", credentials.as_str())];
    let page = running.send("GET /features", &owner, b"").await.text();
    assert!(!page.contains("/login?next="), "who is signed in");
}
