//! `headcount on` and `headcount off`: the user's consent setting.

use std::path::Path;

use anyhow::Context as _;
use clap::Args;
use headcount::{Decision, Mode};

use crate::exit::Code;
use crate::output;

/// Allow frameworks on this machine to record and send anonymous usage data
///
/// Your choice is saved in your settings folder and applies to every framework that uses Headcount. An environment variable
/// (OTEL_SDK_DISABLED, HEADCOUNT_DISABLED, DO_NOT_TRACK, or the framework's own) still turns telemetry off.
#[derive(Debug, Args)]
#[command(after_help = ON_EXAMPLES)]
pub struct On {}

/// Turn telemetry off for every framework on this machine, and delete queued events
#[derive(Debug, Args)]
#[command(after_help = OFF_EXAMPLES)]
pub struct Off {}

const ON_EXAMPLES: &str = "\
Examples:
  headcount on

Exit codes:
  0  done
  1  could not save your choice
  2  the command line is wrong";

const OFF_EXAMPLES: &str = "\
Examples:
  headcount off
  headcount off && headcount status

Exit codes:
  0  done
  1  could not save your choice
  2  the command line is wrong";

impl On {
    /// Saves the choice.
    pub fn run(self) -> anyhow::Result<Code> {
        save(true)
    }
}

impl Off {
    /// Saves the choice and empties every spool.
    pub fn run(self) -> anyhow::Result<Code> {
        save(false)
    }
}

fn save(is_on: bool) -> anyhow::Result<Code> {
    let path = headcount::set_consent(is_on).context("cannot save your choice")?;
    output::print(&effect(is_on, &path, &headcount::decision_here()))?;
    Ok(Code::Done)
}

/// The effect of the choice: another switch may still turn telemetry off.
fn effect(is_on: bool, path: &Path, decision: &Decision) -> String {
    let path = path.display();
    match (is_on, decision.mode) {
        (true, Mode::Off) => {
            format!("your choice is on ({path}), but telemetry is off here\n  {decision}\n")
        }
        (true, _) => format!("telemetry is on ({path})\n"),
        (false, _) => format!("telemetry is off ({path})\n"),
    }
}

#[cfg(test)]
mod tests {
    use headcount::ConsentReason;

    use super::*;

    #[test]
    fn an_on_that_another_switch_overrides_says_so() {
        let path = Path::new("/home/anna/.config/headcount/consent");
        let mut decision = Decision {
            mode: Mode::On,
            reason: ConsentReason::SwitchedOn,
            source: "consent".to_owned(),
        };
        let on = "telemetry is on (/home/anna/.config/headcount/consent)\n";
        assert_eq!(effect(true, path, &decision), on);
        decision = Decision {
            mode: Mode::Off,
            reason: ConsentReason::SwitchedOff,
            source: "DO_NOT_TRACK".to_owned(),
        };
        let text = effect(true, path, &decision);
        assert!(!text.contains("telemetry is on"), "{text}");
        assert!(text.contains("off: DO_NOT_TRACK says so"), "{text}");
    }
}
