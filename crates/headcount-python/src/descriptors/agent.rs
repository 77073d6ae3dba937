use std::sync::Arc;

use headcount as client;
use headcount::Agent as Described;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::{Llm, quoted, set, shown, tools};
use crate::reading::{Given, Reader, Unknown, text_of};

/// Sets one of several values of the same type.
type Setter<V> = fn(Described, V) -> Described;

/// An agent: its role and its settings. Settings that are left out are not sent. ``goal``, ``backstory`` and
/// ``i18n_prompt_file`` are content, recorded only for a crew that shares.
///
/// One object is one agent: use the same object for the crew and for its tasks.
///
/// >>> import headcount
/// >>> researcher = headcount.Agent("Researcher", llm="gpt-4o-mini", tools=["search"], max_iterations=25)
/// >>> researcher.role
/// 'Researcher'
#[pyclass(frozen, weakref, module = "headcount")]
pub(crate) struct Agent {
    pub(crate) inner: Described,
    pub(crate) refused: u64,
    role: Option<Arc<str>>,
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
        let role = reader.needed_text(role).map(Arc::from);
        let mut agent = match &role {
            Some(role) => Described::new(Arc::clone(role)),
            None => Described::default(),
        };
        let flags: [(_, Setter<bool>); 3] = [
            (verbose, Described::verbose),
            (delegation_enabled, Described::delegation),
            (code_execution_allowed, Described::code_execution),
        ];
        for (given, setter) in flags {
            agent = set(agent, reader.boolean(given), setter);
        }
        let limits: [(_, Setter<i64>); 3] = [
            (max_iterations, Described::max_iterations),
            (max_rpm, Described::max_rpm),
            (max_retry_limit, Described::max_retry_limit),
        ];
        for (given, setter) in limits {
            agent = set(agent, reader.integer(given), setter);
        }
        let contents: [(_, Setter<client::Content>); 3] = [
            (goal, Described::goal),
            (backstory, Described::backstory),
            (i18n_prompt_file, Described::i18n_prompt_file),
        ];
        for (given, setter) in contents {
            agent = set(agent, reader.content(given), setter);
        }
        agent = set(agent, model(&mut reader, llm), Described::llm);
        let model = reader.kept_text(function_calling_llm);
        agent = set(agent, model, Described::function_calling_llm);
        Self {
            inner: agent.tools(self::tools(&mut reader, tools)),
            role,
            refused: reader.refused(),
        }
    }

    /// The agent's role; ``None`` if it has none, or an invalid one.
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
