//! A framework for crews, as small as can be, with Headcount in it. Every line that telemetry needs is marked.

use std::collections::HashSet;
use std::thread::sleep;
use std::time::Duration;

use headcount::{Agent, Crew, Llm, Process, Task, Telemetry, Tool};

use crate::model::{Model, ModelError, Reply};

/// How often a model may call tools before it has to answer.
const MAX_ROUNDS: u32 = 6;

/// An agent, as the framework's user describes it.
pub(crate) struct Member {
    pub(crate) role: &'static str,
    pub(crate) goal: &'static str,
    pub(crate) backstory: &'static str,
    pub(crate) tools: &'static [&'static str],
}

/// A task, as the framework's user describes it.
pub(crate) struct Step {
    pub(crate) member: usize,
    pub(crate) description: &'static str,
    pub(crate) expected_output: &'static str,
}

pub(crate) struct Framework {
    telemetry: Telemetry,
    model: Model,
}

impl Framework {
    pub(crate) fn new(telemetry: Telemetry, model: Model) -> Self {
        Self { telemetry, model }
    }

    /// Runs the crew, one step after the other.
    pub(crate) fn kickoff(
        &self,
        members: &[Member],
        steps: &[Step],
        topic: &str,
        share: bool,
    ) -> Result<(), ModelError> {
        // Telemetry: the crew, its agents and its tasks.
        let agents: Vec<Agent> = members.iter().map(|member| self.agent(member)).collect();
        let tasks: Vec<Task> = steps
            .iter()
            .map(|step| {
                Task::new(step.description)
                    .expected_output(step.expected_output)
                    .agent(&agents[step.member])
                    .async_execution(false)
                    .human_input(false)
                    .tools(members[step.member].tools.iter().copied())
            })
            .collect();
        let crew = Crew::new()
            .process(Process::Sequential)
            .memory(false)
            .inputs(format!("{{\"topic\": \"{topic}\"}}"))
            .share_crew(share);
        let crew = agents.into_iter().fold(crew, Crew::agent);
        let crew = tasks.iter().cloned().fold(crew, Crew::task);
        let run = self.telemetry.crew_started(&crew);

        let mut notes = String::new();
        for (step, task) in steps.iter().zip(&tasks) {
            let member = &members[step.member];
            println!("== {} ==", member.role);
            let description = step.description.replace("{topic}", topic);
            // Telemetry: the task, from its start to its end.
            let task_run = run.task_started(task);
            run.share_formatted(task, Some(&description.as_str().into()), None);
            task_run.share_input(notes.as_str());
            match self.work(member, &description, &notes) {
                Ok(answer) => {
                    show(&answer);
                    task_run.complete_with(answer.as_str());
                    notes = answer;
                }
                Err(error) => {
                    task_run.fail(error.class());
                    return Err(error);
                }
            }
        }
        let words = notes.split_whitespace().count();
        // Telemetry: the crew is done.
        run.complete_with(notes);
        println!("== done ==");
        show(&format!(
            "{} agents\n{} tasks\n{words} words\ntopic: {topic}",
            members.len(),
            steps.len()
        ));
        Ok(())
    }

    /// Telemetry: what is known of an agent.
    fn agent(&self, member: &Member) -> Agent {
        Agent::new(member.role)
            .goal(member.goal)
            .backstory(member.backstory)
            .tools(member.tools.iter().copied())
            .llm(
                Llm::new(self.model.name())
                    .temperature(0.0)
                    .class_name("ChatCompletions"),
            )
            .verbose(false)
            .delegation(false)
            .code_execution(false)
            .max_iterations(i64::from(MAX_ROUNDS))
    }

    /// Lets one agent work on one task: asks the model, calls the tools that it asks for, until it answers.
    fn work(&self, member: &Member, description: &str, notes: &str) -> Result<String, ModelError> {
        let mut conversation = self.model.begin(
            &format!(
                "You are a {}. {} Your goal: {}",
                member.role, member.backstory, member.goal
            ),
            &format!("{description}\n\nNotes so far:\n{notes}"),
            member.tools,
        );
        let mut asked = HashSet::new();
        for round in 1..=MAX_ROUNDS {
            match self.model.ask(&mut conversation)? {
                Reply::Answer(answer) => return Ok(answer),
                Reply::ToolCall { id, name, argument } => {
                    let result = call_tool(&name, &argument);
                    let tool = Tool::new(name.as_str());
                    let llm = Some(self.model.name());
                    // Telemetry: what came of the call, not what was asked.
                    if !asked.insert((name.clone(), argument)) {
                        self.telemetry.tool_repeated(&tool, round, llm);
                    } else if result.is_err() {
                        self.telemetry.tool_failed(&tool, round, llm);
                    } else {
                        self.telemetry.tool_used(&tool, round, llm);
                    }
                    let text = result.unwrap_or_else(|error| error);
                    println!("   [{name}] {text}");
                    self.model.tell(&mut conversation, &id, &text);
                }
            }
        }
        Err(ModelError::TooManyRounds)
    }
}

/// Shows an answer as a person would read it.
fn show(answer: &str) {
    for line in answer.lines() {
        println!("   {line}");
        sleep(Duration::from_millis(40));
    }
}

fn call_tool(name: &str, argument: &str) -> Result<String, String> {
    match name {
        "count_words" => Ok(format!("{} words", argument.split_whitespace().count())),
        "search_notes" if argument.trim().is_empty() => Err("the query is empty".to_owned()),
        "search_notes" => Ok(format!("3 notes mention {argument:?}")),
        _ => Err(format!("there is no tool {name:?}")),
    }
}
