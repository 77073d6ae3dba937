//! Single values: mixed lists, secrets in texts, times, and the message to the sender.

use crate::support;
use crate::support::{admit, holds, refused, span, table};
use serde_json::{Value, json};

#[test]
fn of_a_list_with_something_else_in_it_the_texts_are_kept() {
    let tools = |list: &str| {
        let agents = format!(r#"[{{"role": "R", "tools_names": {list}}}]"#);
        let attributes =
            json!({"crewai_version": "1.15.30", "crew_id": "c", "crew_agents": agents});
        let outcome = admit(&[span("Crew Created", attributes)]);
        let row = table(&outcome, "agents").remove(0);
        let kept = row.get("tool_names").cloned().unwrap_or(Value::Null);
        let refused = support::refusals(&outcome);
        let wrong = refused.iter().filter(|row| row.2 == "wrong_type").count();
        (kept, wrong)
    };
    assert_eq!(tools(r#"["a", null, "b"]"#), (json!(["a", "b"]), 1));
    assert_eq!(tools(r#"["a", 5, {"b": []}, ["c"]]"#), (json!(["a"]), 1));
    assert_eq!(tools("[]"), (json!([]), 0));
    assert_eq!(tools(r#"[""]"#), (json!([""]), 0));
    // No text is left: that is not the empty list, which says that there are no tools.
    assert_eq!(tools("[null]"), (Value::Null, 1));
    assert_eq!(tools("[1, 2]"), (Value::Null, 1));
}

#[test]
fn a_secret_in_a_machines_word_is_refused() {
    for word in [
        "sk-proj-abcdefghijklmnopqrstuvwxyz123456",
        "AKIAIOSFODNN7EXAMPLE",
        "key:ghp_abcdefghijklmnop1234",
        "/home/anna/run",
        "10.20.30.40:8080",
    ] {
        for (name, key, column) in [
            ("Feature Usage", "feature", "feature_uses"),
            ("Get Crew Logs", "log_type", "deployments"),
            ("Task Execution", "error_type", "task_runs"),
        ] {
            let attributes = json!({"crewai_version": "1.15.30", "crew_id": "c", key: word});
            let outcome = admit(&[span(name, attributes)]);
            assert!(!holds(&outcome, word), "{name}: {word} in {column}");
            let row = support::refusals(&outcome);
            let counted = row.iter().filter(|row| row.1 == key);
            assert_eq!(counted.count(), 1, "{name}: {word}: {row:?}");
        }
    }
}

#[test]
fn machines_words_of_every_day_are_kept() {
    for word in [
        "hooks:before_llm_call",
        "memory:short_term",
        "litellm.exceptions.RateLimitError",
        "crewai.utilities.exceptions.ContextWindowExceeding",
        "RateLimitError",
    ] {
        let attributes = json!({"crewai_version": "1.15.30", "feature": word});
        let outcome = admit(&[span("Feature Usage", attributes)]);
        assert!(holds(&outcome, word), "{word}");
    }
}

#[test]
fn a_duration_is_that_of_the_nanoseconds() {
    let mut run = span(
        "Task Execution",
        json!({"crewai_version": "1.15.30", "crew_id": "c", "task_id": "t"}),
    );
    // Cut to microseconds, start and end are 1 µs further apart than they were.
    (run.start, run.end) = (999, 1_500_001_000);
    let outcome = admit(&[run]);
    assert_eq!(table(&outcome, "task_runs")[0]["duration"], 1.500_000_001);
}

#[test]
fn the_sender_is_told_what_was_lost_and_not_what_nobody_needs() {
    let told = |attributes: Value| admit(&[span("Crew Created", attributes)]).message;
    let crew =
        |key: &str, value: Value| json!({"crewai_version": "1.15.30", "crew_id": "c", key: value});
    for (key, value, message) in [
        ("crew_process", json!("sequential"), ""),
        ("SECRET", json!(1), "dropped values: 1 unknown_attribute"),
        (
            "crew_number_of_tasks",
            json!(-1),
            "dropped values: 1 out_of_range",
        ),
        (
            "crew_number_of_tasks",
            json!("x"),
            "dropped values: 1 wrong_type",
        ),
        (
            "crew_process",
            json!("SECRET"),
            "dropped values: 1 not_in_vocabulary",
        ),
        (
            "crew_agents",
            json!(r#"[{"role": "R"}, {"ro"#),
            "dropped values: 1 truncated_json",
        ),
    ] {
        assert_eq!(told(crew(key, value)), message, "{key}");
    }
    let outcome = admit(&[span("Crew Created", crew("SECRET", json!(1)))]);
    assert_eq!((outcome.spans_accepted, outcome.spans_rejected), (1, 0));
    assert_eq!(
        refused(&outcome, "Crew Created", "(unknown)", "unknown_attribute"),
        1
    );
}
