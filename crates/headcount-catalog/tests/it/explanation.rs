//! An explanation says what admission does: the same bytes are stored, the same refusals counted, with and without one.

use std::collections::BTreeMap;

use crate::support::{RECEIVED_US, admission, refusals, request, request_of, rows, span};
use headcount_catalog::{
    AttributeFate, ExplainedAttribute, ExplainedResource, ExplainedSpan, ExplanationSink, Outcome,
    RefusalReason, StoredForm, ValueKind,
};
use serde_json::json;

#[derive(Default)]
struct Kept {
    resources: Vec<ExplainedResource>,
    spans: Vec<ExplainedSpan>,
}

impl ExplanationSink for Kept {
    fn resource(&mut self, resource: ExplainedResource) {
        self.resources.push(resource);
    }

    fn span(&mut self, span: ExplainedSpan) {
        self.spans.push(span);
    }
}

fn explain(body: &[u8], wants_values: bool) -> (Outcome, Kept) {
    let mut kept = Kept::default();
    let outcome = admission()
        .explain(body, 0, RECEIVED_US, wants_values, &mut kept)
        .unwrap();
    (outcome, kept)
}

/// The number of refusals by key and reason, as the explanation and as the rows of the table `refusals` have them.
fn counted(outcome: &Outcome, kept: &Kept) -> [BTreeMap<(String, String), i64>; 2] {
    let mut explained = BTreeMap::new();
    for span in &kept.spans {
        let of_attributes = span
            .attributes
            .iter()
            .flat_map(|attribute| &attribute.refusals);
        for refusal in of_attributes.chain(&span.refusals) {
            let at = (refusal.key.clone(), refusal.reason.name().to_owned());
            *explained.entry(at).or_default() += refusal.count.cast_signed();
        }
    }
    let mut stored = BTreeMap::new();
    for (_, key, reason, count) in refusals(outcome) {
        *stored.entry((key, reason)).or_default() += count;
    }
    [explained, stored]
}

/// The number of values in each column, as the explanation and as the stored rows have them.
fn columns(outcome: &Outcome, kept: &Kept) -> [BTreeMap<(String, String), u64>; 2] {
    let mut explained = BTreeMap::new();
    for span in &kept.spans {
        let of_attributes = span
            .attributes
            .iter()
            .flat_map(|attribute| &attribute.stored);
        for stored in of_attributes.chain(&span.of_itself) {
            let at = (stored.table.clone(), stored.column.clone());
            *explained.entry(at).or_default() += stored.rows;
        }
    }
    let mut stored = BTreeMap::new();
    for row in rows(outcome) {
        let table = row["table"].as_str().unwrap().to_owned();
        if table == "refusals" {
            continue;
        }
        for (column, _) in row.iter().filter(|(column, _)| *column != "table") {
            *stored.entry((table.clone(), column.clone())).or_default() += 1;
        }
    }
    [explained, stored]
}

/// Compares admission with its explanation; spans in front of a resource that cannot be read have no explanation of their own.
fn compare(body: &[u8], name: &str) {
    let Ok(plain) = admission().admit(body, 0, RECEIVED_US) else {
        return;
    };
    let (outcome, kept) = explain(body, false);
    assert_eq!(plain.batch.bytes(), outcome.batch.bytes(), "{name}");
    assert_eq!(plain.refusals, outcome.refusals, "{name}");
    assert_eq!(plain.message, outcome.message, "{name}");
    let [explained, stored] = columns(&outcome, &kept);
    assert_eq!(explained, stored, "{name}");
    let [mut explained, mut stored] = counted(&outcome, &kept);
    let lost = ("(span)".to_owned(), "malformed_span".to_owned());
    let (told, all) = (explained.remove(&lost), stored.remove(&lost));
    assert!(told <= all, "{name}");
    assert_eq!(explained, stored, "{name}");
}

fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut bodies = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "otlp") {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            bodies.push((name, std::fs::read(path).unwrap()));
        }
    }
    assert!(bodies.len() > 10);
    bodies
}

#[test]
fn what_is_explained_is_what_is_stored_and_counted() {
    for (name, body) in corpus() {
        compare(&body, &name);
        let (_, kept) = explain(&body, false);
        let text = serde_json::to_string(&kept.spans).unwrap();
        assert!(!text.contains("CANARY"), "{name}: a value is shown");
    }
}

#[test]
fn damaged_bodies_are_explained_as_they_are_admitted() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    for (name, body) in corpus() {
        for round in 0..10 {
            let mut damaged = body.clone();
            for _ in 0..=random(4) {
                let at = random(damaged.len());
                match random(3) {
                    0 => damaged[at] = random(256) as u8,
                    1 => damaged.truncate(at.max(1)),
                    // Of the same length, so that what is around it can still be read.
                    _ => damaged[at] ^= 0x20,
                }
            }
            compare(&damaged, &format!("{name}, round {round}"));
        }
    }
}

fn attribute<'k>(kept: &'k Kept, key: &str) -> &'k ExplainedAttribute {
    let mut attributes = kept.spans.iter().flat_map(|span| &span.attributes);
    attributes.find(|attribute| attribute.key == key).unwrap()
}

#[test]
fn each_attribute_is_named_with_its_fate() {
    let agents = json!([{"role": "Analyst", "goal": "CANARY", "novel": 1}]).to_string();
    let body = request(&[
        span(
            "Crew Created",
            json!({
                "crewai_version": "1.15.30", "crew_id": "no uuid", "crew_key": "k", "crew_process": "sequential",
                "crew_memory": "maybe", "crew_agents": agents, "crew_fingerprint": "f", "novel_attribute": "CANARY",
            }),
        )
        .and("crew_key", json!("again")),
        span("Novel Span", json!({"secret": "CANARY", "size": 3})),
    ]);
    let (_, kept) = explain(&body, false);
    let fates = |key: &str| attribute(&kept, key).fate;
    assert_eq!(fates("crewai_version"), AttributeFate::Stored);
    assert_eq!(fates("crew_agents"), AttributeFate::PartlyStored);
    assert_eq!(fates("novel_attribute"), AttributeFate::Refused);
    assert_eq!(fates("crew_memory"), AttributeFate::Refused);
    assert_eq!(fates("crew_fingerprint"), AttributeFate::Refused);
    assert_eq!(fates("secret"), AttributeFate::NotRead);
    let id = &attribute(&kept, "crew_id").stored[0];
    assert_eq!((id.form, id.column.as_str()), (StoredForm::KeyedHash, "id"));
    let agents = attribute(&kept, "crew_agents");
    let role = &agents.stored[0];
    assert_eq!(role.from.as_deref(), Some("crew_agents.role"));
    assert_eq!(
        (role.table.as_str(), role.kind.as_str()),
        ("agents", "free_text")
    );
    assert_eq!(agents.unknown_members, ["crew_agents.novel"]);
    let reasons: Vec<_> = agents
        .refusals
        .iter()
        .map(|refusal| refusal.reason)
        .collect();
    assert!(
        reasons.contains(&RefusalReason::WithoutConsent),
        "{reasons:?}"
    );
    // The second of two equal keys is the refused one.
    let keys: Vec<_> = kept.spans[0]
        .attributes
        .iter()
        .filter(|one| one.key == "crew_key")
        .collect();
    assert_eq!(
        [keys[0].fate, keys[1].fate],
        [AttributeFate::Stored, AttributeFate::Refused]
    );
    let novel = &kept.spans[1];
    assert_eq!(novel.name.as_deref(), Some("Novel Span"));
    assert_eq!(novel.refused, Some(RefusalReason::UnknownSpan));
    assert_eq!(novel.attributes[0].kind, ValueKind::Text { bytes: 6 });
    assert!(
        !serde_json::to_string(&kept.spans)
            .unwrap()
            .contains("CANARY")
    );
}

#[test]
fn values_are_shown_where_they_are_asked_for() {
    let body = request(&[span(
        "Tool Usage",
        json!({"tool_name": "mail anna@example.com", "attempts": 2}),
    )]);
    let (_, kept) = explain(&body, true);
    let tool = attribute(&kept, "tool_name");
    assert_eq!(tool.value.as_deref(), Some("mail anna@example.com"));
    assert_eq!(tool.stored[0].value.as_deref(), Some("mail [email]"));
    assert_eq!(tool.stored[0].form, StoredForm::Changed);
    assert_eq!(
        kept.resources[0].attributes[0].value.as_deref(),
        Some("crewAI-telemetry")
    );
}

#[test]
fn a_resource_and_marks_and_what_gives_way_are_named() {
    let spans = [
        span(
            "Crew Content",
            json!({"crew_io.content": "c", "crew_io.direction": "input", "consent.share_crew": true}),
        ),
        span(
            "Losses",
            json!({"losses.reason": "too_old", "losses.count": null}),
        ),
    ];
    let resource = json!({
        "service.name": "headcount", "versions.framework": "loom", "versions.runtime": "python",
        "versions.framework_version": "0.3.1", "host.name": "CANARY",
    });
    let (_, kept) = explain(&request_of(&[(resource, "headcount", &spans)]), false);
    assert!(kept.spans[0].shares_content);
    assert_eq!(
        attribute(&kept, "consent.share_crew").fate,
        AttributeFate::Mark
    );
    assert_eq!(
        attribute(&kept, "losses.count").fate,
        AttributeFate::Nothing
    );
    let version = attribute(&kept, "versions.framework_version");
    assert!(version.of_resource && version.fate == AttributeFate::Stored);
    assert_eq!(version.stored[0].column, "framework_version");
    let sent = &kept.resources[0].attributes;
    assert!(sent.iter().any(|attribute| attribute.key == "host.name"));
}
