//! `headcount health`: whether a server takes telemetry, for the probes of containers and scripts.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Args;
use headcount_commands::exit::Code;
use headcount_commands::output;
use serde_json::Value;
use ureq::http::header::ACCEPT;

use crate::backend::PlaceArgs;
use crate::connection::TlsArgs;
use crate::listening::Listening;

/// How long a server may take to answer: probes of containers wait for some seconds.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Ask a server whether it is ready
///
/// Prints what GET /readyz says: `ready`, with a line for each warning, or why telemetry should not be sent there now. No token is
/// needed or sent.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, mut_arg("data", |data| data.help(DATA)))]
pub(crate) struct Health {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    tls: TlsArgs,
}

const DATA: &str = "Ask the server that runs on this data folder. Its certificate is not verified: it need not name this machine";

const EXAMPLES: &str = "\
Examples:
  headcount health
  headcount health --data /srv/headcount
  headcount health --url https://telemetry.example:4318

Exit codes:
  0  ready
  1  not ready, or no Headcount answers
  2  the command line is wrong";

impl Health {
    /// Asks, and prints the answer.
    pub(crate) fn run(self) -> anyhow::Result<Code> {
        let (agent, address) = match &self.place.url {
            Some(url) => self.tls.agent(url)?,
            None => self.tls.agent_without_verification(&self.local()?)?,
        };
        let request = agent.get(format!("{address}/readyz"));
        let request = request.header(ACCEPT, "application/json").config();
        let request = request.timeout_global(Some(TIMEOUT)).build();
        let response = request.call();
        let mut response = response.with_context(|| format!("no server answers at {address}"))?;
        let text = response.body_mut().read_to_string();
        let text = text.with_context(|| format!("no whole answer from {address}"))?;
        // Many programs answer with status 200 whatever they are asked.
        let status = response.status().as_u16();
        let (is_ready, lines) = readiness(&text).with_context(|| {
            format!("{address} answers with status {status} and is not Headcount; is --url right?")
        })?;
        output::print(&lines)?;
        Ok(match is_ready && status == 200 {
            true => Code::Done,
            false => Code::Failed,
        })
    }

    /// The address of the server that runs on the data folder.
    fn local(&self) -> anyhow::Result<String> {
        let data = &self.place.data;
        let listening = Listening::read(data);
        let url = listening.and_then(|listening| listening.urls.into_iter().next());
        url.ok_or_else(|| anyhow!("no server runs on {}", data.display()))
    }
}

/// Whether `/readyz` says in its JSON that the server is ready, and the same in the lines that it has for people; `None` for the answer of
/// something else.
fn readiness(json: &str) -> Option<(bool, String)> {
    let object: Value = serde_json::from_str(json).ok()?;
    let (is_ready, mut lines) = match object["status"].as_str()? {
        "ready" => (true, "ready\n".to_owned()),
        "not ready" => {
            let reason = output::on_one_line(object["reason"].as_str()?);
            (false, format!("not ready: {reason}\n"))
        }
        _ => return None,
    };
    for warning in object["warnings"].as_array()? {
        let warning = output::on_one_line(warning.as_str()?);
        lines.push_str(&format!("warning: {warning}\n"));
    }
    Some((is_ready, lines))
}
