//! One task within a run: its two spans, its agent's tools, the internal flow of newer releases, the human asked.

use crate::draft::{Content, Draft};
use crate::members;
use crate::run::{MILLISECOND, Run};
use crate::vocabulary::{ERROR_TYPES, snake_case};

const SECOND: f64 = 1e9;

impl Run<'_> {
    /// Whether the task failed.
    pub(crate) fn perform_task(&mut self, index: usize) -> bool {
        let crew = self.crew;
        let task = &crew.tasks[index];
        for _ in 0..self.release.task_created_times() {
            if self.release.creates_tasks() {
                self.create_task(index);
            }
        }
        let began = self.clock;
        let seconds = self.rng.log_normal(task.seconds, 0.5).max(0.05);
        let ends = began + (seconds * SECOND) as u64;
        self.use_tools(index, began, ends);
        let failed = self.rng.random_bool(task.failure_probability);
        if self.release.runs_agents_as_flows() {
            self.run_agent_flow(began, ends, failed);
        }
        if task.human_input && self.release.since(1, 8, 0) {
            self.ask_human(ends);
        }
        self.clock = ends;
        if self.release.executes_tasks() {
            self.end_task(index, began, failed);
        }
        failed
    }

    fn task_attributes(&self, index: usize) -> Vec<(&'static str, Content)> {
        let mut attributes: Vec<(&'static str, Content)> = Vec::with_capacity(10);
        if self.release.versions_every_span() {
            attributes.push(("crewai_version", self.release.text().into()));
        }
        if self.release.has_keys() {
            attributes.push(("crew_key", self.crew.key.clone().into()));
            attributes.push(("crew_id", self.identity.crew_id.clone().into()));
        }
        if self.release.has_fingerprints() {
            let fingerprint = self.identity.crew_fingerprint.clone();
            attributes.push(("crew_fingerprint", fingerprint.into()));
        }
        if self.release.has_keys() {
            attributes.push(("task_key", self.crew.tasks[index].key.clone().into()));
        }
        attributes.push(("task_id", self.identity.task_ids[index].clone().into()));
        attributes
    }

    fn agent_attributes(&self, index: usize) -> Vec<(&'static str, Content)> {
        let agent = self.crew.tasks[index].agent;
        let mut attributes: Vec<(&'static str, Content)> = Vec::with_capacity(3);
        if self.release.has_fingerprints() {
            let fingerprint = self.identity.agent_fingerprints[agent].clone();
            attributes.push(("agent_fingerprint", fingerprint.into()));
        }
        if self.release.since(0, 186, 0) {
            attributes.push(("agent_role", self.crew.agents[agent].role.into()));
        }
        attributes
    }

    /// Attributes that only shared crews send; releases 0.35.0 to 0.36.1 send them for everyone.
    fn formatted_attributes(&self, index: usize) -> Vec<(&'static str, Content)> {
        let task = &self.crew.tasks[index];
        let ungated = self.release.sends_content_ungated() && !self.release.has_keys();
        if !self.crew.shares && !ungated {
            return Vec::new();
        }
        vec![
            (
                "formatted_description",
                self.formatted(task.description).into(),
            ),
            ("formatted_expected_output", task.expected_output.into()),
        ]
    }

    fn create_task(&mut self, index: usize) {
        let mut span = self
            .begin("Task Created")
            .with_all(self.task_attributes(index));
        if self.release.has_fingerprints() {
            let fingerprint = self.identity.task_fingerprints[index].clone();
            span = span
                .with("task_fingerprint", fingerprint)
                .with("task_fingerprint_created_at", self.identity.made_at.clone());
        }
        span = span
            .with_all(self.agent_attributes(index))
            .with_all(self.formatted_attributes(index));
        self.finish(span);
    }

    fn end_task(&mut self, index: usize, began: u64, failed: bool) {
        let mut span = Draft::lasting("Task Execution", began, self.clock, self.rng)
            .with_all(self.common_attributes.clone())
            .with_all(self.task_attributes(index))
            .with_all(self.agent_attributes(index))
            .with_all(self.formatted_attributes(index));
        if self.release.has_fingerprints() {
            let fingerprint = self.identity.task_fingerprints[index].clone();
            span = span.with("task_fingerprint", fingerprint);
        }
        let output = format!(
            "Done: {}",
            self.formatted(self.crew.tasks[index].description)
        );
        if !self.release.has_keys() {
            span = span.with("output", output);
        } else if self.crew.shares && !failed {
            span = span.with("task_output", output);
        }
        // Until 1.15.17 a failed task ended as if all were well.
        if failed && self.release.spells_booleans() {
            let error_type = self.rng.weighted(ERROR_TYPES);
            span = span.with("error_type", error_type).failed(true);
        }
        self.clock += 2 * MILLISECOND;
        self.finish(span);
    }

    fn use_tools(&mut self, index: usize, began: u64, ends: u64) {
        let crew = self.crew;
        let agent = &crew.agents[crew.tasks[index].agent];
        // Calls by the model's own protocol report nothing.
        if self.release.has_native_tool_calls() && !crew.calls_tools_in_text {
            return;
        }
        for tool in &agent.tools {
            for _ in 0..self.rng.between(0, 2) {
                let at = began + self.rng.below((ends - began) as usize) as u64;
                self.use_tool(tool, agent.function_calling_model, at);
            }
        }
        if crew.hierarchical {
            self.use_tool("Delegate work to coworker", None, began + MILLISECOND);
        }
    }

    fn use_tool(&mut self, tool: &str, model: Option<&'static str>, at: u64) {
        let spelled = if self.release.has_native_tool_calls() {
            snake_case(tool)
        } else {
            tool.to_owned()
        };
        let mut draft = |name: &'static str| {
            Draft::instant(name, at, self.rng).with_all(self.common_attributes.clone())
        };
        let kind = draft("Tool Usage").trace_id[0];
        let version = self.release.text();
        // About one call in fourteen goes wrong, one in thirty is a repetition.
        let mut span = match kind {
            0..=17 => draft("Tool Usage Error")
                .with("crewai_version", version)
                .with_if(self.release.since(1, 15, 0), "tool_name", spelled),
            18..=26 => draft("Tool Repeated Usage")
                .with("crewai_version", version)
                .with("tool_name", spelled)
                .with("attempts", 1_usize),
            _ => draft("Tool Usage")
                .with("crewai_version", version)
                .with("tool_name", spelled)
                .with("attempts", 1 + usize::from(kind > 235)),
        };
        if let Some(model) = model {
            let nested = || {
                let model = &self.crew.agents[0].model;
                members::nested_model(model, self.release)
            };
            let text = if self.release.nests_model_json() {
                nested()
            } else {
                model.to_owned()
            };
            span = span.with("llm", text);
        }
        self.finish(span);
    }

    fn run_agent_flow(&mut self, began: u64, ends: u64, failed: bool) {
        let origin = self.release.since(1, 15, 15);
        let conversational = self.release.since(1, 15, 16);
        let span = Draft::instant("Flow Execution", began, self.rng)
            .with_all(self.common_attributes.clone())
            .with("crewai_version", self.release.text())
            .with("flow_name", "AgentExecutor")
            .with("node_names", r#"["generate_plan", "check_todos_available", "call_llm_and_parse", "execute_tool_action", "finalize"]"#)
            .with_if(origin, "origin", "internal")
            .with_if(origin, "resumed", "false")
            .with_if(conversational, "conversational", "false");
        self.finish(span);
        if origin {
            let outcome = if failed { "failed" } else { "completed" };
            let milliseconds = (ends - began) as f64 / MILLISECOND as f64;
            let span = Draft::instant("Flow Completed", ends - MILLISECOND / 2, self.rng)
                .with_all(self.common_attributes.clone())
                .with("crewai_version", self.release.text())
                .with("flow_name", "AgentExecutor")
                .with("duration_ms", milliseconds)
                .with("outcome", outcome)
                .with("origin", "internal")
                .with_if(conversational, "conversational", "false");
            self.finish(span);
        }
    }

    fn ask_human(&mut self, at: u64) {
        let versioned = self.release.versions_every_span();
        let answered = self.rng.random_bool(0.8);
        for (event, later) in [("requested", 0), ("received", 20_000 * MILLISECOND)] {
            let received = event == "received";
            let span = Draft::instant("Human Feedback", at + later, self.rng)
                .with_all(self.common_attributes.clone())
                .with_if(versioned, "crewai_version", self.release.text())
                .with("event_type", event)
                .with("has_routing", false)
                .with("num_outcomes", 0_usize)
                .with_if(received, "feedback_provided", answered);
            self.finish(span);
        }
    }
}
