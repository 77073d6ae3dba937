//! Content of Headcount's own client is kept where its span says that the crew shares itself, and nowhere else.

use crate::support;
use crate::support::client::{
    SPANS, admit, admit_all, example, fields, filled, is_shared, resource,
};
use crate::support::{holds, refusals, refused, span, table};
use headcount_catalog::Kind;
use serde_json::json;

#[test]
fn content_without_the_crew_s_mark_is_refused_and_counted() {
    for (name, table, _) in SPANS.iter().filter(|(_, table, _)| is_shared(table)) {
        for mark in [
            None,
            Some(json!(false)),
            Some(json!("no")),
            Some(json!(null)),
        ] {
            let mut unmarked = filled(name, table, |field| match field.kind {
                Kind::Content if field.limits.max_items.is_some() => json!(["CONTENT"]),
                Kind::Content => json!("CONTENT"),
                _ => example(field),
            });
            unmarked.attributes.pop();
            if let Some(mark) = mark {
                unmarked = unmarked.and("consent.share_crew", mark);
            }
            let outcome = admit(&[unmarked]);
            assert!(!holds(&outcome, "CONTENT"), "{name}");
            assert!(support::table(&outcome, table).is_empty(), "{name}");
            let mut count = 0;
            for (key, field) in fields(name, table) {
                let is_content = !matches!(field.kind, Kind::Id | Kind::Key | Kind::Enum);
                let expected = i64::from(is_content);
                assert_eq!(
                    refused(&outcome, name, &key, "without_consent"),
                    expected,
                    "{key}"
                );
                count += expected;
            }
            assert_eq!(refusals(&outcome).len() as i64, count, "{name}");
            assert_eq!(
                outcome.message,
                format!("dropped values: {count} without_consent")
            );
        }
    }
}

#[test]
fn a_crew_s_mark_speaks_for_its_own_span_alone() {
    let marked = filled("Crew Content", "shared_io", example);
    let mut unmarked = filled("Agent Detail", "shared_agents", |field| match field.kind {
        Kind::Content => json!("CONTENT"),
        _ => example(field),
    });
    unmarked.attributes.pop();
    let outcome = admit(&[marked.clone(), unmarked, marked]);
    assert_eq!(table(&outcome, "shared_io").len(), 2);
    assert!(!holds(&outcome, "CONTENT"));
    let mut everywhere = resource();
    everywhere["consent.share_crew"] = json!(true);
    let mut quiet = span("Crew Content", json!({"crew_io.content": "CONTENT"}));
    let outcome = admit_all(&[(everywhere, "headcount", std::slice::from_mut(&mut quiet))]);
    assert!(!holds(&outcome, "CONTENT"), "a process is no crew");
}

#[test]
fn content_on_a_span_of_the_default_tier_is_unknown_there() {
    let agent = span(
        "Agent",
        json!({"agent.role": "R", "agent_expanded.goal": "CONTENT", "consent.share_crew": true}),
    );
    let outcome = admit(&[agent]);
    assert!(!holds(&outcome, "CONTENT"));
    assert_eq!(
        refused(&outcome, "Agent", "(unknown)", "unknown_attribute"),
        2
    );
}
