use std::sync::Arc;

use super::content::Content;
use super::identity::Identity;
use super::key::PartHash;
use super::llm::Llm;
use super::tool::Tool;

/// An agent (catalog categories `agent`, `llm` and, for crews that share, `agent_expanded`).
///
/// A clone is the same agent. [`Agent::default`] has no values, not even a role.
///
/// ```
/// use headcount::{Agent, Llm};
///
/// let researcher = Agent::new("Senior Researcher")
///     .llm(Llm::new("gpt-4o").temperature(0.2))
///     .tools(["search_the_internet_with_serper"])
///     .max_iterations(25);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Agent {
    pub(crate) identity: Identity,
    pub(crate) role: Option<Arc<str>>,
    pub(crate) verbose: Option<bool>,
    pub(crate) delegation_enabled: Option<bool>,
    pub(crate) code_execution_allowed: Option<bool>,
    pub(crate) max_iterations: Option<i64>,
    pub(crate) max_rpm: Option<i64>,
    pub(crate) max_retry_limit: Option<i64>,
    pub(crate) llm: Option<Llm>,
    pub(crate) function_calling_llm: Option<Arc<str>>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) goal: Option<Content>,
    pub(crate) backstory: Option<Content>,
    pub(crate) i18n_prompt_file: Option<Content>,
}

impl Agent {
    /// An agent by its role. Free text of at most 256 characters (`agent.role`). Values that are not set are not sent.
    #[must_use]
    pub fn new(role: impl Into<Arc<str>>) -> Self {
        Self {
            role: Some(role.into()),
            ..Self::default()
        }
    }

    /// Whether it logs what it does (`agent.verbose`).
    #[must_use]
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.verbose = Some(verbose);
        self
    }

    /// Whether it may delegate work (`agent.delegation_enabled`).
    #[must_use]
    pub fn delegation(mut self, enabled: bool) -> Self {
        self.delegation_enabled = Some(enabled);
        self
    }

    /// Whether it may run code (`agent.code_execution_allowed`).
    #[must_use]
    pub fn code_execution(mut self, allowed: bool) -> Self {
        self.code_execution_allowed = Some(allowed);
        self
    }

    /// The limit of its iterations: 0 to 1,000,000,000 (`agent.max_iterations`).
    #[must_use]
    pub fn max_iterations(mut self, iterations: i64) -> Self {
        self.max_iterations = Some(iterations);
        self
    }

    /// The limit of its requests per minute: 0 to 1,000,000,000 (`agent.max_rpm`).
    #[must_use]
    pub fn max_rpm(mut self, requests: i64) -> Self {
        self.max_rpm = Some(requests);
        self
    }

    /// The limit of its retries: 0 to 1,000,000,000 (`agent.max_retry_limit`).
    #[must_use]
    pub fn max_retry_limit(mut self, retries: i64) -> Self {
        self.max_retry_limit = Some(retries);
        self
    }

    /// Its model (category `llm`).
    #[must_use]
    pub fn llm(mut self, llm: impl Into<Llm>) -> Self {
        self.llm = Some(llm.into());
        self
    }

    /// The model for its tool calls. Free text of at most 128 characters (`agent.function_calling_llm`).
    #[must_use]
    pub fn function_calling_llm(mut self, model: impl Into<Arc<str>>) -> Self {
        self.function_calling_llm = Some(model.into());
        self
    }

    /// Its tools, at most 64 (`agent.tool_names`).
    #[must_use]
    pub fn tools(mut self, tools: impl IntoIterator<Item = impl Into<Tool>>) -> Self {
        self.tools.extend(tools.into_iter().map(Into::into));
        self
    }

    /// Its goal: content, recorded only for a crew that shares (`agent_expanded.goal`).
    #[must_use]
    pub fn goal(mut self, goal: impl Into<Content>) -> Self {
        self.goal = Some(goal.into());
        self
    }

    /// Its backstory: content, recorded only for a crew that shares (`agent_expanded.backstory`).
    #[must_use]
    pub fn backstory(mut self, backstory: impl Into<Content>) -> Self {
        self.backstory = Some(backstory.into());
        self
    }

    /// Its file of translated prompts: content, recorded only for a crew that shares (`agent_expanded.i18n_prompt_file`).
    #[must_use]
    pub fn i18n_prompt_file(mut self, file: impl Into<Content>) -> Self {
        self.i18n_prompt_file = Some(file.into());
        self
    }

    /// An agent's key is made of its role, its goal and its backstory.
    pub(super) fn hash_into(&self, hash: &mut PartHash) {
        match &self.role {
            Some(role) => hash.part(role),
            None => hash.absent(),
        }
        for content in [&self.goal, &self.backstory] {
            match content {
                Some(content) => content.hash_into(hash),
                None => hash.absent(),
            }
        }
    }
}
