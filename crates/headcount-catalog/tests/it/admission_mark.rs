//! A mark on a span proves its crew's consent, and nothing else does where the dialect says so (promise 2).

use crate::support::{RECEIVED_US, TestSpan, holds, refusals, refused, request_from, span, table};
use headcount_catalog::{Admission, Catalog, Dialect, DialectError, Outcome, Secret};
use serde_json::{Value, json};

const MARKED: &str = r#"
framework: marked
runtime: rust
match:
  service_names: [marked]
crew_keys: [crew]
common:
  version: every_row.framework_version
spans:
  said:
    content_rows: [shared_io]
    consent:
      marked_by: [shares]
      vouches_for_crew: true
    attributes:
      crew: every_row.crew_id
      text: shared_io.content
      shares: {mark: true}
  step:
    row: task_runs
    content_rows: [shared_tasks]
    consent:
      marked_by: [shares]
      vouched_by_crew: true
    attributes:
      crew: every_row.crew_id
      plan: shared_tasks.description
      shares: {mark: true}
  late:
    content_rows: [shared_io]
    consent:
      releases: [">=1.0.0"]
      marked_by: [shares]
    attributes:
      text: shared_io.content
      shares: {mark: true}
"#;

fn admission_of(dialect: &str) -> Result<Admission, DialectError> {
    let dialects = vec![Dialect::parse(dialect)?];
    Admission::new(Catalog::embedded(), dialects, Secret::new([7; 32]))
}

fn admit(spans: &[TestSpan]) -> Outcome {
    let admission = admission_of(MARKED).unwrap();
    let body = request_from("marked", "", spans);
    admission.admit(&body, 0, RECEIVED_US).unwrap()
}

fn said(shares: Value) -> Outcome {
    admit(&[span("said", json!({"text": "CONTENT", "shares": shares}))])
}

#[test]
fn a_mark_proves_consent_of_whatever_release_and_is_not_refused() {
    for yes in [
        json!(true),
        json!(1),
        json!("true"),
        json!("True"),
        json!("1"),
        json!("yes"),
        json!("on"),
    ] {
        let outcome = said(yes.clone());
        assert_eq!(
            table(&outcome, "shared_io")[0]["content"],
            "CONTENT",
            "{yes}"
        );
        assert_eq!(refusals(&outcome), [], "{yes}");
    }
}

#[test]
fn a_mark_that_says_no_proves_nothing() {
    let none = admit(&[span("said", json!({"text": "CONTENT"}))]);
    let noes = [
        json!(false),
        json!(0),
        json!("false"),
        json!("False"),
        json!("0"),
        json!("no"),
        json!("OFF"),
        json!(""),
        json!(null),
    ];
    for outcome in noes.into_iter().map(said).chain([none]) {
        assert!(!holds(&outcome, "CONTENT"));
        let expected = ("said", "text", "without_consent", 1);
        let found = refusals(&outcome);
        let found: Vec<_> = found
            .iter()
            .map(|row| (&*row.0, &*row.1, &*row.2, row.3))
            .collect();
        assert_eq!(found, [expected], "the mark itself is not counted");
    }
}

#[test]
fn a_mark_that_is_no_answer_is_refused_and_proves_nothing() {
    for odd in [
        json!("CONTENT"),
        json!(2),
        json!(-1),
        json!(1.0),
        json!(["true"]),
        json!({}),
        json!(" true"),
    ] {
        let outcome = said(odd.clone());
        assert!(!holds(&outcome, "CONTENT"), "{odd}");
        assert_eq!(
            refused(&outcome, "said", "shares", "wrong_type"),
            1,
            "{odd}"
        );
        assert_eq!(
            refused(&outcome, "said", "text", "without_consent"),
            1,
            "{odd}"
        );
    }
}

#[test]
fn of_two_marks_the_first_counts() {
    let twice = |first: bool| {
        let first_mark = span("said", json!({"shares": first}));
        admit(&[first_mark
            .and("shares", json!(!first))
            .and("text", json!("CONTENT"))])
    };
    assert!(holds(&twice(true), "CONTENT") && !holds(&twice(false), "CONTENT"));
    assert_eq!(refused(&twice(false), "said", "shares", "duplicate_key"), 1);
}

#[test]
fn a_release_and_a_mark_are_both_needed_where_both_are_asked_for() {
    let kept = |attributes: Value| holds(&admit(&[span("late", attributes)]), "CONTENT");
    assert!(kept(
        json!({"text": "CONTENT", "shares": true, "version": "1.0.0"})
    ));
    assert!(!kept(
        json!({"text": "CONTENT", "shares": true, "version": "0.9.0"})
    ));
    assert!(!kept(json!({"text": "CONTENT", "shares": true})));
    assert!(!kept(
        json!({"text": "CONTENT", "shares": "no", "version": "1.0.0"})
    ));
    assert!(!kept(json!({"text": "CONTENT", "version": "1.0.0"})));
}

#[test]
fn a_marked_span_vouches_for_its_crew_only_if_the_mark_says_yes() {
    let kept = |shares: Value, crew: &str| {
        let witness = span("said", json!({"crew": "c", "text": "x", "shares": shares}));
        let step = span("step", json!({"crew": crew, "plan": "CONTENT"}));
        holds(&admit(&[step, witness]), "CONTENT")
    };
    assert!(kept(json!(true), "c"));
    assert!(!kept(json!(true), "d"));
    assert!(!kept(json!(false), "c") && !kept(json!("off"), "c") && !kept(json!(null), "c"));
}

#[test]
fn consent_that_asks_for_nothing_is_refused_at_start_up() {
    let mark = "shares: {mark: true}";
    for (right, wrong) in [
        ("      marked_by: [shares]\n      vouches", "      vouches"),
        (
            "      marked_by: [shares]\n      vouches",
            "      marked_by: []\n      vouches",
        ),
        (
            "      marked_by: [shares]\n",
            "      marked_by: [sharing]\n",
        ),
        (mark, "shares: {mark: false}"),
        (mark, "shares: {mark: true, to: shared_io.content}"),
        (mark, "shares: {mark: true, drop: content}"),
        (
            mark,
            "shares: {mark: true, only: \">1.0\", otherwise: content}",
        ),
        (
            "text: shared_io.content",
            "text: {object: {x: {mark: true}}, to: shared_io.content}",
        ),
        ("spans:", "resource:\n  shares.all: {mark: true}\nspans:"),
    ] {
        let dialect = MARKED.replacen(right, wrong, 1);
        assert_ne!(dialect, MARKED, "{right}");
        let error = admission_of(&dialect).err();
        assert!(
            matches!(error, Some(DialectError::Rule { .. })),
            "{wrong}: {error:?}"
        );
    }
    let none = MARKED.replacen("releases: [\">=1.0.0\"]", "releases: []", 1);
    assert!(matches!(Dialect::parse(&none), Err(DialectError::Form(_))));
}
