//! Events of a process other than kickoffs: tests, deployments, flows, new projects.

use crate::crew::Crew;
use crate::draft::{Content, Draft};
use crate::python::Json;
use crate::random::Rng;
use crate::release::Release;
use crate::vocabulary::{ERROR_TYPES, FLOW_METHODS, TEMPLATES};

const SECOND: u64 = 1_000_000_000;

/// Builds successive spans, with the attributes that every span of the process has.
struct ProcessEvents<'a> {
    release: Release,
    common_attributes: Vec<(&'static str, Content)>,
    clock: u64,
    rng: &'a mut Rng,
    spans: Vec<Draft>,
}

impl<'a> ProcessEvents<'a> {
    fn of(crew: &Crew, release: Release, clock: u64, rng: &'a mut Rng) -> Self {
        Self {
            release,
            common_attributes: crew.machine.common_attributes(release),
            clock,
            rng,
            spans: Vec::new(),
        }
    }

    fn begin(&mut self, name: &'static str) -> Draft {
        let draft = Draft::instant(name, self.clock, self.rng);
        self.clock += SECOND;
        draft.with_all(self.common_attributes.clone())
    }

    /// Like [`Self::begin`], for spans that have the version since 1.15.16.
    fn begin_versioned_since_1_15_16(&mut self, name: &'static str) -> Draft {
        let versioned = self.release.versions_every_span();
        let version = self.release.text();
        self.begin(name)
            .with_if(versioned, "crewai_version", version)
    }

    fn begin_versioned(&mut self, name: &'static str) -> Draft {
        let version = self.release.text();
        self.begin(name).with("crewai_version", version)
    }
}

/// `crewai test`: a start, then a score for each task of each iteration. Numbers are sent as text.
pub(crate) fn test(crew: &Crew, release: Release, clock: u64, rng: &mut Rng) -> Vec<Draft> {
    let mut events = ProcessEvents::of(crew, release, clock, rng);
    let iterations = events.rng.between(1, 4);
    let (model, skill) = events.rng.weighted(&[
        (("gpt-4o-mini", 6.8), 5),
        (("gpt-4o", 8.1), 4),
        (("gpt-4.1-mini", 7.4), 2),
        (("anthropic/claude-sonnet-4-5", 8.8), 3),
        (("gemini/gemini-2.5-flash", 7.7), 2),
        (("ollama/llama3.1", 5.4), 2),
    ]);
    // The test runs a copy of the crew: a crew id that appears nowhere else.
    let copy_id = events.rng.uuid();
    let identify = |span: Draft| {
        span.with("crew_key", crew.key.clone())
            .with("crew_id", copy_id.clone())
    };
    let span = identify(events.begin_versioned("Crew Test Execution"))
        .with("iterations", iterations.to_string())
        .with("model_name", model)
        .with_if(crew.shares, "inputs", r#"{"topic": "tram lines"}"#);
    events.spans.push(span);
    for _ in 0..iterations {
        for task in &crew.tasks {
            let quality = (skill + 3.0 * (events.rng.unit() - 0.5)).clamp(1.0, 10.0);
            let seconds = events.rng.log_normal(task.seconds, 0.4);
            let seconds = if release.since(1, 0, 0) {
                (seconds as i64).to_string()
            } else {
                seconds.to_string()
            };
            let span = identify(events.begin_versioned("Crew Individual Test Result"))
                .with("quality", format!("{:?}", (quality * 4.0).round() / 4.0))
                .with("exec_time", seconds)
                .with("model_name", model);
            events.spans.push(span);
        }
    }
    events.spans
}

/// `crewai deploy`: a funnel from the sign-up to the logs.
pub(crate) fn deploy(crew: &Crew, release: Release, clock: u64, rng: &mut Rng) -> Vec<Draft> {
    let mut events = ProcessEvents::of(crew, release, clock, rng);
    if events.rng.random_bool(0.3) {
        let span = events.begin_versioned_since_1_15_16("Deploy Signup Error");
        events.spans.push(span);
        return events.spans;
    }
    let has_source = release.since(1, 15, 16);
    let source = events.rng.pick(&["cli", "cli", "tui"]);
    let deployment = events.rng.uuid();
    let span = events
        .begin_versioned_since_1_15_16("Create Crew Deployment")
        .with_if(has_source, "source", source);
    events.spans.push(span);
    if events.rng.random_bool(0.35) {
        if release.since(1, 15, 22) {
            let (reason, status) = events.rng.pick(&[
                ("api_4xx", Some(422)),
                ("api_5xx", Some(502)),
                ("network_error", None),
                ("user_declined", None),
            ]);
            let mut span = events
                .begin_versioned("Crew Deployment Failed")
                .with("reason", reason);
            if let Some(status) = status {
                span = span.with("status_code", Content::Integer(status));
            }
            events.spans.push(span.with("source", source));
        }
        return events.spans;
    }
    if release.since(1, 15, 18) {
        let span = events
            .begin_versioned("Crew Deployment Created")
            .with("uuid", deployment.clone())
            .with("source", source);
        events.spans.push(span);
    }
    let span = events
        .begin_versioned_since_1_15_16("Start Deployment")
        .with("uuid", deployment.clone())
        .with_if(has_source, "source", source);
    events.spans.push(span);
    if events.rng.random_bool(0.6) {
        let log_type = events.rng.pick(&["deployment", "execution"]);
        let span = events
            .begin_versioned_since_1_15_16("Get Crew Logs")
            .with("log_type", log_type)
            .with("uuid", deployment.clone());
        events.spans.push(span);
    }
    if events.rng.random_bool(0.15) {
        let span = events
            .begin_versioned_since_1_15_16("Remove Crew")
            .with("uuid", deployment);
        events.spans.push(span);
    }
    events.spans
}

/// A flow of the user around the crew; `seconds` is the duration of the crew.
pub(crate) fn flow(
    crew: &Crew,
    flow_name: &'static str,
    release: Release,
    (clock, seconds): (u64, f64),
    rng: &mut Rng,
) -> Vec<Draft> {
    let mut events = ProcessEvents::of(crew, release, clock, rng);
    let (origin, version_on_creation) = (release.since(1, 15, 15), release.since(1, 15, 2));
    let methods: Vec<&str> = FLOW_METHODS[..events.rng.between(2, 6)].to_vec();
    let creation = events
        .begin("Flow Creation")
        .with_if(version_on_creation, "crewai_version", release.text())
        .with("flow_name", flow_name);
    events.spans.push(creation);
    let execution = events
        .begin("Flow Execution")
        .with_if(release.since(1, 15, 0), "crewai_version", release.text())
        .with("flow_name", flow_name)
        .with(
            "node_names",
            &Json::texts(methods.iter().map(|method| (*method).to_owned())),
        )
        .with_if(origin, "origin", "user")
        .with_if(origin, "resumed", "false")
        .with_if(release.since(1, 15, 16), "conversational", "false");
    events.spans.push(execution);
    events.clock += (seconds * SECOND as f64) as u64;
    if origin {
        complete_flow(&mut events, flow_name, seconds);
    }
    events.spans
}

fn complete_flow(events: &mut ProcessEvents<'_>, flow_name: &'static str, seconds: f64) {
    let named = events.release.since(1, 15, 16);
    if events.rng.random_bool(0.08) {
        let span = events
            .begin_versioned("Flow Paused")
            .with("flow_name", flow_name)
            .with("origin", "user");
        events.spans.push(span);
        return;
    }
    // About every sixth flow ends in an error.
    let failed = events.rng.random_bool(0.17);
    let error_type = events.rng.weighted(ERROR_TYPES);
    if failed {
        let span = events
            .begin_versioned("Flow Method Failed")
            .with("flow_name", flow_name)
            .with("origin", "user")
            .with_if(named, "error_type", error_type);
        events.spans.push(span);
    }
    let span = events
        .begin_versioned("Flow Completed")
        .with("flow_name", flow_name)
        .with("duration_ms", seconds * 1_000.0)
        .with("outcome", if failed { "failed" } else { "completed" })
        .with("origin", "user")
        .with_if(named, "conversational", "false")
        .with_if(named && failed, "error_type", error_type);
    events.spans.push(span);
}

/// `crewai create` and the like, on the newest releases.
pub(crate) fn set_up_project(
    crew: &Crew,
    release: Release,
    clock: u64,
    rng: &mut Rng,
) -> Vec<Draft> {
    let mut events = ProcessEvents::of(crew, release, clock, rng);
    if events.rng.random_bool(0.3) {
        let template = events.rng.pick(TEMPLATES);
        let span = events
            .begin_versioned("Template Installed")
            .with("template_name", template);
        events.spans.push(span);
    } else {
        let kind = events
            .rng
            .weighted(&[("crew", 6), ("flow", 3), ("json_crew", 1)]);
        let project = if events.rng.random_bool(0.9) {
            events.rng.uuid()
        } else {
            String::new()
        };
        let span = events
            .begin_versioned("Project Created")
            .with("kind", kind)
            .with("created_project_id", project);
        events.spans.push(span);
    }
    events.spans
}
