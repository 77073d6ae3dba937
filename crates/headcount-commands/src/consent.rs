//! `headcount on` and `headcount off`: the person's own word.

use std::path::Path;

use anyhow::Context as _;
use clap::Args;
use headcount::{Decision, Mode};

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
    output::print(&said(is_on, &path, &headcount::decision_here()))?;
    Ok(Code::Done)
}

/// What a word comes to: another switch may say off all the same.
fn said(is_on: bool, path: &Path, decision: &Decision) -> String {
    let path = path.display();
    match (is_on, decision.mode) {
        (true, Mode::Off) => {
            format!("your word is on ({path}), and yet telemetry is off here\n  {decision}\n")
        }
        (true, _) => format!("telemetry is on ({path})\n"),
        (false, _) => format!("telemetry is off ({path})\n"),
    }
}

#[cfg(test)]
mod tests {
    use headcount::Reason;

    use super::*;

    #[test]
    fn an_on_that_another_switch_overrules_says_so() {
        let path = Path::new("/home/anna/.config/headcount/consent");
        let mut decision = Decision {
            mode: Mode::On,
            reason: Reason::SwitchedOn,
            source: "consent".to_owned(),
        };
        let on = "telemetry is on (/home/anna/.config/headcount/consent)\n";
        assert_eq!(said(true, path, &decision), on);
        decision = Decision {
            mode: Mode::Off,
            reason: Reason::SwitchedOff,
            source: "DO_NOT_TRACK".to_owned(),
        };
        let text = said(true, path, &decision);
        assert!(!text.contains("telemetry is on"), "{text}");
        assert!(text.contains("off: DO_NOT_TRACK says so"), "{text}");
    }
}
