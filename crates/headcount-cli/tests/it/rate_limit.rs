//! A sender that asks too often is told to wait, and nothing of who it was is kept.

use std::fs;
use std::path::Path;

use crate::grpc_client;
use crate::support::{Server, corpus, stderr};
use crate::support::{headcount, run};

const SENDER: &str = "192.0.2.77";

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    ureq::Agent::new_with_config(config.build())
}

fn body() -> Vec<u8> {
    fs::read(corpus("crewai-1.15.30/shared").join("000.bin")).unwrap()
}

/// Every file below `folder` that contains `text`.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        if bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
        {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn a_sender_that_asks_too_often_is_told_to_wait_and_others_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let options = [
        "--rate-limit",
        "1",
        "--behind-proxy",
        "127.0.0.1",
        "--log",
        "debug",
    ];
    let server = Server::start_logging(&data, &options, &log);
    let send = |sender: Option<&str>| {
        let mut request = agent()
            .post(format!("{}/v1/traces", server.url))
            .header("content-type", "application/x-protobuf");
        if let Some(sender) = sender {
            request = request.header("x-forwarded-for", sender);
        }
        request.send(&body()[..]).expect("a response")
    };
    let statuses: Vec<u16> = (0..14)
        .map(|_| send(Some(SENDER)).status().as_u16())
        .collect();
    assert_eq!(statuses[..10], [200; 10], "{statuses:?}");
    assert!(statuses[10..].contains(&429), "{statuses:?}");
    let refused = (0..3)
        .map(|_| send(Some(SENDER)))
        .find(|response| response.status() == 429);
    let refused = refused.expect("at most one of three a second is admitted");
    let wait: u64 = refused.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=5).contains(&wait), "{wait}");
    assert_eq!(refused.headers()["content-type"], "application/x-protobuf");

    // Others go on: another sender, this machine, and probes.
    assert_eq!(send(Some("192.0.2.78")).status(), 200);
    assert!((0..30).all(|_| send(None).status() == 200));
    let get = |address: &str| {
        let request = agent().get(format!("{}{address}", server.url));
        request
            .header("x-forwarded-for", SENDER)
            .call()
            .expect("a response")
    };
    assert!((0..5).all(|_| get("/healthz").status() == 200));
    let page = (0..3)
        .map(|_| get("/login"))
        .find(|response| response.status() == 429);
    let page = page.expect("a problem");
    assert_eq!(page.headers()["content-type"], "application/problem+json");
    assert!(page.headers().contains_key("retry-after"));

    let bearer = format!(
        "Bearer {}",
        fs::read_to_string(&server.token_file).unwrap().trim()
    );
    let metrics = agent().get(format!("{}/metrics", server.url));
    let mut metrics = metrics
        .header("authorization", bearer)
        .call()
        .expect("a response");
    let metrics = metrics.body_mut().read_to_string().unwrap();
    let counted = metrics
        .lines()
        .find(|line| line.contains("reason=\"rate_limited\""))
        .unwrap();
    assert!(!counted.ends_with(" 0"), "{counted}");
    assert_eq!(server.stop(), Some(0));
    assert_eq!(files_with(folder.path(), SENDER), Vec::<String>::new());
}

#[test]
fn grpc_says_when_to_retry_and_a_limit_may_be_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let options = ["--rate-limit", "1", "--behind-proxy", "127.0.0.1"];
    let server = Server::start_with_grpc_and(folder.path(), &options);
    let address = server.grpc.clone().expect("a gRPC listener");
    let call = || grpc_client::call_forwarded(&address, &body(), SENDER).expect("a status");
    let statuses: Vec<String> = (0..14).map(|_| call()).collect();
    assert_eq!(statuses[..10], [(); 10].map(|()| "0"), "{statuses:?}");
    // RESOURCE_EXHAUSTED.
    assert!(
        statuses[10..].iter().any(|status| status == "8"),
        "{statuses:?}"
    );
    assert_eq!(server.stop(), Some(0));

    let options = ["--rate-limit", "none", "--behind-proxy", "127.0.0.1"];
    let server = Server::start_with_grpc_and(folder.path(), &options);
    let address = server.grpc.clone().expect("a gRPC listener");
    let call = || grpc_client::call_forwarded(&address, &body(), SENDER).expect("a status");
    assert!((0..30).all(|_| call() == "0"));
}

#[test]
fn a_wrong_rate_is_explained() {
    for rate in ["0", "-1", "many", "1.5"] {
        let refused = run(&["serve", &format!("--rate-limit={rate}")]);
        assert_eq!(refused.status.code(), Some(2), "{rate}");
        assert!(stderr(&refused).contains("none"), "{}", stderr(&refused));
    }
    let help = headcount().args(["serve", "--help"]).output().unwrap();
    assert!(String::from_utf8_lossy(&help.stdout).contains("--rate-limit"));
}
