use headcount as client;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::{Llm, quoted, shown, tools};
use crate::reading::{Given, Reader, Unknown, text_of};

/// An agent: its role and its settings. What is left out is not sent; ``goal``, ``backstory`` and ``i18n_prompt_file`` are
/// content, recorded only for a crew that shares.
///
/// One object is one agent: use it for the crew and for its tasks.
///
/// >>> import headcount
/// >>> researcher = headcount.Agent("Researcher", llm="gpt-4o-mini", tools=["search"], max_iterations=25)
/// >>> researcher.role
/// 'Researcher'
#[pyclass(frozen, weakref, module = "headcount")]
pub(crate) struct Agent {
    pub(crate) inner: client::Agent,
    pub(crate) refused: u64,
    role: Option<String>,
}

#[pymethods]
impl Agent {
    #[new]
    #[pyo3(
        signature = (
            role=None, *extra, verbose=None, delegation_enabled=None, code_execution_allowed=None, max_iterations=None,
            max_rpm=None, max_retry_limit=None, llm=None, function_calling_llm=None, tools=None, goal=None, backstory=None,
            i18n_prompt_file=None, **unknown
        ),
        text_signature = "(role, *, verbose=None, delegation_enabled=None, code_execution_allowed=None, max_iterations=None, \
            max_rpm=None, max_retry_limit=None, llm=None, function_calling_llm=None, tools=(), goal=None, backstory=None, \
            i18n_prompt_file=None)"
    )]
    #[allow(clippy::too_many_arguments, reason = "they have names in Python")]
    fn new(
        role: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        verbose: Given<'_, '_>,
        delegation_enabled: Given<'_, '_>,
        code_execution_allowed: Given<'_, '_>,
        max_iterations: Given<'_, '_>,
        max_rpm: Given<'_, '_>,
        max_retry_limit: Given<'_, '_>,
        llm: Given<'_, '_>,
        function_calling_llm: Given<'_, '_>,
        tools: Given<'_, '_>,
        goal: Given<'_, '_>,
        backstory: Given<'_, '_>,
        i18n_prompt_file: Given<'_, '_>,
        unknown: Option<Unknown<'_, '_>>,
    ) -> Self {
        let mut reader = Reader::new(extra, unknown);
        let role = reader.needed_text(role);
        let mut agent = role.map_or_else(client::Agent::default, client::Agent::new);
        if let Some(verbose) = reader.boolean(verbose) {
            agent = agent.verbose(verbose);
        }
        if let Some(enabled) = reader.boolean(delegation_enabled) {
            agent = agent.delegation(enabled);
        }
        if let Some(allowed) = reader.boolean(code_execution_allowed) {
            agent = agent.code_execution(allowed);
        }
        if let Some(iterations) = reader.integer(max_iterations) {
            agent = agent.max_iterations(iterations);
        }
        if let Some(requests) = reader.integer(max_rpm) {
            agent = agent.max_rpm(requests);
        }
        if let Some(retries) = reader.integer(max_retry_limit) {
            agent = agent.max_retry_limit(retries);
        }
        if let Some(llm) = model(&mut reader, llm) {
            agent = agent.llm(llm);
        }
        if let Some(model) = reader.kept_text(function_calling_llm) {
            agent = agent.function_calling_llm(model);
        }
        if let Some(goal) = reader.content(goal) {
            agent = agent.goal(goal);
        }
        if let Some(backstory) = reader.content(backstory) {
            agent = agent.backstory(backstory);
        }
        if let Some(file) = reader.content(i18n_prompt_file) {
            agent = agent.i18n_prompt_file(file);
        }
        Self {
            inner: agent.tools(self::tools(&mut reader, tools)),
            role: role.map(str::to_owned),
            refused: reader.refused(),
        }
    }

    /// The agent's role; ``None`` where it was given none that could be taken.
    #[getter]
    fn role(&self) -> Option<&str> {
        self.role.as_deref()
    }

    fn __repr__(&self) -> String {
        shown("Agent", &[("role", quoted(self.role.as_deref()))])
    }
}

/// A model: an [`Llm`], or its name.
fn model(reader: &mut Reader, given: Given<'_, '_>) -> Option<client::Llm> {
    let given = given?;
    if let Ok(llm) = given.cast::<Llm>() {
        reader.refuse(llm.get().refused);
        return Some(llm.get().inner.clone());
    }
    let name = text_of(given);
    reader.refuse(u64::from(name.is_none()));
    name.map(client::Llm::new)
}
