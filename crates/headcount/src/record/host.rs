//! Where a crew runs, as values of fixed lists (catalog category `execution_environment`). Only whether a variable is set
//! counts; its value is never read.

use crate::fields::execution_environment::{CODING_AGENT, CPU_BAND, RUNTIME_CONTEXT};

/// The host environment, for the request's resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HostEnvironment {
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

/// Variables of the platforms on which programs run. The first that is set counts.
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

impl HostEnvironment {
    /// Detects the environment. `is_set` tells whether a variable is set and not empty, `is_interactive` whether the program
    /// has a terminal.
    pub(crate) fn detect(is_set: impl Fn(&str) -> bool, is_interactive: bool, cpus: usize) -> Self {
        let first = |known: &[(&str, &'static str)]| {
            let found = known.iter().find(|(variable, _)| is_set(variable));
            found.map(|(_, value)| *value)
        };
        let terminal = match (is_set("VSCODE_PID"), is_set("TERMINAL_EMULATOR")) {
            _ if !is_interactive => "non_interactive",
            (true, _) => "vscode_terminal",
            (_, true) => "jetbrains_terminal",
            _ => "interactive",
        };
        let environment = Self {
            coding_agent: first(&CODING_AGENTS),
            runtime_context: first(&CONTEXTS).unwrap_or(terminal),
            cpu_band: cpu_band(cpus),
        };
        debug_assert!(
            RUNTIME_CONTEXT
                .values
                .contains(&environment.runtime_context)
        );
        debug_assert!(CPU_BAND.values.contains(&environment.cpu_band));
        debug_assert!(
            environment
                .coding_agent
                .is_none_or(|agent| CODING_AGENT.values.contains(&agent))
        );
        environment
    }
}

/// Bands instead of numbers: a rare number of processors can identify a machine.
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
    fn every_value_is_in_the_catalog() {
        for (_, value) in CODING_AGENTS {
            assert!(CODING_AGENT.values.contains(&value), "{value}");
        }
        for (_, value) in CONTEXTS {
            assert!(RUNTIME_CONTEXT.values.contains(&value), "{value}");
        }
        for cpus in 0..200 {
            assert!(CPU_BAND.values.contains(&cpu_band(cpus)), "{cpus}");
        }
    }

    #[test]
    fn the_most_specific_context_counts() {
        let detect = |set: &[&str], interactive| {
            HostEnvironment::detect(|name| set.contains(&name), interactive, 8)
        };
        assert_eq!(detect(&[], true).runtime_context, "interactive");
        assert_eq!(detect(&[], false).runtime_context, "non_interactive");
        assert_eq!(
            detect(&["VSCODE_PID"], true).runtime_context,
            "vscode_terminal"
        );
        assert_eq!(
            detect(&["CI", "KUBERNETES_SERVICE_HOST"], false).runtime_context,
            "ci"
        );
        assert_eq!(
            detect(&["CLAUDECODE"], false).coding_agent,
            Some("claude_code")
        );
        assert_eq!(detect(&[], true).cpu_band, "5-8");
    }
}
