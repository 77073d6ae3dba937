//! Tool calls (category `tool_usage`), without arguments and results.

use crate::fields::{llm, tool_usage};
use crate::model::{Tool, ToolOutcome};
use crate::record::Event;
use crate::telemetry::Telemetry;

impl Telemetry {
    /// A tool was used, at the `attempts`-th attempt, called by the model `llm`.
    #[inline]
    pub fn tool_used(&self, tool: &Tool, attempts: u32, llm: Option<&str>) {
        self.tool(
            Some(&tool.name),
            Some(attempts.into()),
            llm,
            ToolOutcome::Used,
        );
    }

    /// An agent called a tool again with the same arguments.
    #[inline]
    pub fn tool_repeated(&self, tool: &Tool, attempts: u32, llm: Option<&str>) {
        self.tool(
            Some(&tool.name),
            Some(attempts.into()),
            llm,
            ToolOutcome::Repeated,
        );
    }

    /// A tool failed, or was called with wrong arguments.
    #[inline]
    pub fn tool_failed(&self, tool: &Tool, attempts: u32, llm: Option<&str>) {
        self.tool(
            Some(&tool.name),
            Some(attempts.into()),
            llm,
            ToolOutcome::Error,
        );
    }

    #[inline]
    pub(super) fn tool(
        &self,
        name: Option<&str>,
        attempts: Option<i64>,
        llm: Option<&str>,
        outcome: ToolOutcome,
    ) {
        self.record(
            || Event::now("Tool Usage"),
            |span| {
                span.free_text(tool_usage::TOOL_NAME, name);
                span.integer(tool_usage::ATTEMPTS, attempts);
                span.enumerated(tool_usage::OUTCOME, outcome.as_str());
                span.free_text(llm::LLM_MODEL, llm);
            },
        );
    }
}
