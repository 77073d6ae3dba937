//! `headcount demo`: a realistic week of sample traffic, sent through the real OTLP door.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use clap::Args;
use headcount_collector::Notation;
use headcount_commands::exit::Code;
use headcount_commands::output;
use headcount_demo::{DEFAULT_CREWS, Week};

use crate::door::{Door, SendError};
use crate::progress;

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// Send a week of sample traffic to a running collector
///
/// Several hundred made-up crews of many CrewAI releases run, test, deploy and share in the seven days before today
/// (UTC). Some of them send what a collector must refuse. Equal --crews and --seed send equal bytes all day, and the
/// collector counts no span twice: sending the same week again adds nothing.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Demo {
    /// The collector's OTLP/HTTP address
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4318")]
    url: String,
    /// How many different crews run in the week
    #[arg(long, value_name = "N", default_value_t = DEFAULT_CREWS)]
    crews: usize,
    /// Another number gives another week
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
  1  the collector did not answer, or refused a body
  2  the command line is wrong";

impl Demo {
    /// Sends the week.
    pub(crate) fn run(self) -> anyhow::Result<Code> {
        let door = Door::at(&self.url)?;
        let week = Week::new(self.seed, last_midnight()?, self.crews);
        let bar = progress::bar(week.remaining() as u64, "requests");
        let (mut requests, mut spans, mut rejected) = (0_u64, 0, 0);
        for body in week {
            let answer = match door.send(&body.bytes, Notation::Protobuf) {
                Ok(answer) => answer,
                Err(SendError::Refused(why)) => {
                    anyhow::bail!("the collector at {} refused a request: {why}", self.url)
                }
                Err(SendError::Failed(error)) => return Err(error),
            };
            requests += 1;
            spans += body.spans;
            rejected += answer.rejected_spans;
            bar.inc(1);
        }
        bar.finish_and_clear();
        let stored = spans.saturating_sub(rejected);
        output::print(&format!(
            "sent {requests} requests with {spans} spans: {stored} acknowledged, {rejected} refused\n"
        ))?;
        let url = &self.url;
        output::note(&format!(
            "\nNow ask, for example:\n  headcount report overview --url {url}\n  headcount report tools --url {url}\n  headcount report refusals --url {url}"
        ));
        Ok(Code::Done)
    }
}

/// The beginning of today, UTC: so that the week does not depend on the time of day.
fn last_midnight() -> anyhow::Result<SystemTime> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("this machine's clock is before 1970")?;
    Ok(UNIX_EPOCH + Duration::from_secs(now.as_secs() / SECONDS_PER_DAY * SECONDS_PER_DAY))
}
