use std::sync::Arc;

use super::agent::Agent;
use super::content::Content;
use super::identity::Identity;
use super::key::PartHash;
use super::tool::Tool;

/// A task (catalog category `task` and, for crews that share, `task_detail`).
///
/// A clone is the same task. [`Task::default`] has no values, not even a description.
///
/// ```
/// use headcount::{Agent, Task};
///
/// let researcher = Agent::new("Senior Researcher");
/// let search = Task::new("Find the five most cited papers").agent(&researcher).async_execution(true);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Task {
    pub(crate) identity: Identity,
    pub(crate) async_execution: Option<bool>,
    pub(crate) human_input: Option<bool>,
    pub(crate) agent: Option<Arc<Agent>>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) description: Option<Content>,
    pub(crate) expected_output: Option<Content>,
    pub(crate) context: Vec<Content>,
}

impl Task {
    /// A task by its description: content, recorded only for a crew that shares (`task_detail.description`). For other
    /// crews, a keyed hash tells this task from the crew's other tasks.
    #[must_use]
    pub fn new(description: impl Into<Content>) -> Self {
        Self {
            description: Some(description.into()),
            ..Self::default()
        }
    }

    /// Its agent (`task.agent_role`, `task.agent_key`).
    #[must_use]
    pub fn agent(mut self, agent: &Agent) -> Self {
        self.agent = Some(Arc::new(agent.clone()));
        self
    }

    /// Whether it runs concurrently (`task.async_execution`).
    #[must_use]
    pub fn async_execution(mut self, is_async: bool) -> Self {
        self.async_execution = Some(is_async);
        self
    }

    /// Whether it asks for human input (`task.human_input`).
    #[must_use]
    pub fn human_input(mut self, is_asked: bool) -> Self {
        self.human_input = Some(is_asked);
        self
    }

    /// Its tools, at most 64 (`task.tool_names`).
    #[must_use]
    pub fn tools(mut self, tools: impl IntoIterator<Item = impl Into<Tool>>) -> Self {
        self.tools.extend(tools.into_iter().map(Into::into));
        self
    }

    /// Its expected output: content, recorded only for a crew that shares (`task_detail.expected_output`).
    #[must_use]
    pub fn expected_output(mut self, expected: impl Into<Content>) -> Self {
        self.expected_output = Some(expected.into());
        self
    }

    /// The tasks whose results it reads, at most 256: their descriptions are content, recorded only for a crew that
    /// shares (`task_detail.context`).
    #[must_use]
    pub fn context<'t>(mut self, tasks: impl IntoIterator<Item = &'t Task>) -> Self {
        let descriptions = tasks
            .into_iter()
            .filter_map(|task| task.description.clone());
        self.context.extend(descriptions);
        self
    }

    /// A task's key is made of its description and its expected output.
    pub(super) fn hash_into(&self, hash: &mut PartHash) {
        for content in [&self.description, &self.expected_output] {
            match content {
                Some(content) => content.hash_into(hash),
                None => hash.absent(),
            }
        }
    }
}
