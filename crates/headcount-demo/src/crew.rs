//! Crews as their authors define them: the properties that stay the same from run to run.

use std::borrow::Cow;

use crate::machine::Machine;
use crate::random::Rng;
use crate::release::{self, Release};
use crate::vocabulary::{
    BACKSTORIES, CARELESS_ROLES, DESCRIPTIONS, EXPECTED_OUTPUTS, GOALS, MODELS, OLD_MODELS, ROLES,
    TOOL_NOUNS, TOOL_VERBS, TOOLS, snake_case,
};

/// A model as an agent names it.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) name: &'static str,
    /// The class around it, sent by releases before 0.60.0.
    pub(crate) class: &'static str,
    pub(crate) temperature: f64,
}

/// One agent of a crew.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    pub(crate) key: String,
    pub(crate) role: &'static str,
    pub(crate) goal: &'static str,
    pub(crate) backstory: &'static str,
    pub(crate) verbose: bool,
    pub(crate) max_iterations: i64,
    pub(crate) max_rpm: Option<i64>,
    pub(crate) max_retries: i64,
    pub(crate) model: Model,
    pub(crate) function_calling_model: Option<&'static str>,
    pub(crate) delegates: bool,
    pub(crate) runs_code: bool,
    pub(crate) tools: Vec<Cow<'static, str>>,
}

/// One task of a crew.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) key: String,
    pub(crate) agent: usize,
    pub(crate) description: &'static str,
    pub(crate) expected_output: &'static str,
    pub(crate) asynchronous: bool,
    pub(crate) human_input: bool,
    /// It reads what the task before it wrote.
    pub(crate) reads_previous: bool,
    /// Median duration in seconds.
    pub(crate) seconds: f64,
    pub(crate) failure_probability: f64,
}

/// One crew: a distinct key.
#[derive(Debug, Clone)]
pub(crate) struct Crew {
    pub(crate) key: String,
    pub(crate) agents: Vec<Agent>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) hierarchical: bool,
    pub(crate) memory: bool,
    pub(crate) takes_inputs: bool,
    pub(crate) shares: bool,
    pub(crate) fingerprint_metadata: bool,
    /// Its models call tools in text, which the library counts in every release.
    pub(crate) calls_tools_in_text: bool,
    pub(crate) machine: Machine,
    pub(crate) release: Release,
    /// The part of the week after which it runs on the newest release.
    pub(crate) upgrades_at: Option<f64>,
    /// How often it runs, against the others.
    pub(crate) popularity: f64,
    /// Its author sometimes runs `crewai test`.
    pub(crate) tests: bool,
    /// Its author tries to deploy it.
    pub(crate) deploys: bool,
    /// It is called by a flow of this class.
    pub(crate) flow: Option<&'static str>,
}

impl Crew {
    pub(crate) fn generate(rng: &mut Rng) -> Self {
        let release = rng.weighted(release::IN_USE);
        let machine = Machine::generate(release, rng);
        let agents: Vec<Agent> = (0..rng.weighted(&[(1, 5), (2, 8), (3, 6), (4, 3), (6, 1)]))
            .map(|_| Agent::generate(release, rng))
            .collect();
        let task_count = agents.len() + rng.below(3);
        let mut tasks: Vec<Task> = (0..task_count)
            .map(|index| Task::generate(index, agents.len(), rng))
            .collect();
        // The library refuses a crew whose asynchronous tasks are not at its end to gather from.
        if let Some(last) = tasks.last_mut() {
            last.asynchronous = false;
        }
        let recent = release.since(1, 14, 0);
        let upgrades =
            release < release::NEWEST && rng.random_bool(if recent { 0.55 } else { 0.04 });
        let has_flows = release.since(0, 70, 0);
        Self {
            key: rng.key(),
            hierarchical: agents.len() > 1 && rng.random_bool(0.16),
            memory: rng.random_bool(0.28),
            takes_inputs: rng.random_bool(0.7),
            shares: rng.random_bool(0.03),
            fingerprint_metadata: release.since(0, 148, 0) && rng.random_bool(0.02),
            calls_tools_in_text: rng.random_bool(0.25),
            upgrades_at: upgrades.then(|| 0.1 + 0.9 * rng.unit().sqrt()),
            popularity: 1.0 / (0.04 + rng.unit()),
            tests: release.since(0, 51, 1) && rng.random_bool(0.09),
            deploys: release.since(0, 55, 0) && rng.random_bool(0.12),
            flow: (has_flows && rng.random_bool(0.14)).then(|| rng.pick(crate::vocabulary::FLOWS)),
            agents,
            tasks,
            machine,
            release,
        }
    }

    /// A crew for benchmarks: three tasks of two agents on the newest release, nothing shared, nothing failing.
    pub(crate) fn generate_plain(rng: &mut Rng) -> Self {
        let release = release::NEWEST;
        let mut crew = Self {
            agents: (0..2).map(|_| Agent::generate(release, rng)).collect(),
            tasks: (0..3).map(|index| Task::generate(index, 2, rng)).collect(),
            machine: Machine::generate(release, rng),
            release,
            calls_tools_in_text: true,
            shares: false,
            memory: false,
            hierarchical: false,
            fingerprint_metadata: false,
            ..Self::generate(rng)
        };
        for agent in &mut crew.agents {
            while agent.tools.len() < 2 {
                agent.tools = random_tools(rng);
            }
        }
        for task in &mut crew.tasks {
            task.failure_probability = 0.0;
            task.human_input = false;
        }
        crew
    }

    /// The release it runs on at a moment, as part of the week.
    pub(crate) fn release_at(&self, moment: f64) -> Release {
        match self.upgrades_at {
            Some(upgrade) if moment >= upgrade => release::NEWEST,
            _ => self.release,
        }
    }
}

impl Agent {
    fn generate(release: Release, rng: &mut Rng) -> Self {
        let role = if rng.random_bool(0.012) {
            rng.pick(CARELESS_ROLES)
        } else {
            ROLES[skewed(ROLES.len(), rng)]
        };
        Self {
            key: rng.key(),
            role,
            goal: rng.pick(GOALS),
            backstory: rng.pick(BACKSTORIES),
            verbose: rng.random_bool(0.6),
            max_iterations: rng.weighted(&[(25, 12), (20, 4), (15, 2), (5, 2), (3, 1)]),
            max_rpm: rng.weighted(&[(None, 14), (Some(10), 3), (Some(30), 2), (Some(100), 1)]),
            max_retries: rng.weighted(&[(2, 15), (3, 2), (5, 1)]),
            model: Model::generate(release, rng),
            function_calling_model: rng.random_bool(0.05).then_some("gpt-4o-mini"),
            delegates: rng.random_bool(0.22),
            runs_code: rng.random_bool(0.06),
            tools: random_tools(rng),
        }
    }

    /// Names of its tools as this release spells them inside `crew_agents` and `crew_tasks`.
    pub(crate) fn tool_names(&self, release: Release) -> Vec<String> {
        let spelled = |tool: &Cow<'static, str>| {
            if release.has_native_tool_calls() {
                snake_case(tool)
            } else {
                tool.to_lowercase()
            }
        };
        self.tools.iter().map(spelled).collect()
    }
}

impl Model {
    fn generate(release: Release, rng: &mut Rng) -> Self {
        let temperature = rng.pick(&[0.0, 0.1, 0.3, 0.7, 0.7, 0.7, 1.0]);
        let (name, class) = if release.nests_model_json() {
            rng.weighted(OLD_MODELS)
        } else {
            (rng.weighted(MODELS), "LLM")
        };
        Self {
            name,
            class,
            temperature,
        }
    }
}

impl Task {
    fn generate(index: usize, agents: usize, rng: &mut Rng) -> Self {
        Self {
            key: rng.key(),
            agent: index % agents,
            description: rng.pick(DESCRIPTIONS),
            expected_output: rng.pick(EXPECTED_OUTPUTS),
            asynchronous: rng.random_bool(0.09),
            human_input: rng.random_bool(0.05),
            reads_previous: index > 0 && rng.random_bool(0.35),
            seconds: rng.log_normal(11.0, 0.8),
            failure_probability: if rng.random_bool(0.15) { 0.12 } else { 0.01 },
        }
    }
}

fn random_tools(rng: &mut Rng) -> Vec<Cow<'static, str>> {
    let count = rng.weighted(&[(0, 5), (1, 7), (2, 5), (3, 2), (5, 1)]);
    let mut tools: Vec<Cow<'static, str>> = Vec::with_capacity(count);
    for _ in 0..count {
        let tool = imagine_tool(rng);
        if !tools.contains(&tool) {
            tools.push(tool);
        }
    }
    tools
}

/// A tool of the shelf, or one of the long tail that few crews share.
fn imagine_tool(rng: &mut Rng) -> Cow<'static, str> {
    if rng.random_bool(0.2) {
        let verb = rng.pick(TOOL_VERBS);
        let noun = rng.pick(TOOL_NOUNS);
        Cow::Owned(format!("{verb} {noun}"))
    } else {
        Cow::Borrowed(TOOLS[skewed(TOOLS.len(), rng)])
    }
}

/// An index where the first are the common ones.
fn skewed(count: usize, rng: &mut Rng) -> usize {
    let skew = rng.unit();
    ((skew * skew) * count as f64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_has_an_agent_and_the_last_is_awaited() {
        let mut rng = Rng::new(11);
        for _ in 0..300 {
            let crew = Crew::generate(&mut rng);
            assert!(crew.tasks.iter().all(|task| task.agent < crew.agents.len()));
            assert!(crew.tasks.last().is_some_and(|task| !task.asynchronous));
        }
    }

    #[test]
    fn an_upgrade_goes_to_the_newest_release() {
        let mut crew = Crew::generate(&mut Rng::new(1));
        crew.release = Release::new(1, 9, 3);
        crew.upgrades_at = Some(0.5);
        assert_eq!(crew.release_at(0.4), Release::new(1, 9, 3));
        assert_eq!(crew.release_at(0.5), release::NEWEST);
    }
}
