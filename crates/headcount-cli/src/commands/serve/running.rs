//! A server between its start and its end: signals, reloads, and what the service manager is told.

use std::pin::Pin;
use std::time::Duration;

use headcount_access::Authenticator;
use headcount_collector::Collector;

use super::service_manager::ServiceManager;
use super::signals::{Asked, Signals};

/// How often the service manager's status line is compared with the truth.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// For how long the log, which is asked once a second, may be silent, however short the watchdog's time is.
const LEAST_PATIENCE: Duration = Duration::from_secs(3);

/// A server that takes requests.
pub(super) struct Running<'server> {
    pub(super) collector: &'server Collector,
    pub(super) tokens: &'server Authenticator,
    pub(super) manager: &'server ServiceManager,
}

impl Running<'_> {
    /// Serves until a signal asks to stop; returns the signal's name. Files are read again beside everything else: on a disk that hangs, signs of
    /// life and signals must not wait for them.
    pub(super) async fn until_stopped(&self, signals: &mut Signals) -> &'static str {
        let mut told = self.state();
        self.manager.ready(&told);
        let watchdog = self.manager.watchdog();
        let patience = watchdog.unwrap_or_default().max(LEAST_PATIENCE);
        // Twice as often as the service manager expects it.
        let every = watchdog.map_or(LOOK_EVERY, |limit| LOOK_EVERY.min(limit / 2));
        let mut look = tokio::time::interval(every);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut reload = Reload::default();
        loop {
            tokio::select! {
                asked = signals.next() => match asked {
                    Asked::Stop(signal) => return signal,
                    Asked::Reload if reload.running.is_some() => reload.is_asked_again = true,
                    Asked::Reload => reload.running = Some(Box::pin(self.reload())),
                },
                () = reload.ended() => {
                    if std::mem::take(&mut reload.is_asked_again) {
                        reload.running = Some(Box::pin(self.reload()));
                    } else {
                        told = self.state();
                        self.manager.ready(&told);
                    }
                }
                _ = look.tick() => {
                    // Without a sign of life the service manager ends the server, and starts it again.
                    if self.collector.log_silence() < patience {
                        self.manager.alive();
                    }
                    let state = self.state();
                    if state != told {
                        self.manager.status(&state);
                        told = state;
                    }
                }
            }
        }
    }

    /// Whether it takes telemetry, in a line.
    fn state(&self) -> String {
        match self.collector.fault() {
            None => "receiving telemetry".to_owned(),
            Some(fault) => format!("not ready: {fault}"),
        }
    }

    /// Reads tokens and certificates again. What cannot be used leaves the former in use, and the log says why.
    async fn reload(&self) {
        self.manager.reloading();
        let tokens = self.tokens.clone();
        let read = tokio::task::spawn_blocking(move || match tokens.reload() {
            Ok(tokens) => tracing::info!(tokens, "SIGHUP: read the tokens again"),
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "SIGHUP: the tokens stay as they were"
            ),
        });
        // An error is a panic, which has been printed.
        let _ = read.await;
        // It logs what became of the certificate.
        self.collector.reload_certificate().await;
    }
}

/// The reading of files that SIGHUP asked for.
#[derive(Default)]
struct Reload<'server> {
    running: Option<Pin<Box<dyn Future<Output = ()> + 'server>>>,
    /// Whether another SIGHUP came meanwhile: the files may have changed after they were read.
    is_asked_again: bool,
}

impl Reload<'_> {
    /// Resolves when the files were read; never while nobody asked.
    async fn ended(&mut self) {
        match &mut self.running {
            Some(running) => {
                running.await;
                self.running = None;
            }
            None => std::future::pending().await,
        }
    }
}
