//! The week looks like CrewAI's traffic: checked with the collector's own reader.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use headcount_demo::{DEFAULT_CREWS, Week};
use headcount_wire::{Span, TraceRequest, Value};

/// 2026-11-23T00:00:00Z.
fn monday() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_392_000)
}

fn text<'a>(span: &Span<'a, '_>, key: &str) -> Option<&'a str> {
    span.attributes
        .iter()
        .find_map(|attribute| match attribute.value {
            Value::String(text) if attribute.key == key => Some(text),
            _ => None,
        })
}

fn for_each_span(mut look: impl FnMut(&str, &Span<'_, '_>)) {
    for body in Week::new(1, monday(), DEFAULT_CREWS) {
        let request = TraceRequest::parse(&body.bytes).unwrap();
        assert_eq!(request.span_count() as u64, body.spans);
        for group in request.groups() {
            for raw in group.spans() {
                let mut scratch = Vec::new();
                look(group.scope_name(), &raw.parse(&mut scratch).unwrap());
            }
        }
    }
}

#[test]
fn a_default_week_has_about_twenty_thousand_spans_of_many_crews() {
    let (mut spans, mut crews, mut versions) = (0, BTreeSet::new(), BTreeSet::new());
    for_each_span(|_, span| {
        spans += 1;
        if span.name == "Crew Created" {
            versions.insert(text(span, "crewai_version").unwrap().to_owned());
            crews.extend(text(span, "crew_key").map(str::to_owned));
        }
    });
    assert!((16_000..26_000).contains(&spans), "{spans} spans");
    assert!(crews.len() > 300, "{} keys", crews.len());
    assert!(versions.len() >= 14, "{versions:?}");
}

#[test]
fn equal_seeds_give_equal_bytes() {
    let bodies = |seed| Week::new(seed, monday(), 40).collect::<Vec<_>>();
    assert_eq!(bodies(3), bodies(3));
    assert_ne!(bodies(3), bodies(4));
}

#[test]
fn every_span_lies_in_the_week() {
    let end = 1_795_392_000_000_000_000;
    for_each_span(|_, span| {
        assert!(span.start_unix_nano >= end - 7 * 86_400 * 1_000_000_000);
        assert!(span.end_unix_nano >= span.start_unix_nano);
        assert!(span.end_unix_nano <= end, "{}", span.name);
    });
}

#[test]
fn every_kind_of_span_occurs() {
    let mut names = BTreeMap::new();
    for_each_span(|scope, span| {
        if scope == "crewai.telemetry" {
            *names.entry(span.name.to_owned()).or_insert(0) += 1;
        }
    });
    for name in [
        "Crew Created",
        "Crew Execution",
        "Crew Completed",
        "Task Created",
        "Task Execution",
        "Tool Usage",
        "Tool Repeated Usage",
        "Tool Usage Error",
        "Crew Individual Test Result",
        "Crew Test Execution",
        "Deploy Signup Error",
        "Start Deployment",
        "Create Crew Deployment",
        "Crew Deployment Created",
        "Crew Deployment Failed",
        "Get Crew Logs",
        "Remove Crew",
        "Project Created",
        "Template Installed",
        "Flow Creation",
        "Flow Execution",
        "Flow Completed",
        "Flow Paused",
        "Flow Method Failed",
        "Human Feedback",
        "Environment Context",
        "Feature Usage",
    ] {
        assert!(names.contains_key(name), "no {name} in {names:?}");
    }
}

#[test]
fn content_comes_from_sharers_and_from_the_releases_that_sent_it_of_everyone() {
    let (mut plain, mut shared, mut ungated) = (0, 0, 0);
    for_each_span(|_, span| {
        let Some(agents) = text(span, "crew_agents").filter(|_| span.name == "Crew Created") else {
            return;
        };
        let version = text(span, "crewai_version").unwrap();
        match (agents.contains("\"goal\": "), version) {
            (true, "0.36.1" | "0.51.0") => ungated += 1,
            (true, _) => shared += 1,
            (false, _) => plain += 1,
        }
        // Nothing but the shape of a key may tell a sharer from another: the platform goes with the goals.
        if version.starts_with("1.") {
            assert_eq!(
                agents.contains("\"goal\": "),
                text(span, "platform").is_some()
            );
        }
    });
    assert!(
        ungated > 0 && shared > 5 && shared * 10 < plain,
        "{plain} {shared} {ungated}"
    );
}

#[test]
fn there_is_something_to_refuse() {
    let (mut foreign, mut metadata, mut cut) = (0, 0, 0);
    for_each_span(|scope, span| {
        foreign += usize::from(scope != "crewai.telemetry");
        metadata += usize::from(text(span, "crew_fingerprint_metadata").is_some());
        cut += usize::from(text(span, "crew_agents").is_some_and(|agents| !agents.ends_with(']')));
    });
    assert!(
        foreign > 20 && metadata > 3 && cut > 0,
        "{foreign} {metadata} {cut}"
    );
}

#[test]
fn the_newest_release_is_taken_up_over_the_week() {
    let mut newest = [0_u32; 2];
    let middle = 1_795_392_000_000_000_000 - 3 * 86_400 * 1_000_000_000 - 43_200 * 1_000_000_000;
    for_each_span(|_, span| {
        if span.name == "Crew Created" && text(span, "crewai_version") == Some("1.15.30") {
            newest[usize::from(span.start_unix_nano > middle)] += 1;
        }
    });
    assert!(newest[1] > newest[0], "{newest:?}");
}

#[test]
fn a_week_before_1970_is_the_first_week() {
    let first = Week::new(1, SystemTime::UNIX_EPOCH, 3).next().unwrap();
    assert!(first.sent_unix_nano < 8 * 86_400 * 1_000_000_000);
}
