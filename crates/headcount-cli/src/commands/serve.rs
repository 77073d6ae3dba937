//! `headcount serve`: a collector on a data folder.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Args;
use headcount_collector::{Collector, ServeError, ServeOptions};
use headcount_lake::LakeError;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::Code;
use crate::output;
use crate::source::DEFAULT_FOLDER;

/// Receive telemetry and keep it
///
/// Takes OpenTelemetry traces over OTLP/HTTP (POST /v1/traces: protobuf and JSON) and OTLP/gRPC, and answers questions
/// under /api/v1 on the same HTTP addresses. A request is acknowledged when what is kept of it is on the disk.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Serve {
    /// The data folder; it is made if it is not there
    #[arg(long, value_name = "DIR", default_value = DEFAULT_FOLDER)]
    data: PathBuf,
    /// An address for OTLP/HTTP and the query API; may be given several times. Port 0 takes any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4318")]
    http: Vec<String>,
    /// The address for OTLP/gRPC, or `none`
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4317")]
    grpc: String,
}

const EXAMPLES: &str = "\
Examples:
  headcount serve
  headcount serve --data /srv/headcount --http 127.0.0.1:4318 --http 127.0.0.1:4319
  headcount serve --http 0.0.0.0:4318 --grpc none

It ends on Ctrl-C or SIGTERM, after what it took is in the tables. On an address that others can reach, anyone may send;
questions are answered on this machine alone.

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
        let options = ServeOptions {
            http: self.http,
            grpc: (self.grpc != "none").then_some(self.grpc),
            ..ServeOptions::local(self.data.clone())
        };
        let collector = Collector::start(options).await.map_err(explain)?;
        // A server whose banner nobody reads still serves.
        let _ = output::print(&banner(&collector, &self.data));
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

fn explain(error: ServeError) -> anyhow::Error {
    match error {
        ServeError::Lake(LakeError::Locked { folder }) => anyhow!(
            "another collector is running on {}; stop it, or give another --data",
            folder.display()
        ),
        other => anyhow::Error::new(other),
    }
}

/// Where it listens, where it stores, and what to do next.
fn banner(collector: &Collector, data: &Path) -> String {
    let mut text = String::from("headcount is listening\n\n");
    for address in collector.http_addresses() {
        text.push_str(&format!("  OTLP/HTTP  http://{address}/v1/traces\n"));
    }
    if let Some(address) = collector.grpc_address() {
        text.push_str(&format!("  OTLP/gRPC  http://{address}\n"));
    }
    text.push_str(&format!("  stores in  {}\n", data.display()));
    if let Some(address) = collector.http_addresses().first() {
        text.push_str(&format!(
            "\nSend a sample week:  headcount demo --url http://{address}\n\
             Then ask:            headcount report tools --url http://{address}\n"
        ));
    }
    text.push_str("Ctrl-C ends it.\n");
    text
}
