//! Tool calls (category `tool_usage`): neither arguments nor results.

use crate::Telemetry;
use crate::fields::{llm, tool_usage};
use crate::model::{Tool, ToolOutcome};
use crate::recorder::Event;

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

    /// An agent asked for a tool again with the very same arguments.
    #[inline]
    pub fn tool_repeated(&self, tool: &Tool, attempts: u32, llm: Option<&str>) {
        self.tool(
            Some(&tool.name),
            Some(attempts.into()),
            llm,
            ToolOutcome::Repeated,
        );
    }

    /// A tool failed, or was called wrongly.
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
                span.word(tool_usage::OUTCOME, outcome.as_str());
                span.free_text(llm::LLM_MODEL, llm);
            },
        );
    }
}
