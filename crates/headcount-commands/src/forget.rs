//! `headcount forget`: asks collectors to erase what this machine sent, and deletes the local files.

use anyhow::Context as _;
use clap::Args;
use headcount::{ErasureAnswer, ErasureOutcome, Installation};

use crate::exit::{self, Code};
use crate::output;

/// Ask collectors to erase what this machine sent, and delete the local files
///
/// Each collector is asked to erase the events that this installation sent to it. Receipts identify them, and only the secret
/// on this machine can redeem those. Then the queued events, the ledger and the secret are deleted. If a collector does not
/// accept, the secret stays, so that you can try again. The command works whether telemetry is on or off.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Forget {
    /// Only this framework (default: all)
    framework: Option<String>,
    /// Delete the local files, including the secret, without asking any collector: you can never have the sent events erased after this
    #[arg(long)]
    local_only: bool,
}

const EXAMPLES: &str = "\
Examples:
  headcount forget my-framework
  headcount forget
  headcount forget my-framework --local-only

Exit codes:
  0  done: every collector accepted, and the local files are deleted
  1  a collector did not accept, or a file could not be deleted; run it again later
  2  the command line is wrong
  3  there is no such framework on this machine";

impl Forget {
    /// Asks the collectors, deletes the files, and prints the result.
    pub fn run(self) -> anyhow::Result<Code> {
        let wanted = self.framework.as_deref();
        let found: Vec<Installation> = Installation::all()
            .into_iter()
            .filter(|installation| wanted.is_none_or(|wanted| wanted == installation.framework()))
            .collect();
        if found.is_empty() {
            return Err(exit::nothing_there(match wanted {
                Some(framework) => format!("no data of `{framework}` on this machine"),
                None => "no data of any framework on this machine".to_owned(),
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

    /// Whether every collector accepted.
    fn forget(&self, installation: &Installation) -> anyhow::Result<bool> {
        let framework = installation.framework();
        let folder = installation.folder().display().to_string();
        let outcomes = match self.local_only {
            true => Vec::new(),
            false => installation.request_erasure(),
        };
        for outcome in &outcomes {
            output::print(&format!("{framework}: {}\n", describe(outcome)))?;
        }
        let pending = installation.totals().pending;
        let accepted = outcomes
            .iter()
            .all(|outcome| outcome.answer == ErasureAnswer::Accepted);
        let deleted = match accepted {
            true => installation.forget(),
            false => installation.forget_pending(),
        };
        deleted.with_context(|| format!("cannot delete {folder}"))?;
        output::print(&match accepted {
            true => format!(
                "deleted {pending} queued events, the ledger and the secret of {framework} ({folder})\n"
            ),
            false => format!(
                "deleted {pending} queued events and the ledger of {framework}, and kept its secret, which the next attempt \
                 needs ({folder})\n  `headcount forget {framework}` asks again; with --local-only it deletes the secret too\n"
            ),
        })?;
        Ok(accepted)
    }
}

/// The outcome of one request, in words.
fn describe(outcome: &ErasureOutcome) -> String {
    let ErasureOutcome {
        endpoint, since, ..
    } = outcome;
    match outcome.answer {
        ErasureAnswer::Accepted => {
            format!("{endpoint} will erase the events that were sent to it since {since}")
        }
        ErasureAnswer::Unreachable => {
            format!(
                "{endpoint} could not be reached: it still has the events that were sent to it since {since}"
            )
        }
        ErasureAnswer::NotACollector(status) => format!(
            "{endpoint} responded with {status} and a page that is not from a collector: the collector still has the events \
             that were sent to it since {since}"
        ),
        ErasureAnswer::Refused(status) => format!(
            "{endpoint} did not accept (HTTP status {status}): it still has the events that were sent to it since {since}"
        ),
        _ => format!("{endpoint} did not accept"),
    }
}
