use headcount as client;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::{Agent, set, shown, tools};
use crate::reading::{Given, Reader, Unknown};

/// The catalog's limit of one list.
const MOST_CONTEXT: usize = 256;

/// A task: its settings, its agent, its tools. ``description``, ``expected_output`` and the descriptions of the tasks in
/// ``context`` are content, recorded only for a crew that shares. For other crews, a keyed hash tells this task from the
/// crew's other tasks.
///
/// >>> import headcount
/// >>> writer = headcount.Agent("Writer")
/// >>> task = headcount.Task("Write a summary", agent=writer, async_execution=True)
#[pyclass(frozen, weakref, module = "headcount")]
pub(crate) struct Task {
    pub(crate) inner: client::Task,
    pub(crate) refused: u64,
}

#[pymethods]
impl Task {
    #[new]
    #[pyo3(
        signature = (
            description=None, *extra, agent=None, async_execution=None, human_input=None, tools=None, expected_output=None,
            context=None, **unknown
        ),
        text_signature = "(description, *, agent=None, async_execution=None, human_input=None, tools=(), \
            expected_output=None, context=())"
    )]
    #[allow(clippy::too_many_arguments, reason = "they have names in Python")]
    fn new(
        description: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        agent: Given<'_, '_>,
        async_execution: Given<'_, '_>,
        human_input: Given<'_, '_>,
        tools: Given<'_, '_>,
        expected_output: Given<'_, '_>,
        context: Given<'_, '_>,
        unknown: Option<Unknown<'_, '_>>,
    ) -> Self {
        let mut reader = Reader::new(extra, unknown);
        let mut task = match reader.needed_text(description) {
            Some(description) => client::Task::new(description),
            None => client::Task::default(),
        };
        match agent.map(|agent| agent.cast::<Agent>()) {
            Some(Ok(agent)) => task = task.agent(&agent.get().inner),
            Some(Err(_)) => reader.refuse(1),
            None => {}
        }
        task = set(
            task,
            reader.boolean(async_execution),
            client::Task::async_execution,
        );
        task = set(task, reader.boolean(human_input), client::Task::human_input);
        task = set(
            task,
            reader.content(expected_output),
            client::Task::expected_output,
        );
        let context = reader.items(context, MOST_CONTEXT, |_, item| {
            Some(item.cast::<Task>().ok()?.get().inner.clone())
        });
        Self {
            inner: task
                .context(&context.unwrap_or_default())
                .tools(self::tools(&mut reader, tools)),
            refused: reader.refused(),
        }
    }

    /// Without the description, which is content.
    fn __repr__(&self) -> String {
        shown("Task", &[])
    }
}
