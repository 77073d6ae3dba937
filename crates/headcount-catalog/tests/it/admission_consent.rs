//! Content is kept only where its sender's consent is proven (promise 2).

use crate::support::{
    RECEIVED_US, TestSpan, admission, admit, holds, refused, request, sharing_crew, span, table,
};
use serde_json::json;

/// 0.35.0 to 0.51.0 sent content for everyone; releases before 0.51.1 the platform.
#[test]
fn content_without_consent_is_refused() {
    for version in [
        "0.28.8",
        "0.35.0",
        "0.41.1",
        "0.51.0",
        "0.51.1rc1",
        "nonsense",
    ] {
        let outcome = admit(&[span("Crew Created", sharing_crew(version))]);
        assert!(
            !holds(&outcome, "SECRET") && !holds(&outcome, "Linux"),
            "{version}"
        );
        assert_eq!(
            refused(
                &outcome,
                "Crew Created",
                "crew_agents.goal",
                "without_consent"
            ),
            1
        );
        assert_eq!(table(&outcome, "agents")[0]["role"], "R");
        let told = match version {
            "nonsense" => "dropped values: 1 malformed_text, 7 without_consent",
            _ => "dropped values: 7 without_consent",
        };
        assert_eq!(outcome.message, told);
    }
    // A later release without what it sends for sharers only.
    let mut unmarked = span("Crew Created", sharing_crew("1.15.30"));
    unmarked.attributes.retain(|(key, _)| key != "cpus");
    assert!(!holds(&admit(&[unmarked]), "SECRET"));
}

fn task_created(crew: &str) -> TestSpan {
    span(
        "Task Created",
        json!({"crew_id": crew, "task_id": "t", "formatted_description": "SECRET-TASK"}),
    )
}

const CREW: &str = "11111111-2222-4333-8444-555555555555";

#[test]
fn a_witness_of_the_same_crew_proves_consent_in_any_order() {
    let witness = span("Crew Created", sharing_crew("0.86.0"));
    let first = admit(&[witness.clone(), task_created(CREW)]);
    let last = admit(&[task_created(CREW), witness.clone()]);
    assert!(holds(&first, "SECRET-TASK") && holds(&last, "SECRET-TASK"));
    let other = admit(&[
        witness,
        task_created("22222222-2222-4333-8444-555555555555"),
    ]);
    assert!(!holds(&other, "SECRET-TASK"));
    assert_eq!(
        refused(
            &other,
            "Task Created",
            "formatted_description",
            "without_consent"
        ),
        1
    );
}

#[test]
fn a_witness_is_remembered_for_later_requests() {
    let admission = admission();
    let task = request(&[task_created(CREW)]);
    assert!(!holds(
        &admission.admit(&task, 0, RECEIVED_US).unwrap(),
        "SECRET"
    ));
    let witness = request(&[span("Crew Created", sharing_crew("0.86.0"))]);
    admission.admit(&witness, 0, RECEIVED_US).unwrap();
    let outcome = admission.admit(&task, 0, RECEIVED_US).unwrap();
    assert!(holds(&outcome, "SECRET-TASK"));
    let run = &table(&outcome, "task_runs")[0];
    assert_eq!(
        (&run["framework_version"], &run["runtime_version"]),
        (&json!("0.86.0"), &json!("3.12.4"))
    );
}

#[test]
fn a_span_that_states_a_version_needs_no_witness_and_believes_none() {
    let witness = span("Crew Created", sharing_crew("1.15.30"));
    let old = task_created(CREW).and("crewai_version", json!("0.41.1"));
    assert!(!holds(&admit(&[witness, old]), "SECRET-TASK"));
    let new = task_created(CREW).and("crewai_version", json!("1.15.30"));
    assert!(holds(&admit(&[new]), "SECRET-TASK"));
}

#[test]
fn of_paired_reports_one_is_kept() {
    let created = |start| span("Task Created", json!({"crew_id": CREW, "task_id": "t"})).at(start);
    let runs = |version: &str| {
        let crew = span(
            "Crew Created",
            json!({"crewai_version": version, "crew_id": CREW}),
        );
        let second = 1_000_000_000;
        let spans = [
            crew,
            created(0),
            created(second),
            created(2 * second),
            created(20 * second),
        ];
        let outcome = admit(&spans);
        assert_eq!(outcome.spans_accepted, 5);
        let repeated = refused(&outcome, "Task Created", "(span)", "repeated");
        (table(&outcome, "task_runs").len(), repeated)
    };
    assert_eq!(runs("0.186.0"), (3, 1));
    assert_eq!(runs("1.0.0"), (3, 1));
    assert_eq!(runs("1.1.0"), (4, 0));
    assert_eq!(runs("0.177.0"), (4, 0));
}

#[test]
fn a_version_is_borrowed_from_the_crew_or_from_agreement() {
    let usage = |version: &str| {
        span(
            "Tool Usage",
            json!({"tool_name": "t", "crewai_version": version}),
        )
    };
    let flow = span("Flow Execution", json!({"flow_name": "F"}));
    let version_of = |spans: &[TestSpan]| {
        table(&admit(spans), "flow_events")[0]
            .get("framework_version")
            .cloned()
    };
    assert_eq!(
        version_of(&[flow.clone(), usage("0.86.0")]),
        Some(json!("0.86.0"))
    );
    assert_eq!(
        version_of(&[flow.clone(), usage("0.86.0"), usage("0.100.1")]),
        None
    );
    assert_eq!(version_of(&[flow]), None);
}
