//! What a server tells systemd, as systemd hears it: datagrams to a real socket (`sd_notify(3)`).
#![cfg(target_os = "linux")]

use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

use crate::support::{Server, path};
use crate::tls::certificate;

/// The server says twice in this time that it is alive.
const WATCHDOG: Duration = Duration::from_millis(600);

/// The next datagram that is no sign of life.
fn next(manager: &UnixDatagram) -> String {
    loop {
        let message = receive(manager);
        if message != "WATCHDOG=1\n" {
            return message;
        }
    }
}

fn receive(manager: &UnixDatagram) -> String {
    let mut bytes = [0; 4096];
    loop {
        match manager.recv(&mut bytes) {
            Ok(length) => return String::from_utf8(bytes[..length].to_vec()).expect("UTF-8"),
            // A child of another test has ended.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("no datagram within 20 s: {error}"),
        }
    }
}

fn listening(manager: UnixDatagram) -> UnixDatagram {
    let patience = Duration::from_secs(20);
    manager.set_read_timeout(Some(patience)).expect("a timeout");
    manager
}

#[test]
fn a_service_manager_hears_of_the_start_signs_of_life_reloads_and_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("notify");
    let manager = listening(UnixDatagram::bind(&socket).unwrap());
    let usec = WATCHDOG.as_micros().to_string();
    let variables = [("NOTIFY_SOCKET", path(&socket)), ("WATCHDOG_USEC", &usec)];
    let data = folder.path().join("data");
    let mut server = Server::start_in(&data, &[], &variables);
    let ready = "READY=1\nSTATUS=receiving telemetry\n";
    assert_eq!(next(&manager), ready);

    // The first one comes at once.
    assert_eq!(receive(&manager), "WATCHDOG=1\n");
    let mut intervals = Vec::new();
    for _ in 0..8 {
        let began = Instant::now();
        assert_eq!(receive(&manager), "WATCHDOG=1\n");
        intervals.push(began.elapsed());
    }
    // A busy machine makes some longer, and the next one shorter.
    let (shortest, all) = (intervals.iter().min(), intervals.iter().sum::<Duration>());
    assert!(shortest < Some(&(WATCHDOG * 3 / 4)), "{intervals:?}");
    assert!(all > WATCHDOG * 3, "{intervals:?}");

    if !is_hangup_ignored() {
        let before = uptime_us();
        server.signal("HUP");
        let reloading = next(&manager);
        let monotonic = reloading
            .strip_prefix("RELOADING=1\nMONOTONIC_USEC=")
            .expect("the start of a reload");
        let monotonic: u64 = monotonic.trim_end().parse().expect("a number");
        // The machine may have slept, which its uptime counts and this clock does not.
        assert!(
            monotonic > 0 && monotonic <= uptime_us(),
            "{monotonic} {before}"
        );
        assert_eq!(next(&manager), ready);
    }

    server.signal("TERM");
    let stopping = "STOPPING=1\nSTATUS=flushing the last rows to the tables\n";
    assert_eq!(next(&manager), stopping);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn signs_of_life_go_on_while_a_reload_waits_for_a_file() {
    if is_hangup_ignored() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let [chain, key] = ["server.pem", "server.key"].map(|name| {
        let copy = folder.path().join(name);
        std::fs::copy(certificate(name), &copy).unwrap();
        copy
    });
    let socket = folder.path().join("notify");
    let manager = listening(UnixDatagram::bind(&socket).unwrap());
    let usec = WATCHDOG.as_micros().to_string();
    let variables = [("NOTIFY_SOCKET", path(&socket)), ("WATCHDOG_USEC", &usec)];
    let data = folder.path().join("data");
    let options = ["--tls-cert", path(&chain), "--tls-key", path(&key)];
    let mut server = Server::start_in(&data, &options, &variables);
    assert!(next(&manager).starts_with("READY=1"));
    // Whoever opens a pipe to read it waits for a writer, as on a network disk that is gone.
    std::fs::remove_file(&key).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&key).status();
    assert!(made.unwrap().success());
    server.signal("HUP");
    assert!(next(&manager).starts_with("RELOADING=1"));
    for _ in 0..8 {
        assert_eq!(receive(&manager), "WATCHDOG=1\n");
    }
    // With a writer the reload ends, without a usable key.
    std::fs::write(&key, "no key").unwrap();
    assert_eq!(next(&manager), "READY=1\nSTATUS=receiving telemetry\n");
    server.kill();
}

#[test]
fn a_socket_may_be_in_the_abstract_namespace_and_none_is_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let name = format!("headcount-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let manager = listening(UnixDatagram::bind_addr(&address).unwrap());
    let variable = format!("@{name}");
    let server = Server::start_in(folder.path(), &[], &[("NOTIFY_SOCKET", &variable)]);
    assert_eq!(receive(&manager), "READY=1\nSTATUS=receiving telemetry\n");
    assert_eq!(server.stop(), Some(0));
    // Nobody listens there any more.
    drop(manager);
    let server = Server::start_in(folder.path(), &[], &[("NOTIFY_SOCKET", &variable)]);
    assert_eq!(server.stop(), Some(0));
}

/// Microseconds since the machine started, rounded up.
fn uptime_us() -> u64 {
    let text = std::fs::read_to_string("/proc/uptime").expect("Linux");
    let seconds = text.split(' ').next().expect("a number");
    let seconds: f64 = seconds.parse().expect("a number");
    ((seconds + 0.02) * 1e6) as u64
}

fn is_hangup_ignored() -> bool {
    crate::signals::is_hangup_ignored()
}
