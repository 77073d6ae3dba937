//! `headcount health` and `/readyz`, as probes use them.

use std::fs;
use std::io::{Read as _, Write as _};

use crate::support::{Server, corpus, path, run, stderr, stdout};
use crate::tls::certificate;

#[test]
fn a_running_server_is_ready_and_a_stopped_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    for place in [["--data", path(folder.path())], ["--url", &server.url]] {
        let answered = run(&[&["health"][..], &place].concat());
        assert_eq!(answered.status.code(), Some(0), "{}", stderr(&answered));
        assert_eq!(stdout(&answered), "ready\n");
    }
    let url = server.url.clone();
    assert_eq!(server.stop(), Some(0));
    let stopped = run(&["health", "--data", path(folder.path())]);
    assert_eq!(stopped.status.code(), Some(1));
    assert!(stderr(&stopped).contains("no server runs on"));
    let stopped = run(&["health", "--url", &url]);
    assert_eq!(stopped.status.code(), Some(1));
    assert!(stderr(&stopped).contains("no server answers at"));
}

#[test]
fn a_probe_on_the_same_machine_needs_no_authority() {
    let folder = tempfile::tempdir().unwrap();
    let [chain, key] = ["server.pem", "server.key"].map(certificate);
    let options = ["--tls-cert", path(&chain), "--tls-key", path(&key)];
    let server = Server::start_with(folder.path(), &options);
    let local = run(&["health", "--data", path(folder.path())]);
    assert_eq!(local.status.code(), Some(0), "{}", stderr(&local));
    // Whoever names an address means that server and no other.
    let named = run(&["health", "--url", &server.url]);
    assert_eq!(named.status.code(), Some(1), "{}", stdout(&named));
    let authority = certificate("authority.pem");
    let trusting = [
        "health",
        "--url",
        &server.url,
        "--ca-file",
        path(&authority),
    ];
    assert_eq!(run(&trusting).status.code(), Some(0));
}

#[test]
fn a_damaged_table_is_a_warning_in_both_forms_and_keeps_nobody_from_sending() {
    let folder = tempfile::tempdir().unwrap();
    let body = corpus("crewai-1.15.30/default").join("000.bin");
    let ingested = run(&["ingest", path(&body), "--data", path(folder.path())]);
    assert_eq!(ingested.status.code(), Some(0), "{}", stderr(&ingested));
    let commit = folder
        .path()
        .join("tables/default/crews/_delta_log/00000000000000000000.json");
    let mut bytes = fs::read(&commit).unwrap();
    let wanted = b"\"add\":{\"path\":\"";
    let mut places = bytes.windows(wanted.len());
    let place = places.position(|window| window == wanted).expect("a file");
    bytes[place + wanted.len()] ^= 1;
    fs::write(&commit, bytes).unwrap();
    let server = Server::start(folder.path());
    let answered = run(&["health", "--url", &server.url]);
    assert_eq!(answered.status.code(), Some(0));
    let text = stdout(&answered);
    assert!(
        text.starts_with("ready\nwarning: table crews cannot be read"),
        "{text}"
    );
    let response = ureq::get(format!("{}/readyz", server.url))
        .header("accept", "application/json")
        .call();
    let mut response = response.expect("status 200");
    assert_eq!(response.headers()["content-type"], "application/json");
    let text = response.body_mut().read_to_string().unwrap();
    let object: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(object["status"], "ready");
    let warning = object["warnings"][0].as_str().expect("a text");
    assert!(
        warning.starts_with("table crews cannot be read"),
        "{warning}"
    );
}

#[test]
fn what_answers_200_and_is_not_headcount_is_not_ready() {
    for answer in [
        "<html>hello</html>",
        "ready\n",
        "{\"status\":\"ready\"}",
        "{\"status\":\"up\",\"warnings\":[]}",
    ] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let _head = stream.read(&mut request).unwrap();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
                answer.len()
            );
            stream.write_all((head + answer).as_bytes()).unwrap();
        });
        let asked = run(&["health", "--url", &url]);
        serving.join().unwrap();
        assert_eq!(asked.status.code(), Some(1), "{answer}: {}", stdout(&asked));
        assert!(
            stderr(&asked).contains("is not Headcount"),
            "{}",
            stderr(&asked)
        );
        assert_eq!(stdout(&asked), "");
    }
}

#[test]
fn a_token_is_not_asked_for_and_not_passed_over() {
    let asked = run(&["health", "--token-file", "no-such-file"]);
    assert_eq!(asked.status.code(), Some(2), "{}", stderr(&asked));
}
