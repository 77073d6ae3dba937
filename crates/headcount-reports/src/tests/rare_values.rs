//! The k-threshold.

use serde_json::json;

use super::*;

const FREE_TEXTS: [&str; 9] = [
    "Writer for Ada",
    "Editor",
    "Unlisted",
    "my-secret-model",
    "ResearchFlow",
    "ChatFlow",
    "approved by Ada",
    "deep-research",
    "azure",
];

#[test]
fn free_text_of_few_crews_appears_in_no_report() {
    let reports = reports();
    for report in crate::catalog_of_reports() {
        let answer = ask(&reports, &report.name, &ReportParameters::default());
        let text = answer.to_csv();
        for secret in FREE_TEXTS {
            assert!(
                !text.contains(secret),
                "{secret:?} in {}:\n{text}",
                report.name
            );
        }
    }
}

#[test]
fn what_enough_crews_sent_is_shown_and_the_rest_is_one_row_that_says_how_many() {
    let answer = ask(&reports(), "tools", &ReportParameters::default());
    let tools: Vec<&str> = answer
        .rows
        .iter()
        .filter_map(|row| row[0].as_str())
        .collect();
    assert_eq!(
        tools,
        ["word_counter", "(2 values from fewer than 5 crews)"]
    );
    let grouped = answer.rows.last().unwrap();
    // flaky_tool: 2 crews and 1 error; unlisted: 1 use. A crew may have both tools.
    assert_eq!(Value::from(&grouped[1..5]), json!([null, 1, 1, 0]));
    assert!(grouped[5].is_null(), "a mean has no sum");
    assert!(
        answer.notes[0].contains("--min-crews 1"),
        "{:?}",
        answer.notes
    );
}

#[test]
fn settings_that_are_not_text_are_never_grouped() {
    let answer = ask(&reports(), "agents", &ReportParameters::default());
    let has = |setting: &str, value: &str| {
        let mut rows = answer.rows.iter();
        rows.any(|row| row[0] == setting && row[1] == value)
    };
    assert!(has("max_rpm", "30"));
    assert!(has("llm_model", "gpt-4o-mini"));
    assert!(
        has("llm_model", "(1 value from fewer than 5 crews)")
            || has("llm_model", "(2 values from fewer than 5 crews)")
    );
}

#[test]
fn names_whose_spans_carry_no_crew_are_counted_only() {
    let answer = ask(&reports(), "flows", &ReportParameters::default());
    let flow = answer.column_index("flow").unwrap();
    let text = answer.rows[0][flow].as_str().unwrap();
    assert!(text.contains("not known to be from 5 crews"), "{text}");
    let p95 = answer.column_index("duration_p95").unwrap();
    assert!(answer.rows.iter().any(|row| row[p95].is_number()));
}

#[test]
fn rare_values_are_grouped_by_period() {
    let by_day = ReportParameters {
        by: Some(crate::Period::Day),
        ..ReportParameters::default()
    };
    let answer = ask(&reports(), "roles", &by_day);
    let periods: Vec<&str> = answer
        .rows
        .iter()
        .filter_map(|row| row[0].as_str())
        .collect();
    assert!(periods.is_sorted(), "{periods:?}");
    assert!(
        answer
            .rows
            .iter()
            .all(|row| row[1].as_str().unwrap().starts_with('('))
    );
}

/// A crew with three rare tools is one crew, and a tool of three days is one tool.
#[test]
fn what_is_grouped_counts_no_crew_and_no_value_twice() {
    let agent = |day: u32, crew: &str| json!({"framework": "crewai", "time": format!("2026-11-{day:02}T09:00:00Z"), "crew_key": crew, "tool_names": ["a", "b", "c"]});
    let mut dataset = Dataset::new();
    let rows = json!([agent(2, "x"), agent(3, "x"), agent(4, "y")]);
    dataset.insert("agents".to_owned(), rows);
    let reports = reports_over(&dataset);
    let answer = ask(&reports, "tools", &parameters(5));
    assert_eq!(answer.rows[0][0], "(3 values from fewer than 5 crews)");
    assert!(answer.rows[0][1].is_null(), "two crews, not six");
    let by_day = ReportParameters {
        by: Some(crate::Period::Day),
        ..parameters(5)
    };
    let answer = ask(&reports, "tools", &by_day);
    assert_eq!(answer.rows.len(), 3);
    assert!(
        answer.notes[0].starts_with("3 of the values of tool "),
        "{:?}",
        answer.notes
    );
}

/// Flow spans name no crew: nobody knows that it was fewer than five.
#[test]
fn what_no_crew_is_known_of_is_not_said_to_be_of_few() {
    let mut dataset = Dataset::new();
    let failure = json!({"framework": "crewai", "time": "2026-11-02T09:00:00Z", "event": "method_failed", "outcome": "failed", "error_type": "SecretError"});
    let task = json!({"framework": "crewai", "time": "2026-11-02T09:00:00Z", "crew_key": "c", "outcome": "failed", "error_type": "OtherError"});
    dataset.insert("flow_events".to_owned(), json!([failure]));
    dataset.insert("task_runs".to_owned(), json!([task]));
    let reports = reports_over(&dataset);
    for name in ["failures", "failing"] {
        let answer = ask(&reports, name, &parameters(5));
        let (source, class) = (
            answer.column_index("source"),
            answer.column_index("error_type"),
        );
        let class_of = |wanted: &str| {
            let mut rows = answer.rows.iter();
            let row = rows.find(|row| row[source.unwrap()] == wanted).unwrap();
            row[class.unwrap()].as_str().unwrap().to_owned()
        };
        assert!(
            class_of("flow method").contains("not known to be from 5 crews"),
            "{name}"
        );
        assert!(
            class_of("task").contains("from fewer than 5 crews"),
            "{name}"
        );
    }
}
