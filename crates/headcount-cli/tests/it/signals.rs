//! Signals: none ends a server before it has flushed its rows, and SIGHUP has it read its files again.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::grpc_client;
use crate::support::{Server, corpus, json, path, run, stderr};
use crate::tls::certificate;

#[test]
fn a_signal_stops_the_server_with_its_rows_flushed_or_is_passed_over() {
    for (signal, stops) in [
        ("QUIT", true),
        ("HUP", false),
        ("USR1", false),
        ("USR2", false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Server::start(folder.path());
        let body = corpus("crewai-1.15.30/default").join("000.bin");
        let sent = run(&["ingest", path(&body), "--url", &server.url]);
        assert_eq!(sent.status.code(), Some(0));
        let code = match stops {
            true => server.stop_with(signal),
            false => {
                server.signal(signal);
                server.stop()
            }
        };
        assert_eq!(code, Some(0), "SIG{signal}");
        let log = fs::read_dir(folder.path().join("wal")).unwrap();
        assert_eq!(log.count(), 0, "SIG{signal}: the log is not in the tables");
        let tables = json(&["tables", "--data", path(folder.path()), "--format", "json"]);
        assert!(tables.as_array().is_some_and(|tables| !tables.is_empty()));
    }
}

#[test]
fn a_hangup_reads_tokens_and_certificates_again_and_keeps_what_a_bad_file_had() {
    if is_hangup_ignored() {
        // As under nohup: then the server ignores it, too.
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let [chain, key] = ["chain.pem", "key.pem"].map(|name| folder.path().join(name));
    fs::copy(certificate("server.pem"), &chain).unwrap();
    fs::copy(certificate("server.key"), &key).unwrap();
    let options = [
        "--tls-cert",
        path(&chain),
        "--tls-key",
        path(&key),
        "--log",
        "info",
    ];
    let mut server = Server::start_logging(&data, &options, &log);
    let address = server.url.strip_prefix("https://").unwrap().to_owned();
    let authority = fs::read(certificate("authority.pem")).unwrap();
    let shown = || grpc_client::certificate_of(&address, &authority);
    let first = shown();
    // Files that have not changed are read again all the same, and the log says so.
    server.signal("HUP");
    wait_for(&log, "SIGHUP: read the tokens again tokens=0");
    wait_for(&log, "new connections get the certificate that is now in");
    assert_eq!(shown(), first);

    let made = run(&["token", "new", "--role", "viewer", "--data", path(&data)]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    fs::copy(certificate("renewed.key"), &key).unwrap();
    fs::copy(certificate("renewed.pem"), &chain).unwrap();
    server.signal("HUP");
    wait_for(&log, "SIGHUP: read the tokens again tokens=1");
    let deadline = Instant::now() + Duration::from_secs(10);
    while shown() == first {
        assert!(Instant::now() < deadline, "the new certificate is not used");
        std::thread::sleep(Duration::from_millis(20));
    }
    let renewed = shown();

    // Files that cannot be used are named at each signal, and change nothing.
    fs::write(&chain, "half a certifi").unwrap();
    fs::write(data.join("tokens.json"), "half a to").unwrap();
    server.signal("HUP");
    wait_for(&log, "SIGHUP: the tokens stay as they were");
    wait_for(&log, "the former certificate stays in use");
    assert_eq!(shown(), renewed);
    assert_eq!(server.stop(), Some(0));
}

/// Waits until the log has the text.
fn wait_for(log: &Path, text: &str) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let said = fs::read_to_string(log).unwrap();
        if said.contains(text) {
            return;
        }
        assert!(Instant::now() < deadline, "not said: {text}\n{said}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn is_hangup_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Bit 0 is signal 1, SIGHUP.
    mask.unwrap_or_default() & 1 == 1
}
