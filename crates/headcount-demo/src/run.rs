//! One kickoff of a crew: the spans that its process would send, in the order in which they end.

use crate::calendar::iso_text;
use crate::crew::Crew;
use crate::draft::{Content, Draft};
use crate::members::{self, Identity};
use crate::python::Json;
use crate::random::Rng;
use crate::release::Release;
use crate::vocabulary::{FEATURES, TOPICS};

pub(crate) const MILLISECOND: u64 = 1_000_000;

/// Spans of a crew's run. `clock` is where it begins and, afterwards, where it ended (nanoseconds since 1970 UTC).
pub(crate) fn kickoff(
    crew: &Crew,
    release: Release,
    first_of_process: bool,
    clock: &mut u64,
    rng: &mut Rng,
) -> Vec<Draft> {
    let mut run = Run {
        crew,
        release,
        common_attributes: crew.machine.common_attributes(release),
        identity: identify(crew, *clock, rng),
        topic: rng.pick(TOPICS),
        clock: *clock,
        rng,
        spans: Vec::with_capacity(24),
    };
    run.perform(first_of_process);
    *clock = run.clock;
    let mut spans = run.spans;
    spans.sort_by_key(|span| span.end);
    spans
}

fn identify(crew: &Crew, now: u64, rng: &mut Rng) -> Identity {
    let mut uuids = |count: usize| (0..count).map(|_| rng.uuid()).collect::<Vec<_>>();
    Identity {
        agent_ids: uuids(crew.agents.len()),
        agent_fingerprints: uuids(crew.agents.len()),
        task_ids: uuids(crew.tasks.len()),
        task_fingerprints: uuids(crew.tasks.len()),
        crew_id: rng.uuid(),
        crew_fingerprint: rng.uuid(),
        made_at: iso_text(now),
    }
}

pub(crate) struct Run<'a> {
    pub(crate) crew: &'a Crew,
    pub(crate) release: Release,
    pub(crate) common_attributes: Vec<(&'static str, Content)>,
    pub(crate) identity: Identity,
    pub(crate) topic: &'static str,
    pub(crate) clock: u64,
    pub(crate) rng: &'a mut Rng,
    pub(crate) spans: Vec<Draft>,
}

impl Run<'_> {
    fn perform(&mut self, first_of_process: bool) {
        let began = self.clock;
        if first_of_process {
            self.announce_process();
        }
        self.create_crew();
        self.count_features();
        let mut failed = false;
        for index in 0..self.crew.tasks.len() {
            failed = self.perform_task(index);
            if failed {
                break;
            }
        }
        self.clock += 4 * MILLISECOND;
        self.complete_crew(began, failed);
        if self.crew.shares && self.release.executes_crews() && !failed {
            self.report_execution(began);
        }
    }

    pub(crate) fn begin(&mut self, name: &'static str) -> Draft {
        let draft = Draft::instant(name, self.clock, self.rng);
        self.clock += 3 * MILLISECOND;
        draft.with_all(self.common_attributes.clone())
    }

    pub(crate) fn finish(&mut self, span: Draft) {
        self.spans.push(span);
    }

    fn announce_process(&mut self) {
        if self.release.since(1, 11, 1) {
            let tool = match self.crew.machine.coding_agent {
                "claude_code" => "cc_env",
                "codex" => "codex_env",
                "cursor" => "cursor_env",
                _ => "default_env",
            };
            let version = self.release.text();
            let span = self.begin("Environment Context");
            self.finish(span.with("crewai_version", version).with("tool", tool));
        }
        if self.release.since(1, 15, 11) {
            self.count_feature(format!("coding_agent:{}", self.crew.machine.coding_agent));
        }
    }

    fn count_feature(&mut self, feature: impl Into<Content>) {
        let version = self.release.text();
        let span = self.begin("Feature Usage");
        self.finish(
            span.with("crewai_version", version)
                .with("feature", feature),
        );
    }

    fn count_features(&mut self) {
        for (feature, (major, minor, patch), probability) in FEATURES {
            if self.release.since(*major, *minor, *patch) && self.rng.random_bool(*probability) {
                self.count_feature(*feature);
            }
        }
        if self.release.since(1, 15, 23) && self.rng.random_bool(0.03) {
            let signed_in = if self.rng.random_bool(0.5) {
                "true"
            } else {
                "false"
            };
            self.count_feature("cli_usage:eval");
            if let Some(span) = self.spans.last_mut() {
                span.attributes.push(("authenticated", signed_in.into()));
            }
        }
        if self.crew.memory && self.release.since(1, 13, 0) {
            for feature in ["memory:query", "memory:retrieval", "memory:save"] {
                self.count_feature(feature);
            }
        }
    }

    fn create_crew(&mut self) {
        let (crew, release) = (self.crew, self.release);
        let memory: Content = if release.spells_booleans() {
            if crew.memory {
                "true".into()
            } else {
                "false".into()
            }
        } else {
            crew.memory.into()
        };
        let inputs = if crew.takes_inputs { "true" } else { "false" };
        let process = if crew.hierarchical {
            "hierarchical"
        } else {
            "sequential"
        };
        let (fingerprint, made_at) = (
            self.identity.crew_fingerprint.clone(),
            self.identity.made_at.clone(),
        );
        let mut span = self
            .begin("Crew Created")
            .with("crewai_version", release.text())
            .with("python_version", crew.machine.python)
            .with_if(release.has_keys(), "crew_key", crew.key.clone());
        span = span
            .with("crew_id", self.identity.crew_id.clone())
            .with_if(release.has_fingerprints(), "crew_fingerprint", fingerprint)
            .with("crew_process", process)
            .with_if(!release.since(0, 32, 3), "crew_language", "en")
            .with("crew_memory", memory)
            .with_if(release.spells_booleans(), "crew_inputs_present", inputs)
            .with("crew_number_of_tasks", crew.tasks.len())
            .with("crew_number_of_agents", crew.agents.len())
            .with_if(
                release.has_fingerprints(),
                "crew_fingerprint_created_at",
                made_at,
            )
            .with_if(
                crew.fingerprint_metadata,
                "crew_fingerprint_metadata",
                r#"{"team": "growth", "owner": "tobias"}"#,
            );
        span = self.with_members(span);
        self.finish(span);
    }

    fn with_members(&mut self, mut span: Draft) -> Draft {
        let (crew, release) = (self.crew, self.release);
        if release.lists_members(crew.shares) {
            let mut agents = members::agents(crew, release, &self.identity).dumps();
            // A host's OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT cuts in the middle, without a mark.
            if self.rng.random_bool(0.004) {
                agents.truncate(300);
            }
            let tasks = members::tasks(crew, release, &self.identity);
            span = span.with("crew_agents", agents).with("crew_tasks", &tasks);
        }
        if crew.shares || release.sends_platform_ungated() {
            span = span.with_all(crew.machine.platform_attributes());
        }
        if crew.shares && release.has_keys() && crew.takes_inputs {
            span = span.with("crew_inputs", &self.inputs());
        }
        span
    }

    fn inputs(&self) -> Json {
        Json::Object(vec![("topic", Json::text(self.topic))])
    }

    pub(crate) fn formatted(&self, template: &str) -> String {
        template.replace("{topic}", self.topic)
    }

    fn complete_crew(&mut self, began: u64, failed: bool) {
        if !self.release.since(1, 15, 19) {
            return;
        }
        let milliseconds = (self.clock - began) as f64 / MILLISECOND as f64;
        let outcome = if failed { "failed" } else { "completed" };
        let (key, id, fingerprint) = (
            self.crew.key.clone(),
            self.identity.crew_id.clone(),
            self.identity.crew_fingerprint.clone(),
        );
        let version = self.release.text();
        let span = self
            .begin("Crew Completed")
            .with("crewai_version", version)
            .with("crew_key", key)
            .with("crew_id", id)
            .with("crew_fingerprint", fingerprint)
            .with("duration_ms", milliseconds)
            .with("outcome", outcome);
        self.finish(span);
    }

    /// The whole record of a shared crew.
    fn report_execution(&mut self, began: u64) {
        let (crew, release) = (self.crew, self.release);
        let output = |index: usize| {
            let description = self.formatted(crew.tasks[index].description);
            Json::Object(vec![
                ("id", Json::text(self.identity.task_ids[index].clone())),
                ("description", Json::text(description.clone())),
                ("output", Json::text(format!("Done: {description}"))),
            ])
        };
        let outputs = Json::List((0..crew.tasks.len()).map(output).collect());
        let inputs_key = if release.has_keys() {
            "crew_inputs"
        } else {
            "inputs"
        };
        let has_inputs = crew.takes_inputs && release.since(0, 35, 0);
        let span = Draft::lasting("Crew Execution", began, self.clock, self.rng)
            .with_all(self.common_attributes.clone())
            .with_if(release.has_keys(), "crew_key", crew.key.clone())
            .with("crew_id", self.identity.crew_id.clone())
            .with_if(has_inputs, inputs_key, &self.inputs())
            .with(
                "crew_agents",
                &members::executed_agents(crew, release, &self.identity),
            )
            .with(
                "crew_tasks",
                &members::executed_tasks(crew, release, &self.identity),
            )
            .with("crewai_version", release.text())
            .with("crew_output", format!("All about {}.", self.topic))
            .with("crew_tasks_output", &outputs);
        self.finish(span);
    }
}
