//! What processes do besides kicking off crews: test them, deploy them, call them from flows, set up projects.

use crate::chance::Chance;
use crate::crew::Crew;
use crate::draft::{Content, Draft};
use crate::python::Json;
use crate::release::Release;
use crate::vocabulary::{ERROR_TYPES, FLOW_METHODS, TEMPLATES};

const SECOND: u64 = 1_000_000_000;

/// Makes spans that follow each other, with the attributes that every span of the process carries.
struct Errand<'a> {
    release: Release,
    stamps: Vec<(&'static str, Content)>,
    clock: u64,
    chance: &'a mut Chance,
    spans: Vec<Draft>,
}

impl<'a> Errand<'a> {
    fn of(crew: &Crew, release: Release, clock: u64, chance: &'a mut Chance) -> Self {
        Self {
            release,
            stamps: crew.machine.stamps(release),
            clock,
            chance,
            spans: Vec::new(),
        }
    }

    fn begin(&mut self, name: &'static str) -> Draft {
        let draft = Draft::instant(name, self.clock, self.chance);
        self.clock += SECOND;
        draft.with_all(self.stamps.clone())
    }

    /// As [`Self::begin`], for the spans that carry the version only since 1.15.16.
    fn begin_lately_versioned(&mut self, name: &'static str) -> Draft {
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

/// `crewai test`: a start, then a score for each task of each iteration. Numbers travel as text.
pub(crate) fn test(crew: &Crew, release: Release, clock: u64, chance: &mut Chance) -> Vec<Draft> {
    let mut errand = Errand::of(crew, release, clock, chance);
    let iterations = errand.chance.between(1, 4);
    let (model, skill) = errand.chance.weighted(&[
        (("gpt-4o-mini", 6.8), 5),
        (("gpt-4o", 8.1), 4),
        (("gpt-4.1-mini", 7.4), 2),
        (("anthropic/claude-sonnet-4-5", 8.8), 3),
        (("gemini/gemini-2.5-flash", 7.7), 2),
        (("ollama/llama3.1", 5.4), 2),
    ]);
    // The test runs a copy of the crew: a crew id that appears nowhere else.
    let copy_id = errand.chance.uuid();
    let identify = |span: Draft| {
        span.with("crew_key", crew.key.clone())
            .with("crew_id", copy_id.clone())
    };
    let span = identify(errand.begin_versioned("Crew Test Execution"))
        .with("iterations", iterations.to_string())
        .with("model_name", model)
        .with_if(crew.shares, "inputs", r#"{"topic": "tram lines"}"#);
    errand.spans.push(span);
    for _ in 0..iterations {
        for task in &crew.tasks {
            let quality = (skill + 3.0 * (errand.chance.unit() - 0.5)).clamp(1.0, 10.0);
            let seconds = errand.chance.long_tailed(task.seconds, 0.4);
            let seconds = if release.since(1, 0, 0) {
                (seconds as i64).to_string()
            } else {
                seconds.to_string()
            };
            let span = identify(errand.begin_versioned("Crew Individual Test Result"))
                .with("quality", format!("{:?}", (quality * 4.0).round() / 4.0))
                .with("exec_time", seconds)
                .with("model_name", model);
            errand.spans.push(span);
        }
    }
    errand.spans
}

/// `crewai deploy`: fewer at each step, from the sign-up to the logs.
pub(crate) fn deploy(crew: &Crew, release: Release, clock: u64, chance: &mut Chance) -> Vec<Draft> {
    let mut errand = Errand::of(crew, release, clock, chance);
    if errand.chance.odds(0.3) {
        let span = errand.begin_lately_versioned("Deploy Signup Error");
        errand.spans.push(span);
        return errand.spans;
    }
    let has_source = release.since(1, 15, 16);
    let source = errand.chance.pick(&["cli", "cli", "tui"]);
    let deployment = errand.chance.uuid();
    let span = errand
        .begin_lately_versioned("Create Crew Deployment")
        .with_if(has_source, "source", source);
    errand.spans.push(span);
    if errand.chance.odds(0.35) {
        if release.since(1, 15, 22) {
            let (reason, status) = errand.chance.pick(&[
                ("api_4xx", Some(422)),
                ("api_5xx", Some(502)),
                ("network_error", None),
                ("user_declined", None),
            ]);
            let mut span = errand
                .begin_versioned("Crew Deployment Failed")
                .with("reason", reason);
            if let Some(status) = status {
                span = span.with("status_code", Content::Integer(status));
            }
            errand.spans.push(span.with("source", source));
        }
        return errand.spans;
    }
    if release.since(1, 15, 18) {
        let span = errand
            .begin_versioned("Crew Deployment Created")
            .with("uuid", deployment.clone())
            .with("source", source);
        errand.spans.push(span);
    }
    let span = errand
        .begin_lately_versioned("Start Deployment")
        .with("uuid", deployment.clone())
        .with_if(has_source, "source", source);
    errand.spans.push(span);
    if errand.chance.odds(0.6) {
        let log_type = errand.chance.pick(&["deployment", "execution"]);
        let span = errand
            .begin_lately_versioned("Get Crew Logs")
            .with("log_type", log_type)
            .with("uuid", deployment.clone());
        errand.spans.push(span);
    }
    if errand.chance.odds(0.15) {
        let span = errand
            .begin_lately_versioned("Remove Crew")
            .with("uuid", deployment);
        errand.spans.push(span);
    }
    errand.spans
}

/// A flow of the user's own around the crew; `seconds` is how long the crew took.
pub(crate) fn flow(
    crew: &Crew,
    flow_name: &'static str,
    release: Release,
    (clock, seconds): (u64, f64),
    chance: &mut Chance,
) -> Vec<Draft> {
    let mut errand = Errand::of(crew, release, clock, chance);
    let (origin, version_on_creation) = (release.since(1, 15, 15), release.since(1, 15, 2));
    let methods: Vec<&str> = FLOW_METHODS[..errand.chance.between(2, 6)].to_vec();
    let creation = errand
        .begin("Flow Creation")
        .with_if(version_on_creation, "crewai_version", release.text())
        .with("flow_name", flow_name);
    errand.spans.push(creation);
    let execution = errand
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
    errand.spans.push(execution);
    errand.clock += (seconds * SECOND as f64) as u64;
    if origin {
        complete_flow(&mut errand, flow_name, seconds);
    }
    errand.spans
}

fn complete_flow(errand: &mut Errand<'_>, flow_name: &'static str, seconds: f64) {
    let named = errand.release.since(1, 15, 16);
    if errand.chance.odds(0.08) {
        let span = errand
            .begin_versioned("Flow Paused")
            .with("flow_name", flow_name)
            .with("origin", "user");
        errand.spans.push(span);
        return;
    }
    // About every sixth flow ends in an error.
    let failed = errand.chance.odds(0.17);
    let error_type = errand.chance.weighted(ERROR_TYPES);
    if failed {
        let span = errand
            .begin_versioned("Flow Method Failed")
            .with("flow_name", flow_name)
            .with("origin", "user")
            .with_if(named, "error_type", error_type);
        errand.spans.push(span);
    }
    let span = errand
        .begin_versioned("Flow Completed")
        .with("flow_name", flow_name)
        .with("duration_ms", seconds * 1_000.0)
        .with("outcome", if failed { "failed" } else { "completed" })
        .with("origin", "user")
        .with_if(named, "conversational", "false")
        .with_if(named && failed, "error_type", error_type);
    errand.spans.push(span);
}

/// `crewai create` and the like, on the newest releases.
pub(crate) fn set_up_project(
    crew: &Crew,
    release: Release,
    clock: u64,
    chance: &mut Chance,
) -> Vec<Draft> {
    let mut errand = Errand::of(crew, release, clock, chance);
    if errand.chance.odds(0.3) {
        let template = errand.chance.pick(TEMPLATES);
        let span = errand
            .begin_versioned("Template Installed")
            .with("template_name", template);
        errand.spans.push(span);
    } else {
        let kind = errand
            .chance
            .weighted(&[("crew", 6), ("flow", 3), ("json_crew", 1)]);
        let project = if errand.chance.odds(0.9) {
            errand.chance.uuid()
        } else {
            String::new()
        };
        let span = errand
            .begin_versioned("Project Created")
            .with("kind", kind)
            .with("created_project_id", project);
        errand.spans.push(span);
    }
    errand.spans
}
