//! The start of a crew: the crew, its agents and its tasks are recorded, and the content of a crew that shares.

use std::sync::Arc;

use super::crew_link::CrewLink;
use super::crew_run::CrewRun;
use crate::fields::{
    agent, agent_expanded, crew, crew_io, environment, llm, task, task_detail, task_lifecycle,
};
use crate::model::{Agent, Content, Crew, Direction, Keyer, SharingGrant, Task};
use crate::platform::random::Id;
use crate::record::Event;
use crate::telemetry::Telemetry;

impl Telemetry {
    /// A crew starts: records the crew, its agents and its tasks (categories `crew`, `agent`, `llm`, `task`, `task_lifecycle`), and
    /// for a crew that shares `agent_expanded`, `task_detail`, `environment` and `crew_io`.
    #[must_use = "the run records how the crew ends; dropped at once it says that the crew failed"]
    pub fn crew_started(&self, crew: &Crew) -> CrewRun {
        self.check_switches();
        let Some(keyer) = self.keyer() else {
            return CrewRun::off();
        };
        let link = CrewLink {
            id: Id::random(),
            key: keyer.crew(crew),
            grant: crew.grant,
        };
        record_crew(self, crew, link, keyer);
        for agent in &crew.agents {
            record_agent(self, agent, link, keyer);
        }
        for task in &crew.tasks {
            record_task(self, task, link, keyer);
        }
        if let Some(grant) = &crew.grant {
            record_content(self, crew, link, grant, keyer);
        }
        CrewRun::new(self.clone(), link)
    }
}

fn record_crew(telemetry: &Telemetry, crew: &Crew, link: CrewLink, keyer: &Keyer) {
    let project = crew
        .project
        .as_deref()
        .map(|project| keyer.project(project));
    telemetry.record(
        || Event::now("Crew Created"),
        |span| {
            span.id(crew::ID, link.id);
            span.keyed_hash(crew::KEY, link.key);
            span.enumerated(crew::PROCESS, crew.process.map(|process| process.as_str()));
            span.boolean(crew::MEMORY, crew.memory);
            span.boolean(crew::INPUTS_PRESENT, crew.inputs_present);
            span.integer(crew::TASK_COUNT, crew.tasks.len() as i64);
            span.integer(crew::AGENT_COUNT, crew.agents.len() as i64);
            span.keyed_hash(crew::PROJECT_ID, project);
        },
    );
}

fn record_agent(telemetry: &Telemetry, agent: &Agent, link: CrewLink, keyer: &Keyer) {
    let key = keyer.agent(agent);
    telemetry.record(
        || Event::now("Agent"),
        |span| {
            span.id(agent::CREW_ID, link.id);
            span.keyed_hash(agent::CREW_KEY, link.key);
            span.id(agent::ID, agent.identity.id());
            span.keyed_hash(agent::KEY, key);
            span.free_text(agent::ROLE, agent.role.as_deref());
            span.boolean(agent::VERBOSE, agent.verbose);
            span.boolean(agent::DELEGATION_ENABLED, agent.delegation_enabled);
            span.boolean(agent::CODE_EXECUTION_ALLOWED, agent.code_execution_allowed);
            span.integer(agent::MAX_ITERATIONS, agent.max_iterations);
            span.integer(agent::MAX_RPM, agent.max_rpm);
            span.integer(agent::MAX_RETRY_LIMIT, agent.max_retry_limit);
            span.free_text(
                agent::FUNCTION_CALLING_LLM,
                agent.function_calling_llm.as_deref(),
            );
            span.free_texts(
                agent::TOOL_NAMES,
                agent.tools.iter().map(|tool| &*tool.name),
            );
            if let Some(llm) = &agent.llm {
                span.free_text(llm::LLM_NAME, llm.name.as_deref());
                span.free_text(llm::LLM_MODEL_NAME, llm.model_name.as_deref());
                span.free_text(llm::LLM_MODEL, llm.model.as_deref());
                span.double(llm::LLM_TOP_K, llm.top_k);
                span.double(llm::LLM_TEMPERATURE, llm.temperature);
                span.identifier(llm::LLM_CLASS_NAME, llm.class_name.as_deref());
            }
        },
    );
}

fn record_task(telemetry: &Telemetry, task: &Task, link: CrewLink, keyer: &Keyer) {
    let key = keyer.task(task);
    let id = task.identity.id();
    telemetry.record(
        || Event::now("Task"),
        |span| {
            span.id(task::CREW_ID, link.id);
            span.keyed_hash(task::CREW_KEY, link.key);
            span.id(task::ID, id);
            span.keyed_hash(task::KEY, key);
            span.boolean(task::ASYNC_EXECUTION, task.async_execution);
            span.boolean(task::HUMAN_INPUT, task.human_input);
            if let Some(agent) = &task.agent {
                span.free_text(task::AGENT_ROLE, agent.role.as_deref());
                span.keyed_hash(task::AGENT_KEY, keyer.agent(agent));
            }
            span.free_texts(task::TOOL_NAMES, task.tools.iter().map(|tool| &*tool.name));
        },
    );
    telemetry.record(
        || Event::now("Task Created"),
        |span| {
            span.id(task_lifecycle::CREW_ID, link.id);
            span.keyed_hash(task_lifecycle::CREW_KEY, link.key);
            span.id(task_lifecycle::TASK_ID, id);
            span.keyed_hash(task_lifecycle::TASK_KEY, key);
        },
    );
}

/// Records the content of a crew that shares, as the grant proves.
fn record_content(
    telemetry: &Telemetry,
    crew: &Crew,
    link: CrewLink,
    grant: &SharingGrant,
    keyer: &Keyer,
) {
    for agent in &crew.agents {
        telemetry.record(
            || Event::now("Agent Detail"),
            |span| {
                span.sharing_mark(grant);
                span.id(agent_expanded::CREW_ID, link.id);
                span.keyed_hash(agent_expanded::CREW_KEY, link.key);
                span.id(agent_expanded::ID, agent.identity.id());
                span.keyed_hash(agent_expanded::KEY, keyer.agent(agent));
                let role = agent
                    .role
                    .as_ref()
                    .map(|role| Content::from(Arc::clone(role)));
                span.shared(grant, agent_expanded::ROLE, role.as_ref());
                span.shared(grant, agent_expanded::GOAL, &agent.goal);
                span.shared(grant, agent_expanded::BACKSTORY, &agent.backstory);
                span.shared(
                    grant,
                    agent_expanded::I18N_PROMPT_FILE,
                    &agent.i18n_prompt_file,
                );
            },
        );
    }
    for task in &crew.tasks {
        telemetry.record(
            || Event::now("Task Detail"),
            |span| {
                span.sharing_mark(grant);
                span.id(task_detail::CREW_ID, link.id);
                span.keyed_hash(task_detail::CREW_KEY, link.key);
                span.id(task_detail::ID, task.identity.id());
                span.keyed_hash(task_detail::KEY, keyer.task(task));
                span.shared(grant, task_detail::DESCRIPTION, &task.description);
                span.shared(grant, task_detail::EXPECTED_OUTPUT, &task.expected_output);
                if !task.context.is_empty() {
                    span.shared_texts(grant, task_detail::CONTEXT, task.context.iter());
                }
            },
        );
    }
    let system = crate::platform::system();
    telemetry.record(
        || Event::now("Environment Detail"),
        |span| {
            span.sharing_mark(grant);
            span.id(environment::CREW_ID, link.id);
            span.keyed_hash(environment::CREW_KEY, link.key);
            span.shared(
                grant,
                environment::PLATFORM,
                &Content::from(&system.platform),
            );
            span.shared(grant, environment::SYSTEM, &Content::from(&system.system));
            span.shared(grant, environment::RELEASE, &Content::from(&system.release));
            span.shared(grant, environment::VERSION, &Content::from(&system.version));
            span.integer(environment::CPU_COUNT, system.cpus);
        },
    );
    if crew.inputs.is_some() {
        telemetry.record(
            || Event::now("Crew Content"),
            |span| {
                span.sharing_mark(grant);
                span.id(crew_io::CREW_ID, link.id);
                span.keyed_hash(crew_io::CREW_KEY, link.key);
                span.enumerated(crew_io::DIRECTION, Direction::Input.as_str());
                span.shared(grant, crew_io::CONTENT, &crew.inputs);
            },
        );
    }
}
