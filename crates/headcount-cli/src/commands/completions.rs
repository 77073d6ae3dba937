//! `headcount completions`: completion scripts for shells.

use clap::Args;
use clap_complete::Shell;
use headcount_commands::exit::Code;
use headcount_commands::output;

/// Print the completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  headcount completions bash > ~/.local/share/bash-completion/completions/headcount
  headcount completions zsh > ~/.zfunc/_headcount
  headcount completions fish > ~/.config/fish/completions/headcount.fish

Exit codes:
  0  done
  2  the command line is wrong";

impl Completions {
    /// Prints the completion script of `command`.
    pub(crate) fn run(self, mut command: clap::Command) -> anyhow::Result<Code> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "headcount", &mut script);
        output::print(&String::from_utf8_lossy(&script))?;
        Ok(Code::Done)
    }
}
