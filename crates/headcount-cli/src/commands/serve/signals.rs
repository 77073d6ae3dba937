//! The signals of a running server. None of them ends it before it has flushed its rows.

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that a server listens to.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    quit: Signal,
    /// `None` where it is ignored, as under `nohup`.
    hangup: Option<Signal>,
    /// Whether SIGHUP means that the terminal was closed.
    has_terminal: bool,
    user_1: Signal,
    user_2: Signal,
}

/// What a signal asks of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// To stop, by the signal of this name.
    Stop(&'static str),
    /// To read tokens and certificates again.
    Reload,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// The operating system does not allow it.
    pub(super) fn listen() -> anyhow::Result<Self> {
        let listen = |kind: SignalKind, name: &str| {
            signal(kind).with_context(|| format!("cannot listen for {name}"))
        };
        let hangup = match is_ignored(SignalKind::hangup()) {
            true => None,
            false => Some(listen(SignalKind::hangup(), "SIGHUP")?),
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt(), "Ctrl-C")?,
            terminate: listen(SignalKind::terminate(), "SIGTERM")?,
            quit: listen(SignalKind::quit(), "SIGQUIT")?,
            hangup,
            has_terminal: io::stdin().is_terminal() || io::stderr().is_terminal(),
            user_1: listen(SignalKind::user_defined1(), "SIGUSR1")?,
            user_2: listen(SignalKind::user_defined2(), "SIGUSR2")?,
        })
    }

    /// Resolves at a signal that asks for something. Ctrl-C, SIGTERM and SIGQUIT stop the server. SIGHUP has it reload, except in a
    /// terminal, whose end it is: there it stops, too. SIGUSR1 and SIGUSR2 have no meaning here and are passed over.
    pub(super) async fn next(&mut self) -> Asked {
        loop {
            let hangup = async {
                match &mut self.hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = self.interrupt.recv() => return Asked::Stop("SIGINT"),
                _ = self.terminate.recv() => return Asked::Stop("SIGTERM"),
                _ = self.quit.recv() => return Asked::Stop("SIGQUIT"),
                _ = hangup => return match self.has_terminal {
                    true => Asked::Stop("SIGHUP"),
                    false => Asked::Reload,
                },
                _ = self.user_1.recv() => {}
                _ = self.user_2.recv() => {}
            }
        }
    }
}

/// Whether the process was started with the signal ignored, where the operating system tells.
fn is_ignored(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Bit 0 is signal 1.
    mask.unwrap_or_default() >> (kind.as_raw_value() - 1) & 1 == 1
}
