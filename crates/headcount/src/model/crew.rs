use std::sync::Arc;

use super::agent::Agent;
use super::content::{Content, SharingGrant};
use super::key::PartHash;
use super::task::Task;
use super::vocabulary::Process;

/// A crew (catalog category `crew` and, if it shares, `crew_io` and `crew_execution`).
///
/// ```
/// use headcount::{Agent, Crew, Process, Task};
///
/// let writer = Agent::new("Writer");
/// let crew = Crew::new()
///     .process(Process::Sequential)
///     .memory(false)
///     .task(Task::new("Write a summary").agent(&writer))
///     .agent(writer);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Crew {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) process: Option<Process>,
    pub(crate) memory: Option<bool>,
    pub(crate) project: Option<Arc<str>>,
    pub(crate) agents: Vec<Agent>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) inputs: Option<Content>,
    pub(crate) inputs_present: Option<bool>,
    pub(crate) grant: Option<SharingGrant>,
}

impl Crew {
    /// An empty crew.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a name that identifies the crew across runs, even if its agents and tasks change. It never leaves this machine:
    /// `crew.key` is a keyed hash of it.
    #[must_use]
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// How tasks are assigned (`crew.process`).
    #[must_use]
    pub fn process(mut self, process: Process) -> Self {
        self.process = Some(process);
        self
    }

    /// Whether it remembers earlier runs (`crew.memory`).
    #[must_use]
    pub fn memory(mut self, remembers: bool) -> Self {
        self.memory = Some(remembers);
        self
    }

    /// The project that it belongs to. It never leaves this machine: `crew.project_id` is a keyed hash of it.
    #[must_use]
    pub fn project(mut self, project: impl Into<Arc<str>>) -> Self {
        self.project = Some(project.into());
        self
    }

    /// Adds an agent.
    #[must_use]
    pub fn agent(mut self, agent: Agent) -> Self {
        self.agents.push(agent);
        self
    }

    /// Adds a task.
    #[must_use]
    pub fn task(mut self, task: Task) -> Self {
        self.tasks.push(task);
        self
    }

    /// The inputs of this run. Their presence is recorded (`crew.inputs_present`), their content only if the crew shares
    /// (`crew_io.content`).
    #[must_use]
    pub fn inputs(mut self, inputs: impl Into<Content>) -> Self {
        self.inputs = Some(inputs.into());
        self.inputs_present = Some(true);
        self
    }

    /// States that this run has no inputs (`crew.inputs_present`).
    #[must_use]
    pub fn without_inputs(mut self) -> Self {
        self.inputs = None;
        self.inputs_present = Some(false);
        self
    }

    /// Whether this run has inputs, if they are not available here (`crew.inputs_present`).
    #[must_use]
    pub fn inputs_present(mut self, is_present: bool) -> Self {
        self.inputs_present = Some(is_present);
        self
    }

    /// Whether this crew's content may be recorded: goals, backstories, descriptions, inputs and outputs. The default is no. No
    /// environment variable, file or collector can allow it.
    #[must_use]
    pub fn share_crew(mut self, share: bool) -> Self {
        self.grant = SharingGrant::from_crew(share);
        self
    }

    /// Its agents.
    #[must_use]
    pub fn agents(&self) -> &[Agent] {
        &self.agents
    }

    /// Its tasks.
    #[must_use]
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    pub(super) fn hash_into(&self, hash: &mut PartHash) {
        if let Some(name) = &self.name {
            hash.part(name);
            return;
        }
        hash.absent();
        hash.count(self.agents.len());
        for agent in &self.agents {
            agent.hash_into(hash);
        }
        for task in &self.tasks {
            task.hash_into(hash);
        }
    }
}
