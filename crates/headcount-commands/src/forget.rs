//! `headcount forget`: has erased what a framework sent from this machine, and deletes what is kept of it here.

use anyhow::Context as _;
use clap::Args;
use headcount::{Asked, ErasureAnswer, Installation};

use crate::exit::{self, Code};
use crate::output;

/// Have erased what was sent from this machine, and delete what is kept here
///
/// Every collector that events were sent to is asked to erase what came from this installation; it knows what that is by
/// receipts, which only the secret on this machine can redeem. Then the events that wait, the ledger and the secret are
/// deleted. If a collector cannot be asked, the secret stays, so that you can try again. This works whether telemetry is on
/// or off.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Forget {
    /// Only this framework; all of them if left out
    framework: Option<String>,
    /// Ask nobody, and delete what is needed to ask: what was sent can never be erased by you after this
    #[arg(long)]
    local_only: bool,
}

const EXAMPLES: &str = "\
Examples:
  headcount forget my-framework
  headcount forget
  headcount forget my-framework --local-only

Exit codes:
  0  done: every collector will erase what it has, and nothing is kept here
  1  a collector did not accept, or a file could not be deleted; run it again later
  2  the command line is wrong
  3  there is no such framework on this machine";

impl Forget {
    /// Asks, deletes, and says what.
    pub fn run(self) -> anyhow::Result<Code> {
        let wanted = self.framework.as_deref();
        let found: Vec<Installation> = Installation::all()
            .into_iter()
            .filter(|installation| wanted.is_none_or(|wanted| wanted == installation.framework()))
            .collect();
        if found.is_empty() {
            return Err(exit::nothing_there(match wanted {
                Some(framework) => format!("nothing is kept of `{framework}` on this machine"),
                None => "nothing is kept on this machine".to_owned(),
            }));
        }
        let mut code = Code::Done;
        for installation in found {
            if !self.forget(&installation)? {
                code = Code::Failed;
            }
        }
        Ok(code)
    }

    /// Whether every collector that was to be asked accepted.
    fn forget(&self, installation: &Installation) -> anyhow::Result<bool> {
        let framework = installation.framework();
        let folder = installation.folder().display().to_string();
        let asked = match self.local_only {
            true => Vec::new(),
            false => installation.ask_to_erase(),
        };
        for one in &asked {
            output::print(&format!("{framework}: {}\n", said(one)))?;
        }
        let pending = installation.totals().pending;
        let accepted = asked
            .iter()
            .all(|one| one.answer == ErasureAnswer::Accepted);
        let deleted = match accepted {
            true => installation.forget(),
            false => installation.forget_what_waits(),
        };
        deleted.with_context(|| format!("cannot delete {folder}"))?;
        output::print(&match accepted {
            true => format!(
                "forgot {framework}: {pending} events that waited, its ledger and its secret ({folder})\n"
            ),
            false => format!(
                "{framework}: deleted {pending} events that waited and its ledger, and kept its secret, without which nobody can \
                 ask ({folder})\n  `headcount forget {framework}` asks again; with --local-only it deletes the secret too\n"
            ),
        })?;
        Ok(accepted)
    }
}

/// What came of asking one collector, in words.
fn said(asked: &Asked) -> String {
    let Asked {
        endpoint, since, ..
    } = asked;
    match asked.answer {
        ErasureAnswer::Accepted => {
            format!("{endpoint} will erase what was sent to it since {since}")
        }
        ErasureAnswer::Unreachable => {
            format!(
                "{endpoint} could not be reached: what was sent to it since {since} is still there"
            )
        }
        ErasureAnswer::Refused(status) => format!(
            "{endpoint} did not accept (HTTP status {status}): what was sent to it since {since} is still there"
        ),
        _ => format!("{endpoint} did not accept"),
    }
}
