//! `headcount forget`: deletes what is kept of a framework on this machine.

use anyhow::Context as _;
use clap::Args;
use headcount::Installation;

use crate::exit::{self, Code};
use crate::output;

/// Delete what is kept on this machine: events that wait, the ledger, and the secret that keys are made with
///
/// What was sent before holds nothing that names this installation; with the secret gone, nothing that is sent later can
/// be joined to it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Forget {
    /// Only this framework; all of them if left out
    framework: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  headcount forget my-framework
  headcount forget

Exit codes:
  0  done
  1  a file could not be deleted
  2  the command line is wrong
  3  there is no such framework on this machine";

impl Forget {
    /// Deletes, and says what.
    pub(crate) fn run(self) -> anyhow::Result<Code> {
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
        for installation in found {
            let pending = installation.totals().pending;
            let folder = installation.folder().display().to_string();
            installation
                .forget()
                .with_context(|| format!("cannot delete {folder}"))?;
            output::print(&format!(
                "forgot {}: {pending} events that waited, its ledger and its secret ({folder})\n",
                installation.framework()
            ))?;
        }
        Ok(Code::Done)
    }
}
