//! No signal ends a server before it has flushed its rows.
#![cfg(unix)]

use crate::support::{Server, corpus, json, path, run};

#[test]
fn a_signal_stops_the_server_with_its_rows_flushed_or_is_passed_over() {
    for (signal, stops) in [
        ("HUP", true),
        ("QUIT", true),
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
        let log = std::fs::read_dir(folder.path().join("wal")).unwrap();
        assert_eq!(log.count(), 0, "SIG{signal}: the log is not in the tables");
        let tables = json(&["tables", "--data", path(folder.path()), "--format", "json"]);
        assert!(tables.as_array().is_some_and(|tables| !tables.is_empty()));
    }
}
