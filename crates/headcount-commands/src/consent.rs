//! `headcount on` and `headcount off`: the person's own word.

use anyhow::Context as _;
use clap::Args;

use crate::exit::Code;
use crate::output;

/// Let frameworks on this machine record and send anonymous usage
///
/// Your word is kept in your folder for settings and counts for every framework that uses Headcount. A switch in the
/// environment (OTEL_SDK_DISABLED, HEADCOUNT_DISABLED, DO_NOT_TRACK, the framework's own) still turns it off.
#[derive(Debug, Args)]
#[command(after_help = ON_EXAMPLES)]
pub struct On {}

/// Turn telemetry off for every framework on this machine, and delete what waits to be sent
#[derive(Debug, Args)]
#[command(after_help = OFF_EXAMPLES)]
pub struct Off {}

const ON_EXAMPLES: &str = "\
Examples:
  headcount on

Exit codes:
  0  done
  1  your word could not be kept
  2  the command line is wrong";

const OFF_EXAMPLES: &str = "\
Examples:
  headcount off
  headcount off && headcount status

Exit codes:
  0  done
  1  your word could not be kept
  2  the command line is wrong";

impl On {
    /// Keeps the word.
    pub fn run(self) -> anyhow::Result<Code> {
        keep(true)
    }
}

impl Off {
    /// Keeps the word and empties every spool.
    pub fn run(self) -> anyhow::Result<Code> {
        keep(false)
    }
}

fn keep(is_on: bool) -> anyhow::Result<Code> {
    let path = headcount::set_consent(is_on).context("cannot keep your word")?;
    let word = if is_on { "on" } else { "off" };
    output::print(&format!("telemetry is {word} ({})\n", path.display()))?;
    Ok(Code::Done)
}
