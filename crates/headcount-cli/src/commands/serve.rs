//! `headcount serve`: a collector on a data folder.

use std::io::ErrorKind;
use std::net::ToSocketAddrs as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use anyhow::{Context as _, anyhow};
use clap::Args;
use headcount_collector::{Collector, Intake, ServeError, ServeOptions};
use headcount_commands::exit::{self, Code};
use headcount_commands::output;
use headcount_lake::{LakeError, LogError};
use headcount_web::{Access, AccessToken, SiteOptions, Store, site};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::source::DEFAULT_FOLDER;

/// Receive telemetry and keep it
///
/// Takes OpenTelemetry traces over OTLP/HTTP (POST /v1/traces: protobuf and JSON) and OTLP/gRPC. The dashboard is at / of
/// the same HTTP addresses, the API under /api/v1. A request is acknowledged when what is kept of it is on the disk.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Serve {
    /// The data folder; it is made if it is not there
    #[arg(long, value_name = "DIR", default_value = DEFAULT_FOLDER)]
    data: PathBuf,
    /// An address for OTLP/HTTP, the dashboard and the API; may be given several times. Port 0 takes any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4318")]
    http: Vec<String>,
    /// The address for OTLP/gRPC, or `none`
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4317")]
    grpc: String,
    /// The file of the token that questions need; made if it is not there. Without it, a collector that listens on this
    /// machine alone needs none, and another keeps one in its data folder
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Show the reports of the anonymous tier to everybody, values of few crews folded; the rest needs the token
    #[arg(long)]
    public: bool,
}

const EXAMPLES: &str = "\
Examples:
  headcount serve
  headcount serve --data /srv/headcount --http 127.0.0.1:4318 --http 127.0.0.1:4319
  headcount serve --http 0.0.0.0:4318 --grpc none
  headcount serve --http 0.0.0.0:4318 --public --token-file /etc/headcount/token

It ends on Ctrl-C or SIGTERM, after what it took is in the tables. On an address that others can reach, anyone may send,
and questions need the token. It has no TLS of its own: put a proxy before it.

Exit codes:
  0  it was asked to end
  1  it cannot listen or store
  2  the command line is wrong";

impl Serve {
    /// Runs until it is asked to end.
    pub(crate) fn run(self) -> anyhow::Result<Code> {
        let runtime = Runtime::new().context("cannot start the threads of the collector")?;
        runtime.block_on(self.collect())?;
        Ok(Code::Done)
    }

    async fn collect(self) -> anyhow::Result<()> {
        // Before anything is said: who reads the banner may ask us to end at once.
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        self.check_addresses()?;
        let token = self.token()?;
        let access = Access {
            token: token.as_ref().map(|kept| kept.token.clone()),
            public: self.public,
        };
        let options = ServeOptions {
            http: self.http,
            grpc: (self.grpc != "none").then_some(self.grpc),
            ..ServeOptions::local(self.data.clone())
        };
        let site_options = SiteOptions {
            access,
            timeout: Some(options.limits.patience),
            ..SiteOptions::default()
        };
        let collector = Collector::start(options, |intake| site(store(intake), site_options));
        let collector = collector.await.map_err(explain)?;
        // A server whose banner nobody reads still serves.
        let _ = output::print(&banner(&collector, &self.data, token.as_ref()));
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        collector
            .stop()
            .await
            .context("everything acknowledged is safe in the log, but the last of it is not in the tables yet")
    }
}

/// A token, where it is kept, and whether it was made just now.
struct KeptToken {
    token: AccessToken,
    path: PathBuf,
    is_new: bool,
}

impl Serve {
    /// An address that is none is the command line's fault; a name that nobody knows, or a port that is taken, is not.
    fn check_addresses(&self) -> anyhow::Result<()> {
        let grpc = Some(&self.grpc).filter(|address| *address != "none");
        for address in self.http.iter().chain(grpc) {
            let resolved = address.to_socket_addrs();
            if resolved.is_err_and(|error| error.kind() == ErrorKind::InvalidInput) {
                return Err(exit::usage(format!(
                    "`{address}` is no address to listen on; write it like 127.0.0.1:4318 (a host, and a port up to 65535)"
                )));
            }
        }
        Ok(())
    }

    /// The token that questions need, if they need one.
    fn token(&self) -> anyhow::Result<Option<KeptToken>> {
        let path = match &self.token_file {
            Some(path) => path.clone(),
            None if self.http.iter().all(|address| is_of_this_machine(address)) => return Ok(None),
            None => self.data.join("token"),
        };
        let (token, is_new) = AccessToken::load_or_generate(&path)?;
        Ok(Some(KeptToken {
            token,
            path,
            is_new,
        }))
    }
}

/// Whether nobody elsewhere can reach the address. One that cannot be resolved is refused when it is listened on.
fn is_of_this_machine(address: &str) -> bool {
    let Ok(mut addresses) = address.to_socket_addrs() else {
        return true;
    };
    addresses.all(|address| address.ip().to_canonical().is_loopback())
}

/// What the site asks of the intake. It does not keep the intake alive: the collector closes it.
fn store(intake: &Arc<Intake>) -> Store {
    let (tables, stamps, counts) = (
        Arc::downgrade(intake),
        Arc::downgrade(intake),
        Arc::downgrade(intake),
    );
    Store {
        snapshot: Box::new(move || {
            let intake = Weak::upgrade(&tables);
            Box::pin(async move {
                match intake {
                    Some(intake) => intake.snapshot().await,
                    None => Err(LakeError::Closed),
                }
            })
        }),
        revision: Box::new(move || {
            Weak::upgrade(&stamps).map_or(0, |intake| intake.counters().requests())
        }),
        metrics: Box::new(move || {
            Weak::upgrade(&counts).map_or_else(String::new, |intake| intake.metrics())
        }),
    }
}

fn explain(error: ServeError) -> anyhow::Error {
    match error {
        ServeError::Lake(LakeError::Log(LogError::Locked { folder })) => anyhow!(
            "another collector is running on {}; stop it, or give another --data",
            folder.display()
        ),
        other => anyhow::Error::new(other),
    }
}

/// Where it listens, where it stores, and what to do next.
fn banner(collector: &Collector, data: &Path, token: Option<&KeptToken>) -> String {
    let mut text = String::from("headcount is listening\n\n");
    for address in collector.http_addresses() {
        text.push_str(&format!("  OTLP/HTTP  http://{address}/v1/traces\n"));
    }
    if let Some(address) = collector.grpc_address() {
        text.push_str(&format!("  OTLP/gRPC  http://{address}\n"));
    }
    text.push_str(&format!("  stores in  {}\n", data.display()));
    if let Some(address) = collector.http_addresses().first() {
        text.push_str(&format!("  dashboard  http://{address}/\n"));
    }
    if let Some(kept) = token {
        let path = kept.path.display();
        text.push_str(&match kept.is_new {
            true => format!(
                "  token      {} (shown this once; kept in {path})\n",
                kept.token.reveal()
            ),
            false => format!("  token      in {path}\n"),
        });
    }
    if let Some(address) = collector.http_addresses().first() {
        let with_token = token.map_or_else(String::new, |kept| {
            format!(" --token-file {}", kept.path.display())
        });
        text.push_str(&format!(
            "\nSend a sample week:  headcount demo --url http://{address}\n\
             Then open:           http://{address}/\n\
             Or ask:              headcount report tools --url http://{address}{with_token}\n"
        ));
    }
    text.push_str("Ctrl-C ends it.\n");
    text
}
