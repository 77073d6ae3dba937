//! TLS on both listeners: with real clients, certificates that change, and clients that must show one.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

use crate::grpc_client::{self, Identity};
use crate::support::{Server, corpus, path, run, stderr, stdout};

pub(crate) fn certificate(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/certificates");
    folder.join(name)
}

fn pem(name: &str) -> Vec<u8> {
    fs::read(certificate(name)).unwrap()
}

/// The options for a server with the certificate of these names.
fn options(certificates: &[&str; 2]) -> Vec<String> {
    let [chain, key] = certificates.map(|name| path(&certificate(name)).to_owned());
    ["--tls-cert", &chain, "--tls-key", &key]
        .map(str::to_owned)
        .into()
}

fn start(data: &Path, more: &[&str]) -> Server {
    let options = options(&["server.pem", "server.key"]);
    let mut options: Vec<&str> = options.iter().map(String::as_str).collect();
    options.extend(more);
    Server::start_with_grpc_and(data, &options)
}

/// A client that trusts the authority of the tests, and shows the certificate in the file of this name.
fn agent(shows: Option<&str>) -> Agent {
    let authority = Certificate::from_pem(&pem("authority.pem")).unwrap();
    let shown = shows.map(|name| {
        let certificate = Certificate::from_pem(&pem(name)).unwrap();
        ClientCert::new_with_certs(&[certificate], PrivateKey::from_pem(&pem(name)).unwrap())
    });
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&[authority]))
        .client_cert(shown);
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .tls_config(tls.build());
    Agent::new_with_config(config.build())
}

fn body() -> Vec<u8> {
    fs::read(corpus("crewai-1.15.30/shared").join("000.bin")).unwrap()
}

fn address(server: &Server) -> &str {
    server.url.strip_prefix("https://").expect("TLS")
}

#[test]
fn everything_is_served_over_tls_and_nothing_without() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let sent = agent(None)
        .post(format!("{}/v1/traces", server.url))
        .header("content-type", "application/x-protobuf")
        .send(&body()[..]);
    assert_eq!(sent.expect("a response").status(), 200);
    let grpc = server.grpc.clone().expect("a gRPC listener");
    let trusting = Identity::Nobody;
    let status = grpc_client::call_over_tls(&grpc, &body(), &pem("authority.pem"), &trusting);
    assert_eq!(status.unwrap().as_deref(), Some("0"));

    // Our commands, which find neither authority nor token by themselves here.
    let authority = certificate("authority.pem");
    let mut tables = vec!["tables", "--ca-file", path(&authority)];
    tables.extend(server.options());
    let answered = run(&tables);
    assert_eq!(answered.status.code(), Some(0), "{}", stderr(&answered));
    let distrusted = run(&[&["tables"][..], &server.options()].concat());
    assert_eq!(distrusted.status.code(), Some(1), "{}", stdout(&distrusted));

    // A browser keeps the session to TLS.
    let link = run(&["open", "--print", "--data", path(folder.path())]);
    let link = stdout(&link).trim().to_owned();
    assert!(link.starts_with("https://"), "{link}");
    let signed_in = agent(None).get(&link).call().expect("a response");
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.ends_with("; Secure"), "{cookie}");

    // Whoever speaks no TLS learns what is wrong.
    for address in [address(&server), &grpc] {
        let mut plain = TcpStream::connect(address).unwrap();
        plain
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .unwrap();
        let mut response = String::new();
        plain.read_to_string(&mut response).unwrap();
        assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
        assert!(response.ends_with("begin it with https\n"), "{response}");
    }
    // One that says nothing, and one that stops in the middle, do not delay the end.
    let silent = TcpStream::connect(address(&server)).unwrap();
    let mut halting = TcpStream::connect(address(&server)).unwrap();
    halting.write_all(&[22, 3, 1, 1]).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let began = Instant::now();
    assert_eq!(server.stop(), Some(0));
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
    drop((silent, halting));
}

#[test]
fn a_changed_certificate_is_used_without_a_restart_and_a_bad_one_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let [chain, key, log] = ["chain.pem", "key.pem", "log"].map(|name| folder.path().join(name));
    fs::write(&chain, pem("server.pem")).unwrap();
    fs::write(&key, pem("server.key")).unwrap();
    let options = ["--tls-cert", path(&chain), "--tls-key", path(&key)];
    let server = Server::start_logging(&folder.path().join("data"), &options, &log);
    let shown = || grpc_client::certificate_of(address(&server), &pem("authority.pem"));
    let [first, renewed] = ["server.pem", "renewed.pem"].map(|name| {
        let certificate = Certificate::from_pem(&pem(name)).unwrap();
        certificate.der().to_vec()
    });
    assert_eq!(shown(), first);
    let becomes = |wanted: &[u8]| {
        let deadline = Instant::now() + Duration::from_secs(6);
        while shown() != wanted {
            assert!(
                Instant::now() < deadline,
                "the certificate is not used in time"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    // Over a connection that stays open, requests go on.
    let kept = agent(None);
    let is_ready = || {
        kept.get(format!("{}/readyz", server.url))
            .call()
            .unwrap()
            .status()
            == 200
    };
    assert!(is_ready());
    fs::write(&chain, pem("renewed.pem")).unwrap();
    fs::write(&key, pem("renewed.key")).unwrap();
    becomes(&renewed);
    assert!(is_ready());

    let said = || fs::read_to_string(&log).unwrap();
    let becomes_known = |what: &str| {
        let deadline = Instant::now() + Duration::from_secs(6);
        while !said()
            .lines()
            .any(|line| line.contains("stays in use") && line.contains(what))
        {
            assert!(
                Instant::now() < deadline,
                "{what} is not reported: {}",
                said()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(shown(), renewed, "{what}");
    };
    fs::write(&chain, pem("server.pem")).unwrap();
    becomes_known("cannot be used together");
    fs::write(&chain, "half a certifi").unwrap();
    becomes_known("contains no certificate");
    fs::remove_file(&chain).unwrap();
    becomes_known("cannot read");
    let reports = said().lines().count();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(
        said().lines().count(),
        reports,
        "each is reported once: {}",
        said()
    );
    // By a rename, as tools for certificates do it.
    let new = folder.path().join("new");
    fs::write(&key, pem("server.key")).unwrap();
    fs::write(&new, pem("server.pem")).unwrap();
    fs::rename(&new, &chain).unwrap();
    becomes(&first);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn with_mutual_tls_only_clients_of_the_authority_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let authority = certificate("authority.pem");
    let server = start(folder.path(), &["--tls-client-ca", path(&authority)]);
    let ask = |shows: Option<&str>| {
        let response = agent(shows).get(format!("{}/healthz", server.url)).call();
        response.map(|response| response.status().as_u16()).ok()
    };
    assert_eq!(ask(Some("client.pem")), Some(200));
    assert_eq!(ask(None), None);
    assert_eq!(ask(Some("stranger.pem")), None);
    let grpc = server.grpc.clone().expect("a gRPC listener");
    let call = |identity: &Identity| {
        let status = grpc_client::call_over_tls(&grpc, &body(), &pem("authority.pem"), identity);
        status.ok().flatten()
    };
    let identity = |name: &str| Identity::Pem(pem(name));
    assert_eq!(call(&identity("client.pem")).as_deref(), Some("0"));
    assert_eq!(call(&Identity::Nobody), None);
    assert_eq!(call(&identity("stranger.pem")), None);
    let client = certificate("client.pem");
    let mut tables = vec!["tables", "--ca-file", path(&authority)];
    tables.extend(server.options());
    assert_eq!(run(&tables).status.code(), Some(1));
    tables.extend(["--client-cert", path(&client)]);
    let answered = run(&tables);
    assert_eq!(answered.status.code(), Some(0), "{}", stderr(&answered));
}

#[test]
fn files_that_cannot_be_used_stop_the_start_and_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let empty = folder.path().join("empty.pem");
    fs::write(&empty, "").unwrap();
    let [chain, key, other] =
        ["server.pem", "server.key", "renewed.key"].map(|name| path(&certificate(name)).to_owned());
    let (missing, empty) = ("/nonexistent/chain.pem", path(&empty));
    let serve = |options: &[&str]| {
        let addresses = ["serve", "--http", "127.0.0.1:0", "--grpc", "none"];
        run(&[&addresses[..], &["--data", path(&data)], options].concat())
    };
    for (options, named) in [
        (&["--tls-cert", missing, "--tls-key", &key][..], missing),
        (
            &["--tls-cert", empty, "--tls-key", &key],
            "contains no certificate",
        ),
        (
            &["--tls-cert", &chain, "--tls-key", &chain],
            "contains no private key",
        ),
        (
            &["--tls-cert", &chain, "--tls-key", &other],
            "cannot be used together",
        ),
        (
            &[
                "--tls-cert",
                &chain,
                "--tls-key",
                &key,
                "--tls-client-ca",
                empty,
            ],
            "contains no certificate",
        ),
    ] {
        let refused = serve(options);
        assert_eq!(refused.status.code(), Some(1), "{options:?}");
        let message = stderr(&refused);
        assert!(message.contains(named), "{options:?}: {message}");
    }
    for options in [
        &["--tls-cert", chain.as_str()][..],
        &["--tls-key", &key],
        &["--tls-client-ca", &chain],
    ] {
        assert_eq!(serve(options).status.code(), Some(2), "{options:?}");
    }
}

/// A record of TLS with a `ClientHello` that asks for `name` (RFC 8446 §4.1.2, RFC 6066 §3).
fn client_hello(name: &str) -> Vec<u8> {
    let with_length = |bytes: &[u8]| {
        let length = u16::try_from(bytes.len()).unwrap();
        [&length.to_be_bytes()[..], bytes].concat()
    };
    let entry = [&[0][..], &with_length(name.as_bytes())].concat();
    let server_name = [&[0, 0][..], &with_length(&with_length(&entry))].concat();
    let versions = [0, 43, 0, 3, 2, 3, 4];
    let extensions = with_length(&[&server_name[..], &versions].concat());
    let hello = [
        &[3, 3][..],
        &[7; 32],
        &[0, 0, 2, 0x13, 0x01, 1, 0],
        &extensions,
    ]
    .concat();
    let handshake = [&[1, 0][..], &with_length(&hello)].concat();
    [&[22, 3, 1][..], &with_length(&handshake)].concat()
}

#[test]
fn no_log_line_quotes_what_a_stranger_sends_in_a_handshake() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let options = options(&["server.pem", "server.key"]);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let server = Server::start_logging(&folder.path().join("data"), &options, &log);
    for name in ["anna example", "192.0.2.77"] {
        let mut stream = TcpStream::connect(address(&server)).unwrap();
        stream.write_all(&client_hello(name)).unwrap();
        let mut alert = Vec::new();
        // The server may close at once, too.
        let _ = stream.read_to_end(&mut alert);
    }
    assert_eq!(server.stop(), Some(0));
    let said = fs::read_to_string(&log).unwrap();
    assert!(
        !said.contains("anna") && !said.contains("192.0.2.77"),
        "{said}"
    );
}
