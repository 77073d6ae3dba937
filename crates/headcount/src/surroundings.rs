//! Where a crew runs, in words of closed lists (catalog category `execution_environment`). Whether a variable is set is
//! looked at, never what it holds.

use crate::fields::execution_environment::{CODING_AGENT, CPU_BAND, RUNTIME_CONTEXT};

/// Words for the request's resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Surroundings {
    pub(crate) coding_agent: Option<&'static str>,
    pub(crate) runtime_context: &'static str,
    pub(crate) cpu_band: &'static str,
}

/// Variables that a coding agent sets in what it starts. The first that is set counts.
const CODING_AGENTS: [(&str, &str); 11] = [
    ("CLAUDECODE", "claude_code"),
    ("CODEX_SANDBOX", "codex"),
    ("CODEX_THREAD_ID", "codex"),
    ("CLINE_ACTIVE", "cline"),
    ("GEMINI_CLI", "gemini_cli"),
    ("AUGMENT_AGENT", "augment"),
    ("OPENCODE", "opencode"),
    ("ANTIGRAVITY_AGENT", "antigravity"),
    ("JUNIE_DATA", "junie"),
    ("CURSOR_AGENT", "cursor"),
    ("AGENT", "other"),
];

/// Variables of the places where programs run. The first that is set counts.
const CONTEXTS: [(&str, &str); 22] = [
    ("CI", "ci"),
    ("GITHUB_ACTIONS", "ci"),
    ("GITLAB_CI", "ci"),
    ("JENKINS_URL", "ci"),
    ("BUILDKITE", "ci"),
    ("TF_BUILD", "ci"),
    ("AWS_LAMBDA_FUNCTION_NAME", "serverless"),
    ("FUNCTION_TARGET", "serverless"),
    ("K_SERVICE", "serverless"),
    ("FUNCTIONS_WORKER_RUNTIME", "serverless"),
    ("VERCEL", "serverless"),
    ("DYNO", "paas"),
    ("RENDER", "paas"),
    ("FLY_APP_NAME", "paas"),
    ("RAILWAY_ENVIRONMENT", "paas"),
    ("CODESPACES", "hosted_ide"),
    ("GITPOD_WORKSPACE_ID", "hosted_ide"),
    ("REPL_ID", "hosted_ide"),
    ("COLAB_RELEASE_TAG", "notebook"),
    ("JPY_PARENT_PID", "notebook"),
    ("KUBERNETES_SERVICE_HOST", "container"),
    ("container", "container"),
];

impl Surroundings {
    /// Looks around: `is_set` says of a variable whether it is set and not empty, `is_interactive` whether a person sits
    /// at a terminal.
    pub(crate) fn look(is_set: impl Fn(&str) -> bool, is_interactive: bool, cpus: usize) -> Self {
        let first = |known: &[(&str, &'static str)]| {
            let found = known.iter().find(|(variable, _)| is_set(variable));
            found.map(|(_, word)| *word)
        };
        let terminal = match (is_set("VSCODE_PID"), is_set("TERMINAL_EMULATOR")) {
            _ if !is_interactive => "non_interactive",
            (true, _) => "vscode_terminal",
            (_, true) => "jetbrains_terminal",
            _ => "interactive",
        };
        let surroundings = Self {
            coding_agent: first(&CODING_AGENTS),
            runtime_context: first(&CONTEXTS).unwrap_or(terminal),
            cpu_band: cpu_band(cpus),
        };
        debug_assert!(
            RUNTIME_CONTEXT
                .values
                .contains(&surroundings.runtime_context)
        );
        debug_assert!(CPU_BAND.values.contains(&surroundings.cpu_band));
        debug_assert!(
            surroundings
                .coding_agent
                .is_none_or(|agent| CODING_AGENT.values.contains(&agent))
        );
        surroundings
    }
}

/// Bands and not numbers: a rare number of processors can single out a machine.
fn cpu_band(cpus: usize) -> &'static str {
    match cpus {
        0 => "unknown",
        1..=2 => "1-2",
        3..=4 => "3-4",
        5..=8 => "5-8",
        9..=16 => "9-16",
        17..=32 => "17-32",
        _ => "33+",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_in_the_catalog() {
        for (_, word) in CODING_AGENTS {
            assert!(CODING_AGENT.values.contains(&word), "{word}");
        }
        for (_, word) in CONTEXTS {
            assert!(RUNTIME_CONTEXT.values.contains(&word), "{word}");
        }
        for cpus in 0..200 {
            assert!(CPU_BAND.values.contains(&cpu_band(cpus)), "{cpus}");
        }
    }

    #[test]
    fn the_most_telling_place_counts() {
        let look = |set: &[&str], interactive| {
            Surroundings::look(|name| set.contains(&name), interactive, 8)
        };
        assert_eq!(look(&[], true).runtime_context, "interactive");
        assert_eq!(look(&[], false).runtime_context, "non_interactive");
        assert_eq!(
            look(&["VSCODE_PID"], true).runtime_context,
            "vscode_terminal"
        );
        assert_eq!(
            look(&["CI", "KUBERNETES_SERVICE_HOST"], false).runtime_context,
            "ci"
        );
        assert_eq!(
            look(&["CLAUDECODE"], false).coding_agent,
            Some("claude_code")
        );
        assert_eq!(look(&[], true).cpu_band, "5-8");
    }
}
