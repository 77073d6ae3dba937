use headcount as client;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::{Agent, MOST_MEMBERS, Task, set, shown};
use crate::reading::{Given, Reader, Unknown};

/// A crew: its agents and tasks, and how it works.
///
/// ``name`` and ``project`` never leave this machine; keyed hashes stand for them. ``process`` is ``"sequential"``,
/// ``"hierarchical"``, ``"parallel"`` or ``"consensual"``. ``inputs`` is content; whether there are inputs is recorded, and can be
/// set by ``inputs_present`` instead.
///
/// ``share_crew=True`` allows this crew's content to be recorded: goals, backstories, descriptions, inputs and outputs. No
/// environment variable, file or collector can allow it.
///
/// >>> import headcount
/// >>> writer = headcount.Agent("Writer")
/// >>> headcount.Crew([writer], [headcount.Task("Write", agent=writer)], process="sequential", memory=False)
/// Crew(agents=1, tasks=1, share_crew=False)
#[pyclass(frozen, weakref, module = "headcount")]
pub(crate) struct Crew {
    pub(crate) inner: client::Crew,
    pub(crate) refused: u64,
    shares: bool,
}

#[pymethods]
impl Crew {
    #[new]
    #[pyo3(
        signature = (
            agents=None, tasks=None, *extra, name=None, process=None, memory=None, project=None, inputs=None,
            inputs_present=None, share_crew=None, **unknown
        ),
        text_signature = "(agents=(), tasks=(), *, name=None, process=None, memory=None, project=None, inputs=None, \
            inputs_present=None, share_crew=False)"
    )]
    #[allow(clippy::too_many_arguments, reason = "they have names in Python")]
    fn new(
        agents: Given<'_, '_>,
        tasks: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        name: Given<'_, '_>,
        process: Given<'_, '_>,
        memory: Given<'_, '_>,
        project: Given<'_, '_>,
        inputs: Given<'_, '_>,
        inputs_present: Given<'_, '_>,
        share_crew: Given<'_, '_>,
        unknown: Option<Unknown<'_, '_>>,
    ) -> Self {
        let mut reader = Reader::new(extra, unknown);
        let mut crew = client::Crew::new();
        let agents = reader.items(agents, MOST_MEMBERS, |reader, item| {
            let agent = item.cast::<Agent>().ok()?.get();
            reader.refuse(agent.refused);
            Some(agent.inner.clone())
        });
        for agent in agents.unwrap_or_default() {
            crew = crew.agent(agent);
        }
        let tasks = reader.items(tasks, MOST_MEMBERS, |reader, item| {
            let task = item.cast::<Task>().ok()?.get();
            reader.refuse(task.refused);
            Some(task.inner.clone())
        });
        for task in tasks.unwrap_or_default() {
            crew = crew.task(task);
        }
        crew = set(crew, reader.kept_text(name), client::Crew::name);
        crew = set(crew, reader.word(process), client::Crew::process);
        crew = set(crew, reader.boolean(memory), client::Crew::memory);
        crew = set(crew, reader.kept_text(project), client::Crew::project);
        crew = set(crew, reader.content(inputs), client::Crew::inputs);
        crew = set(
            crew,
            reader.boolean(inputs_present),
            client::Crew::inputs_present,
        );
        // Only a plain `True` is consent.
        let shares = reader.boolean(share_crew) == Some(true);
        Self {
            inner: crew.share_crew(shares),
            refused: reader.refused(),
            shares,
        }
    }

    fn __repr__(&self) -> String {
        let count = |count: usize| Some(count.to_string());
        let shares = if self.shares { "True" } else { "False" };
        shown(
            "Crew",
            &[
                ("agents", count(self.inner.agents().len())),
                ("tasks", count(self.inner.tasks().len())),
                ("share_crew", Some(shares.to_owned())),
            ],
        )
    }
}
