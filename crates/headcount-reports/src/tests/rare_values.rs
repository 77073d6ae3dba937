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
    // flaky_tool: 2 crews and 1 error; unlisted: 1 use.
    assert_eq!(Value::from(&grouped[1..5]), json!([2, 1, 1, 0]));
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
