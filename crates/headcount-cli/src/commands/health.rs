//! `headcount health`: whether a server takes telemetry, for the probes of containers and scripts.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Args;
use headcount_commands::exit::Code;
use headcount_commands::output;

use crate::connection::{ConnectionArgs, DEFAULT_FOLDER};
use crate::listening::Listening;

/// How long a server may take to answer: probes of containers wait for some seconds.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Ask a server whether it is ready
///
/// Prints what GET /readyz says: `ready`, with a line for each warning, or why telemetry should not be sent there now. No token is
/// needed or sent.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Health {
    /// Ask the server that runs on this data folder. Its certificate is not verified: it need not name this machine
    #[arg(long, value_name = "DIR", default_value = DEFAULT_FOLDER, conflicts_with = "url")]
    data: PathBuf,
    /// Ask the server at this address instead, for example http://127.0.0.1:4318
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    #[command(flatten)]
    connection: ConnectionArgs,
}

const EXAMPLES: &str = "\
Examples:
  headcount health
  headcount health --data /srv/headcount
  headcount health --url https://telemetry.example:4318

Exit codes:
  0  ready
  1  not ready, or no server answers
  2  the command line is wrong";

impl Health {
    /// Asks, and prints the answer.
    pub(crate) fn run(self) -> anyhow::Result<Code> {
        let (agent, address) = match &self.url {
            Some(url) => self.connection.agent(url)?,
            None => self.connection.agent_without_verification(&self.local()?)?,
        };
        let request = agent.get(format!("{address}/readyz")).config();
        let request = request.timeout_global(Some(TIMEOUT)).build();
        let response = request.call();
        let mut response = response.with_context(|| format!("no server answers at {address}"))?;
        let text = response.body_mut().read_to_string();
        output::print(&text.with_context(|| format!("no whole answer from {address}"))?)?;
        Ok(match response.status().as_u16() {
            200 => Code::Done,
            _ => Code::Failed,
        })
    }

    /// The address of the server that runs on the data folder.
    fn local(&self) -> anyhow::Result<String> {
        let listening = Listening::read(&self.data);
        let url = listening.and_then(|listening| listening.urls.into_iter().next());
        url.ok_or_else(|| anyhow!("no server runs on {}", self.data.display()))
    }
}
