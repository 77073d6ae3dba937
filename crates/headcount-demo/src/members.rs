//! `crew_agents` and `crew_tasks`: JSON inside a string, in the shape that each release gives it.

use crate::crew::{Agent, Crew, Model, Task};
use crate::python::Json;
use crate::release::Release;

/// Identities of one crew object and its members: fresh with each run.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) crew_id: String,
    pub(crate) crew_fingerprint: String,
    pub(crate) agent_ids: Vec<String>,
    pub(crate) agent_fingerprints: Vec<String>,
    pub(crate) task_ids: Vec<String>,
    pub(crate) task_fingerprints: Vec<String>,
    /// Python's ISO text of the moment at which the objects were made.
    pub(crate) made_at: String,
}

type Members = Vec<(&'static str, Json)>;

/// `crew_agents` of `Crew Created`.
pub(crate) fn agents(crew: &Crew, release: Release, identity: &Identity) -> Json {
    let content = crew.shares && release.since(0, 51, 1) || release.sends_content_ungated();
    let describe = |(index, agent): (usize, &Agent)| {
        let mut members = begin_agent(agent, release, &identity.agent_ids[index], content);
        if content || !release.since(0, 51, 1) {
            members.push(("i18n", internationalization(release)));
        }
        if release.since(0, 55, 0) {
            let model = agent.function_calling_model.unwrap_or("");
            members.push(("function_calling_llm", Json::text(model)));
        }
        members.push(("llm", model_member(&agent.model, release)));
        members.push(("delegation_enabled?", Json::Boolean(agent.delegates)));
        if release.since(0, 55, 0) {
            members.push(("allow_code_execution?", Json::Boolean(agent.runs_code)));
            members.push(("max_retry_limit", Json::Integer(agent.max_retries)));
        }
        members.push(("tools_names", Json::texts(agent.tool_names(release))));
        if content && release.has_fingerprints() {
            end_fingerprinted(&mut members, &identity.agent_fingerprints[index], identity);
        }
        Json::Object(members)
    };
    Json::List(crew.agents.iter().enumerate().map(describe).collect())
}

/// `crew_agents` of `Crew Execution`, which only shared crews send.
pub(crate) fn executed_agents(crew: &Crew, release: Release, identity: &Identity) -> Json {
    let describe = |(index, agent): (usize, &Agent)| {
        let mut members = begin_agent(agent, release, &identity.agent_ids[index], true);
        members.push(("i18n", internationalization(release)));
        members.push(("llm", model_member(&agent.model, release)));
        members.push(("delegation_enabled?", Json::Boolean(agent.delegates)));
        members.push(("tools_names", Json::texts(agent.tool_names(release))));
        Json::Object(members)
    };
    Json::List(crew.agents.iter().enumerate().map(describe).collect())
}

fn begin_agent(agent: &Agent, release: Release, id: &str, content: bool) -> Members {
    let mut members = Vec::with_capacity(16);
    if release.has_keys() {
        members.push(("key", Json::text(agent.key.clone())));
    }
    members.push(("id", Json::text(id.to_owned())));
    members.push(("role", Json::text(agent.role)));
    if content {
        members.push(("goal", Json::text(agent.goal)));
        members.push(("backstory", Json::text(agent.backstory)));
    }
    members.push(("verbose?", Json::Boolean(agent.verbose)));
    members.push(("max_iter", Json::Integer(agent.max_iterations)));
    members.push(("max_rpm", agent.max_rpm.map_or(Json::Null, Json::Integer)));
    members
}

fn end_fingerprinted(members: &mut Members, fingerprint: &str, identity: &Identity) {
    members.push(("fingerprint", Json::text(fingerprint.to_owned())));
    members.push((
        "fingerprint_created_at",
        Json::text(identity.made_at.clone()),
    ));
}

fn internationalization(release: Release) -> Json {
    if release.since(0, 35, 0) {
        Json::Null
    } else {
        Json::text("en")
    }
}

fn model_member(model: &Model, release: Release) -> Json {
    if release.nests_model_json() {
        Json::text(nested_model(model, release))
    } else {
        Json::text(model.name)
    }
}

/// A model as a JSON string of its own, as releases before 0.60.0 put it.
pub(crate) fn nested_model(model: &Model, release: Release) -> String {
    let mut members = vec![("name", Json::Null)];
    if model.class == "Ollama" {
        // The address of the user's own server went along until 0.51.1.
        if !release.since(0, 55, 0) {
            members.push(("base_url", Json::text("http://192.168.1.20:11434")));
        }
        members.push(("model", Json::text(model.name)));
        members.push(("temperature", Json::Real(model.temperature)));
        members.push(("top_k", Json::Integer(40)));
    } else {
        members.push(("model_name", Json::text(model.name)));
        members.push(("temperature", Json::Real(model.temperature)));
    }
    members.push(("class", Json::text(model.class)));
    Json::Object(members).dumps()
}

/// `crew_tasks` of `Crew Created`.
pub(crate) fn tasks(crew: &Crew, release: Release, identity: &Identity) -> Json {
    let content = crew.shares && release.since(0, 51, 1) || release.sends_content_ungated();
    let describe = |(index, task): (usize, &Task)| {
        let mut members = Vec::with_capacity(12);
        if release.has_keys() {
            members.push(("key", Json::text(task.key.clone())));
        }
        members.push(("id", Json::text(identity.task_ids[index].clone())));
        if content {
            members.push(("description", Json::text(task.description)));
            members.push(("expected_output", Json::text(task.expected_output)));
        }
        end_task(&mut members, crew, index, release, content);
        if content && release.has_fingerprints() {
            end_fingerprinted(&mut members, &identity.task_fingerprints[index], identity);
        }
        Json::Object(members)
    };
    Json::List(crew.tasks.iter().enumerate().map(describe).collect())
}

/// `crew_tasks` of `Crew Execution`: without keys, and until 0.32.2 with `output` for what is expected.
pub(crate) fn executed_tasks(crew: &Crew, release: Release, identity: &Identity) -> Json {
    let expected = if release.since(0, 35, 0) {
        "expected_output"
    } else {
        "output"
    };
    let describe = |(index, task): (usize, &Task)| {
        let mut members = vec![
            ("id", Json::text(identity.task_ids[index].clone())),
            ("description", Json::text(task.description)),
            (expected, Json::text(task.expected_output)),
        ];
        end_task(&mut members, crew, index, release, true);
        Json::Object(members)
    };
    Json::List(crew.tasks.iter().enumerate().map(describe).collect())
}

fn end_task(members: &mut Members, crew: &Crew, index: usize, release: Release, content: bool) {
    let task = &crew.tasks[index];
    let agent = &crew.agents[task.agent];
    members.push(("async_execution?", Json::Boolean(task.asynchronous)));
    if release.since(0, 35, 0) {
        members.push(("human_input?", Json::Boolean(task.human_input)));
    }
    // Under a manager a task need not name its agent: the role is then Python's None as text, the key a null.
    let unassigned = crew.hierarchical && index % 2 == 1;
    let role = if unassigned { "None" } else { agent.role };
    members.push(("agent_role", Json::text(role)));
    if release.has_keys() {
        let key = if unassigned {
            Json::Null
        } else {
            Json::text(agent.key.clone())
        };
        members.push(("agent_key", key));
    }
    if content {
        let context = if task.reads_previous {
            Json::texts([crew.tasks[index - 1].description])
        } else if release.since(0, 35, 0) {
            Json::Null
        } else {
            Json::text("None")
        };
        members.push(("context", context));
    }
    members.push(("tools_names", Json::texts(agent.tool_names(release))));
}
