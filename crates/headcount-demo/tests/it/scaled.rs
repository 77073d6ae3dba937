//! Endless traffic keeps its promises: exact batches, ids of its own, crews that come back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use headcount_demo::Scaled;
use headcount_wire::{TraceRequest, Value};

#[test]
fn a_body_has_as_many_spans_as_asked_for() {
    for batch in [1, 24, 512] {
        for body in Scaled::new(10_000).batch(batch).take(50) {
            let request = TraceRequest::parse(&body.bytes).unwrap();
            assert_eq!(request.span_count(), batch);
            assert_eq!(request.groups().count(), 1);
            assert_eq!(body.spans, batch as u64);
        }
    }
}

#[test]
fn ids_are_never_repeated_and_crews_are() {
    let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_392_000);
    let end = begin + Duration::from_secs(86_400);
    let (mut ids, mut runs, mut keys) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
    let mut names = BTreeMap::new();
    for stream in 0..2 {
        let bodies = Scaled::new(100_000)
            .between(begin, end)
            .stream(stream, 2)
            .batch(100);
        for body in bodies.take(500) {
            for group in TraceRequest::parse(&body.bytes).unwrap().groups() {
                for raw in group.spans() {
                    let mut scratch = Vec::new();
                    let span = raw.parse(&mut scratch).unwrap();
                    assert!(ids.insert((span.trace_id.to_vec(), span.span_id.to_vec())));
                    assert!(span.end_unix_nano > span.start_unix_nano);
                    assert!(span.start_unix_nano >= 1_795_392_000_000_000_000);
                    *names.entry(span.name.to_owned()).or_insert(0) += 1;
                    for attribute in span
                        .attributes
                        .iter()
                        .filter(|_| span.name == "Crew Created")
                    {
                        match (attribute.key, &attribute.value) {
                            ("crew_id", Value::String(id)) => {
                                assert!(runs.insert((*id).to_owned()))
                            }
                            ("crew_key", Value::String(key)) => {
                                *keys.entry((*key).to_owned()).or_insert(0) += 1;
                            }
                            _ => {}
                        }
                    }
                }
            }
        }
    }
    assert_eq!(ids.len(), 100_000);
    assert!(runs.len() > 3_500, "{} runs", runs.len());
    assert!(
        keys.len() > 100 && keys.len() < runs.len() / 4,
        "{} crews",
        keys.len()
    );
    assert!(
        names["Tool Usage"] > 10_000 && names["Task Execution"] > 10_000,
        "{names:?}"
    );
}

#[test]
fn a_crew_keeps_its_shape_from_run_to_run() {
    let mut roles: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for body in Scaled::new(50_000).batch(512).take(100) {
        for group in TraceRequest::parse(&body.bytes).unwrap().groups() {
            for raw in group.spans().filter(|raw| raw.name() == Ok("Task Created")) {
                let mut scratch = Vec::new();
                let span = raw.parse(&mut scratch).unwrap();
                let text = |key: &str| {
                    span.attributes
                        .iter()
                        .find_map(|attribute| match attribute.value {
                            Value::String(text) if attribute.key == key => Some(text.to_owned()),
                            _ => None,
                        })
                };
                let of_task = roles.entry(text("task_key").unwrap()).or_default();
                of_task.insert(text("agent_role").unwrap());
            }
        }
    }
    assert!(roles.values().all(|roles| roles.len() == 1));
}

#[test]
fn equal_settings_give_equal_bytes() {
    let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_392_000);
    let bodies = |stream| {
        let end = begin + Duration::from_secs(3_600);
        Scaled::new(1_000)
            .between(begin, end)
            .stream(stream, 2)
            .take(20)
            .collect::<Vec<_>>()
    };
    assert_eq!(bodies(0), bodies(0));
    assert_ne!(bodies(0), bodies(1));
}
