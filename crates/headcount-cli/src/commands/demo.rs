//! `headcount demo`: a realistic week of sample traffic, sent over OTLP/HTTP.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use clap::Args;
use headcount_collector::PayloadFormat;
use headcount_commands::exit::Code;
use headcount_commands::output;
use headcount_demo::{DEFAULT_CREWS, Week};

use crate::connection::ConnectionArgs;
use crate::otlp_client::{OtlpClient, SendError};
use crate::progress;

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// Send a week of sample traffic to a running collector
///
/// Several hundred made-up crews of many CrewAI releases run, test, deploy and share in the seven days before today
/// (UTC). Some send spans that a collector must reject. The same --crews and --seed give the same bytes all day, and the
/// collector never counts a span twice: sending the same week again adds nothing.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Demo {
    /// The collector's OTLP/HTTP address
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4318")]
    url: String,
    #[command(flatten)]
    connection: ConnectionArgs,
    /// The number of different crews in the week
    #[arg(long, value_name = "N", default_value_t = DEFAULT_CREWS)]
    crews: usize,
    /// The seed of the random traffic
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

const EXAMPLES: &str = "\
Examples:
  headcount demo
  headcount demo --crews 2000 --seed 7
  headcount demo --url http://collector.example:4318

Exit codes:
  0  the whole week was acknowledged
  1  the collector did not respond, or rejected a request
  2  the command line is wrong";

impl Demo {
    /// Sends the week.
    pub(crate) fn run(self) -> anyhow::Result<Code> {
        let client = OtlpClient::new(self.connection.connect(&self.url)?);
        let week = Week::new(self.seed, last_midnight()?, self.crews);
        let bar = progress::bar(week.remaining() as u64, "requests");
        let (mut requests, mut spans, mut rejected) = (0_u64, 0, 0);
        for body in week {
            let outcome = match client.send(&body.bytes, PayloadFormat::Protobuf) {
                Ok(outcome) => outcome,
                Err(SendError::Rejected(why)) => {
                    anyhow::bail!("the collector at {} rejected a request: {why}", self.url)
                }
                Err(SendError::Failed(error)) => return Err(error),
            };
            requests += 1;
            spans += body.spans;
            rejected += outcome.rejected_spans;
            bar.inc(1);
        }
        bar.finish_and_clear();
        let stored = spans.saturating_sub(rejected);
        output::print(&format!(
            "sent {requests} requests with {spans} spans: {stored} accepted, {rejected} rejected\n"
        ))?;
        let url = &self.url;
        output::note(&format!(
            "\nNext, for example:\n  headcount report overview --url {url}\n  headcount report tools --url {url}\n  headcount report refusals --url {url}"
        ));
        Ok(Code::Done)
    }
}

/// The start of today, UTC, so that the week does not depend on the time of day.
fn last_midnight() -> anyhow::Result<SystemTime> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("this machine's clock is before 1970")?;
    Ok(UNIX_EPOCH + Duration::from_secs(now.as_secs() / SECONDS_PER_DAY * SECONDS_PER_DAY))
}
