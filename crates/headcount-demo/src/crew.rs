//! Crews as their authors wrote them: what stays the same from run to run.

use std::borrow::Cow;

use crate::chance::Chance;
use crate::machine::Machine;
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
    pub(crate) failure_odds: f64,
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
    /// Its author runs `crewai test` at times.
    pub(crate) tests: bool,
    /// Its author tries to deploy it.
    pub(crate) deploys: bool,
    /// It is called by a flow of this class.
    pub(crate) flow: Option<&'static str>,
}

impl Crew {
    pub(crate) fn imagine(chance: &mut Chance) -> Self {
        let release = chance.weighted(release::IN_USE);
        let machine = Machine::imagine(release, chance);
        let agents: Vec<Agent> = (0..chance.weighted(&[(1, 5), (2, 8), (3, 6), (4, 3), (6, 1)]))
            .map(|_| Agent::imagine(release, chance))
            .collect();
        let task_count = agents.len() + chance.below(3);
        let mut tasks: Vec<Task> = (0..task_count)
            .map(|index| Task::imagine(index, agents.len(), chance))
            .collect();
        // The library refuses a crew whose asynchronous tasks are not at its end to gather from.
        if let Some(last) = tasks.last_mut() {
            last.asynchronous = false;
        }
        let recent = release.since(1, 14, 0);
        let upgrades = release < release::NEWEST && chance.odds(if recent { 0.55 } else { 0.04 });
        let has_flows = release.since(0, 70, 0);
        Self {
            key: chance.key(),
            hierarchical: agents.len() > 1 && chance.odds(0.16),
            memory: chance.odds(0.28),
            takes_inputs: chance.odds(0.7),
            shares: chance.odds(0.03),
            fingerprint_metadata: release.since(0, 148, 0) && chance.odds(0.02),
            calls_tools_in_text: chance.odds(0.25),
            upgrades_at: upgrades.then(|| 0.1 + 0.9 * chance.unit().sqrt()),
            popularity: 1.0 / (0.04 + chance.unit()),
            tests: release.since(0, 51, 1) && chance.odds(0.09),
            deploys: release.since(0, 55, 0) && chance.odds(0.12),
            flow: (has_flows && chance.odds(0.14)).then(|| chance.pick(crate::vocabulary::FLOWS)),
            agents,
            tasks,
            machine,
            release,
        }
    }

    /// A crew for benchmarks: three tasks of two agents on the newest release, nothing shared, nothing failing.
    pub(crate) fn imagine_plain(chance: &mut Chance) -> Self {
        let release = release::NEWEST;
        let mut crew = Self {
            agents: (0..2).map(|_| Agent::imagine(release, chance)).collect(),
            tasks: (0..3)
                .map(|index| Task::imagine(index, 2, chance))
                .collect(),
            machine: Machine::imagine(release, chance),
            release,
            calls_tools_in_text: true,
            shares: false,
            memory: false,
            hierarchical: false,
            fingerprint_metadata: false,
            ..Self::imagine(chance)
        };
        for agent in &mut crew.agents {
            while agent.tools.len() < 2 {
                agent.tools = imagine_tools(chance);
            }
        }
        for task in &mut crew.tasks {
            task.failure_odds = 0.0;
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
    fn imagine(release: Release, chance: &mut Chance) -> Self {
        let role = if chance.odds(0.012) {
            chance.pick(CARELESS_ROLES)
        } else {
            ROLES[skewed(ROLES.len(), chance)]
        };
        Self {
            key: chance.key(),
            role,
            goal: chance.pick(GOALS),
            backstory: chance.pick(BACKSTORIES),
            verbose: chance.odds(0.6),
            max_iterations: chance.weighted(&[(25, 12), (20, 4), (15, 2), (5, 2), (3, 1)]),
            max_rpm: chance.weighted(&[(None, 14), (Some(10), 3), (Some(30), 2), (Some(100), 1)]),
            max_retries: chance.weighted(&[(2, 15), (3, 2), (5, 1)]),
            model: Model::imagine(release, chance),
            function_calling_model: chance.odds(0.05).then_some("gpt-4o-mini"),
            delegates: chance.odds(0.22),
            runs_code: chance.odds(0.06),
            tools: imagine_tools(chance),
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
    fn imagine(release: Release, chance: &mut Chance) -> Self {
        let temperature = chance.pick(&[0.0, 0.1, 0.3, 0.7, 0.7, 0.7, 1.0]);
        let (name, class) = if release.nests_model_json() {
            chance.weighted(OLD_MODELS)
        } else {
            (chance.weighted(MODELS), "LLM")
        };
        Self {
            name,
            class,
            temperature,
        }
    }
}

impl Task {
    fn imagine(index: usize, agents: usize, chance: &mut Chance) -> Self {
        Self {
            key: chance.key(),
            agent: index % agents,
            description: chance.pick(DESCRIPTIONS),
            expected_output: chance.pick(EXPECTED_OUTPUTS),
            asynchronous: chance.odds(0.09),
            human_input: chance.odds(0.05),
            reads_previous: index > 0 && chance.odds(0.35),
            seconds: chance.long_tailed(11.0, 0.8),
            failure_odds: if chance.odds(0.15) { 0.12 } else { 0.01 },
        }
    }
}

fn imagine_tools(chance: &mut Chance) -> Vec<Cow<'static, str>> {
    let count = chance.weighted(&[(0, 5), (1, 7), (2, 5), (3, 2), (5, 1)]);
    let mut tools: Vec<Cow<'static, str>> = Vec::with_capacity(count);
    for _ in 0..count {
        let tool = imagine_tool(chance);
        if !tools.contains(&tool) {
            tools.push(tool);
        }
    }
    tools
}

/// A tool of the shelf, or one of the long tail that few crews share.
fn imagine_tool(chance: &mut Chance) -> Cow<'static, str> {
    if chance.odds(0.2) {
        let verb = chance.pick(TOOL_VERBS);
        let noun = chance.pick(TOOL_NOUNS);
        Cow::Owned(format!("{verb} {noun}"))
    } else {
        Cow::Borrowed(TOOLS[skewed(TOOLS.len(), chance)])
    }
}

/// An index where the first are the common ones.
fn skewed(count: usize, chance: &mut Chance) -> usize {
    let skew = chance.unit();
    ((skew * skew) * count as f64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_has_an_agent_and_the_last_is_awaited() {
        let mut chance = Chance::new(11);
        for _ in 0..300 {
            let crew = Crew::imagine(&mut chance);
            assert!(crew.tasks.iter().all(|task| task.agent < crew.agents.len()));
            assert!(crew.tasks.last().is_some_and(|task| !task.asynchronous));
        }
    }

    #[test]
    fn an_upgrade_goes_to_the_newest_release() {
        let mut crew = Crew::imagine(&mut Chance::new(1));
        crew.release = Release::new(1, 9, 3);
        crew.upgrades_at = Some(0.5);
        assert_eq!(crew.release_at(0.4), Release::new(1, 9, 3));
        assert_eq!(crew.release_at(0.5), release::NEWEST);
    }
}
