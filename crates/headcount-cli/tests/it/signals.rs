//! No signal ends a server before it has flushed its rows.
#![cfg(unix)]

use crate::support::{Server, corpus, json, path, run};

#[test]
fn a_signal_stops_the_server_with_its_rows_flushed_or_is_passed_over() {
    for (signal, stops) in [
        // Where these tests run with it ignored, as under nohup, the server ignores it too.
        ("HUP", !is_hangup_ignored()),
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

fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Bit 0 is signal 1, SIGHUP.
    mask.unwrap_or_default() & 1 == 1
}
