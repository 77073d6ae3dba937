//! What the program that started the server is told, by the protocol of systemd's `sd_notify(3)`: one datagram to the socket that
//! `NOTIFY_SOCKET` names, with a line for each assignment. systemd, Podman and others understand it; without the variable
//! nobody is told anything.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use sd_notify::NotifyState;

/// Listens to what a server says about itself.
#[derive(Debug)]
pub(super) struct ServiceManager {
    /// A path, or behind an `@` a name in Linux' abstract namespace; `None` if nobody listens.
    socket: Option<OsString>,
    /// After which silence the service manager restarts the server.
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// The one of `NOTIFY_SOCKET` and `WATCHDOG_USEC`, if there is one.
    pub(super) fn from_environment() -> Self {
        let socket = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty());
        let watchdog = sd_notify::watchdog_enabled().filter(|_| socket.is_some());
        Self {
            socket,
            watchdog: watchdog.filter(|limit| !limit.is_zero()),
        }
    }

    /// How often [`ServiceManager::alive`] must be called at least, if at all.
    pub(super) fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// The server takes requests.
    pub(super) fn ready(&self, status: &str) {
        self.tell(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// The server reads its files again; [`ServiceManager::ready`] ends that. The time lets systemd tell this from an earlier reload.
    pub(super) fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.tell(&[NotifyState::Reloading, now]),
            Err(error) => report(&error),
        }
    }

    /// The server flushes its rows and ends.
    pub(super) fn stopping(&self, status: &str) {
        self.tell(&[NotifyState::Stopping, NotifyState::Status(status)]);
    }

    /// A line for `systemctl status`.
    pub(super) fn status(&self, status: &str) {
        self.tell(&[NotifyState::Status(status)]);
    }

    /// The server is not stuck. Nobody is told without a watchdog.
    pub(super) fn alive(&self) {
        if self.watchdog.is_some() {
            self.tell(&[NotifyState::Watchdog]);
        }
    }

    fn tell(&self, states: &[NotifyState<'_>]) {
        let Some(socket) = &self.socket else {
            return;
        };
        let lines: String = states.iter().map(|state| format!("{state}\n")).collect();
        if let Err(error) = send(socket, lines.as_bytes()) {
            report(&error);
        }
    }
}

fn report(error: &io::Error) {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "cannot tell the service manager at NOTIFY_SOCKET"
    );
}

/// Sends one datagram. `sd_notify::notify` knows no abstract sockets.
fn send(socket: &OsString, message: &[u8]) -> io::Result<()> {
    let sender = UnixDatagram::unbound()?;
    match socket.as_bytes().strip_prefix(b"@") {
        None => sender.send_to(message, socket)?,
        #[cfg(target_os = "linux")]
        Some(name) => {
            use std::os::linux::net::SocketAddrExt as _;
            let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
            sender.send_to_addr(message, &address)?
        }
        #[cfg(not(target_os = "linux"))]
        Some(_) => return Err(io::ErrorKind::Unsupported.into()),
    };
    Ok(())
}
