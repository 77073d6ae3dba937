//! A case's calls, read from JSON: what no type of the client can hold is left out and counted, as a binding does it.

use std::collections::HashMap;

use headcount::{Agent, Crew, CrewRun, Deployment, FlowRun, Llm, Task, TaskRun, Telemetry};
use serde_json::Value as Json;

use super::reading::Reader;

/// The objects that the calls have created so far.
pub(crate) struct Calls<'c> {
    case: &'c Json,
    telemetry: Telemetry,
    agents: HashMap<String, (Agent, u64)>,
    tasks: HashMap<String, (Task, u64)>,
    crews: HashMap<String, (Crew, u64)>,
    runs: HashMap<String, Run>,
}

/// An object with a name.
enum Run {
    Crew(CrewRun),
    Task(TaskRun),
    Flow(FlowRun),
    Deployment(Deployment),
}

impl<'c> Calls<'c> {
    pub(crate) fn new(case: &'c Json, telemetry: &Telemetry) -> Self {
        Self {
            case,
            telemetry: telemetry.clone(),
            agents: HashMap::new(),
            tasks: HashMap::new(),
            crews: HashMap::new(),
            runs: HashMap::new(),
        }
    }

    /// The agent of that name: one, however often it is asked for.
    fn agent(&mut self, name: &str) -> (Agent, u64) {
        let values = &self.case["agents"][name];
        self.agents
            .entry(name.to_owned())
            .or_insert_with(|| agent(values))
            .clone()
    }

    fn task(&mut self, name: &str) -> (Task, u64) {
        if let Some(known) = self.tasks.get(name) {
            return known.clone();
        }
        let mut reader = Reader::new(&self.case["tasks"][name]);
        let mut task = reader
            .text("description")
            .map_or_else(Task::default, Task::new);
        if let Some(agent) = reader.values.get("agent").and_then(Json::as_str) {
            task = task.agent(&self.agent(agent).0);
        }
        task = set(
            task,
            reader.boolean("async_execution"),
            Task::async_execution,
        );
        task = set(task, reader.boolean("human_input"), Task::human_input);
        task = set(
            task,
            reader.content("expected_output"),
            Task::expected_output,
        );
        let context: Vec<Task> = reader
            .names("context")
            .iter()
            .map(|name| self.task(name).0)
            .collect();
        let tools = reader.texts("tools").unwrap_or_default();
        let task = task
            .context(&context)
            .tools(tools.iter().map(String::as_str));
        let made = (task, reader.refused);
        self.tasks.insert(name.to_owned(), made.clone());
        made
    }

    fn crew(&mut self, name: &str) -> (Crew, u64) {
        if let Some(known) = self.crews.get(name) {
            return known.clone();
        }
        let mut reader = Reader::new(&self.case["crews"][name]);
        let mut crew = Crew::new();
        for name in reader.names("agents") {
            let (agent, refused) = self.agent(name);
            crew = crew.agent(agent);
            reader.refused += refused;
        }
        for name in reader.names("tasks") {
            let (task, refused) = self.task(name);
            crew = crew.task(task);
            reader.refused += refused;
        }
        crew = set(crew, reader.text("name"), Crew::name);
        crew = set(crew, reader.word("process"), Crew::process);
        crew = set(crew, reader.boolean("memory"), Crew::memory);
        crew = set(crew, reader.text("project"), Crew::project);
        crew = set(crew, reader.content("inputs"), Crew::inputs);
        crew = set(crew, reader.boolean("inputs_present"), Crew::inputs_present);
        crew = set(crew, reader.boolean("share_crew"), Crew::share_crew);
        let made = (crew, reader.refused);
        self.crews.insert(name.to_owned(), made.clone());
        made
    }

    /// One line of a case: a call on telemetry, or `on` something that an earlier call has made `as` a name.
    pub(crate) fn make(&mut self, call: &Json) {
        let method = call["call"].as_str().unwrap();
        let mut reader = Reader::new(call);
        let on = call.get("on").and_then(Json::as_str);
        match on {
            None => self.on_telemetry(method, &mut reader),
            Some(on) if matches!(method, "forget" | "complete" | "fail" | "pause") => {
                end(self.runs.remove(on).unwrap(), method, &mut reader);
            }
            Some(on) if matches!(method, "task" | "share_formatted") => {
                let (task, _counted_with_its_crew) = self.task(call["task"].as_str().unwrap());
                let Some(Run::Crew(run)) = self.runs.get(on) else {
                    panic!("{on} is no crew's run");
                };
                if method == "task" {
                    let begun = Run::Task(run.task_started(&task));
                    self.runs
                        .insert(call["as"].as_str().unwrap().to_owned(), begun);
                } else {
                    let (description, expected) = (
                        reader.content("description"),
                        reader.content("expected_output"),
                    );
                    run.share_formatted(&task, description.as_ref(), expected.as_ref());
                }
            }
            Some(on) => on_run(&self.runs[on], method, &mut reader),
        }
        self.telemetry.refuse_values(reader.refused);
    }

    fn on_telemetry(&mut self, method: &str, reader: &mut Reader<'_>) {
        let telemetry = self.telemetry.clone();
        let partial = telemetry.partial();
        let made = match method {
            "crew" => {
                let (crew, refused) = self.crew(reader.values["crew"].as_str().unwrap());
                reader.refused += refused;
                Some(Run::Crew(telemetry.crew_started(&crew)))
            }
            "flow" => {
                let name = reader.text("name").map(Into::into);
                Some(Run::Flow(partial.flow_started(name, reader.word("origin"))))
            }
            "flow_resumed" => {
                let (name, origin) = (reader.text("name").map(Into::into), reader.word("origin"));
                let is_conversational = reader.boolean("is_conversational");
                Some(Run::Flow(partial.flow_resumed(
                    name,
                    origin,
                    is_conversational,
                )))
            }
            "deployment" => Some(Run::Deployment(partial.deployment(reader.word("source")))),
            _ => {
                record(&telemetry, method, reader);
                None
            }
        };
        if let Some(made) = made {
            self.runs
                .insert(reader.values["as"].as_str().unwrap().to_owned(), made);
        }
    }
}

/// Sets what was said.
fn set<D, V>(descriptor: D, value: Option<V>, setter: impl FnOnce(D, V) -> D) -> D {
    match value {
        Some(value) => setter(descriptor, value),
        None => descriptor,
    }
}

fn agent(values: &Json) -> (Agent, u64) {
    let mut reader = Reader::new(values);
    let mut agent = reader.text("role").map_or_else(Agent::default, Agent::new);
    agent = set(agent, reader.boolean("verbose"), Agent::verbose);
    agent = set(
        agent,
        reader.boolean("delegation_enabled"),
        Agent::delegation,
    );
    agent = set(
        agent,
        reader.boolean("code_execution_allowed"),
        Agent::code_execution,
    );
    agent = set(
        agent,
        reader.integer("max_iterations"),
        Agent::max_iterations,
    );
    agent = set(agent, reader.integer("max_rpm"), Agent::max_rpm);
    agent = set(
        agent,
        reader.integer("max_retry_limit"),
        Agent::max_retry_limit,
    );
    agent = set(
        agent,
        reader.text("function_calling_llm"),
        Agent::function_calling_llm,
    );
    agent = set(agent, reader.content("goal"), Agent::goal);
    agent = set(agent, reader.content("backstory"), Agent::backstory);
    agent = set(
        agent,
        reader.content("i18n_prompt_file"),
        Agent::i18n_prompt_file,
    );
    match values.get("llm") {
        Some(wrong) if wrong.get("wrong").is_some() => reader.refused += 1,
        Some(settings) => {
            let (llm, refused) = llm(settings);
            agent = agent.llm(llm);
            reader.refused += refused;
        }
        None => {}
    }
    let tools = reader.texts("tools").unwrap_or_default();
    (
        agent.tools(tools.iter().map(String::as_str)),
        reader.refused,
    )
}

fn llm(settings: &Json) -> (Llm, u64) {
    if let Some(model) = settings.as_str() {
        return (Llm::new(model), 0);
    }
    let mut reader = Reader::new(settings);
    let mut llm = reader.text("model").map_or_else(Llm::default, Llm::new);
    llm = set(llm, reader.text("name"), Llm::name);
    llm = set(llm, reader.text("model_name"), Llm::model_name);
    llm = set(llm, reader.number("top_k"), Llm::top_k);
    llm = set(llm, reader.number("temperature"), Llm::temperature);
    llm = set(llm, reader.text("class_name"), Llm::class_name);
    (llm, reader.refused)
}

/// Ends a run.
fn end(run: Run, how: &str, reader: &mut Reader<'_>) {
    match (run, how) {
        (run, "forget") => drop(run),
        (Run::Crew(run), "complete") => match reader.content("output") {
            Some(output) => run.complete_with(output),
            None => run.complete(),
        },
        (Run::Task(run), "complete") => match reader.content("output") {
            Some(output) => run.complete_with(output),
            None => run.complete(),
        },
        (Run::Task(run), "fail") => match reader.text("error") {
            Some(error) => run.fail(&error),
            None => run.fail_untyped(),
        },
        (Run::Crew(run), "fail") => run.fail(),
        (Run::Flow(run), "complete") => run.complete(),
        (Run::Flow(run), "fail") => run.fail(),
        (Run::Flow(run), "pause") => run.pause(),
        (_, how) => panic!("nothing of its kind ends by {how}"),
    }
}

/// A call on a run that goes on.
fn on_run(run: &Run, method: &str, reader: &mut Reader<'_>) {
    match (run, method) {
        (Run::Crew(run), "test_started") => {
            let (iterations, model) = (reader.integer("iterations"), reader.text("model"));
            let inputs = reader.content("inputs");
            run.partial()
                .test_started(iterations, model.as_deref(), inputs.as_ref());
        }
        (Run::Crew(run), "test_scored") => {
            let (quality, seconds) = (reader.number("quality"), reader.number("seconds"));
            run.partial()
                .test_scored(quality, seconds, reader.text("model").as_deref());
        }
        (Run::Crew(run), "share_execution") => {
            let (tasks_output, log) = (reader.content("tasks_output"), reader.content("log"));
            run.share_execution(tasks_output.as_ref(), log.as_ref());
        }
        (Run::Task(run), "share_input") => {
            if let Some(input) = reader.text("input") {
                run.share_input(input);
            }
        }
        (Run::Flow(run), "method_failed") => {
            run.partial().method_failed(reader.text("error").as_deref());
        }
        (Run::Deployment(run), "step") => run.partial().step(reader.word("step")),
        (Run::Deployment(run), "failed") => {
            run.partial()
                .failed(reader.word("reason"), reader.integer("status"));
        }
        (Run::Deployment(run), "logs_pulled") => {
            run.partial()
                .logs_pulled(reader.text("log_type").as_deref());
        }
        (_, method) => panic!("nothing of its kind has {method}"),
    }
}

/// A single event.
fn record(telemetry: &Telemetry, method: &str, reader: &mut Reader<'_>) {
    let partial = telemetry.partial();
    match method {
        "tool_used" | "tool_repeated" | "tool_failed" => {
            let (tool, attempts) = (reader.text("tool"), reader.integer("attempts"));
            let llm = reader.text("llm");
            match method {
                "tool_used" => partial.tool_used(tool.as_deref(), attempts, llm.as_deref()),
                "tool_repeated" => partial.tool_repeated(tool.as_deref(), attempts, llm.as_deref()),
                _ => partial.tool_failed(tool.as_deref(), attempts, llm.as_deref()),
            }
        }
        "flow_created" => {
            partial.flow_created(reader.text("name").as_deref(), reader.word("origin"))
        }
        "flow_plotted" => {
            partial.flow_plotted(reader.text("name").as_deref(), reader.word("origin"))
        }
        "feedback_requested" => {
            partial.feedback_requested(reader.boolean("has_routing"), reader.integer("outcomes"));
        }
        "feedback_received" => {
            partial.feedback_received(
                reader.boolean("was_given"),
                reader.text("outcome").as_deref(),
            );
        }
        "feature_used" => partial.feature_used(reader.text("feature").as_deref()),
        "evaluation_used" => {
            let (feature, authenticated) =
                (reader.text("feature"), reader.boolean("authenticated"));
            let models = reader.texts("models");
            let models: Option<Vec<&str>> = models
                .as_ref()
                .map(|models| models.iter().map(String::as_str).collect());
            partial.evaluation_used(feature.as_deref(), authenticated, models.as_deref());
        }
        "project_created" => {
            partial.project_created(reader.word("kind"), reader.text("project").as_deref())
        }
        "template_installed" => partial.template_installed(reader.text("template").as_deref()),
        method => panic!("telemetry has no {method}"),
    }
}
