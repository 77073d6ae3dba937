//! Over a few rows whose answers are counted by hand.

use serde_json::json;

use super::*;

/// A kickoff of a crew with a tool and a release, on a day of November.
fn dataset_of(rows: &[(&str, &str, &str, u32)]) -> Dataset {
    let row = |more: Value, day: u32| {
        let mut row = json!({"framework": "crewai", "runtime": "python", "time": format!("2026-11-{day:02}T09:00:00Z")});
        let own = more.as_object().unwrap().clone();
        row.as_object_mut().unwrap().extend(own);
        row
    };
    let crews = rows.iter().map(|(crew, _, release, day)| {
        row(json!({"framework_version": release, "key": crew}), *day)
    });
    let agents = rows.iter().map(|(crew, tool, release, day)| {
        let tools = if tool.is_empty() {
            json!(null)
        } else {
            json!([tool])
        };
        row(
            json!({"framework_version": release, "crew_key": crew, "tool_names": tools}),
            *day,
        )
    });
    let mut dataset = Dataset::new();
    dataset.insert("crews".to_owned(), crews.collect());
    dataset.insert("agents".to_owned(), agents.collect());
    dataset
}

fn six_crews() -> Reports {
    let mut rows = Vec::new();
    let names = ["a", "b", "c", "d", "e", "f"];
    for name in names {
        rows.push((name, "search", "1.9.0", 1));
        rows.push((name, "search", "1.10.0", 14));
    }
    rows.push(("a", "Old Tool", "1.9.0", 1));
    for name in &names[..5] {
        rows.push((name, "dropped", "1.9.0", 2));
    }
    reports_over(&dataset_of(&rows))
}

#[test]
fn a_tool_that_nobody_used_lately_may_be_removed() {
    let own = [("unused_for", "7"), ("value", "dropped")];
    let answer = ask_with(&six_crews(), "removal", 5, &own);
    assert_eq!(answer.rows.len(), 1);
    let of = |column: &str| cell(&answer, &[("value", "dropped")], column);
    assert_eq!(of("verdict"), "unused");
    assert_eq!((of("crews"), of("recent")), (json!(5), json!(0)));
    assert_eq!(of("last_seen"), "2026-11-02");
    assert_eq!(of("last_release_seen"), "1.9.0");
    assert_eq!((of("can_say"), of("days_known")), (json!(1.0), json!(7)));
}

/// Whoever asks for a guessed name must not learn whether one crew uses it.
#[test]
fn a_name_of_few_crews_is_answered_like_one_of_nobody() {
    let ask = |value: &str| {
        let own = [("unused_for", "7"), ("value", value)];
        let mut answer = ask_with(&six_crews(), "removal", 5, &own);
        for row in &mut answer.rows {
            assert_eq!(row[1], value);
            row[1] = Value::Null;
        }
        answer
    };
    let few = ask("old_tool");
    assert_eq!(few, ask("never_heard_of"));
    assert_eq!(few.rows.len(), 1);
    let verdict = few.column_index("verdict").unwrap();
    assert_eq!(few.rows[0][verdict], "unused or hardly used");
    // With every value shown, each is what it is.
    let own = [("unused_for", "7"), ("value", "never_heard_of")];
    let answer = ask_with(&six_crews(), "removal", 1, &own);
    assert_eq!(cell(&answer, &[], "verdict"), "unused");
    assert_eq!(cell(&answer, &[], "crews"), 0);
}

#[test]
fn what_no_release_can_report_is_unknown_and_not_unused() {
    let rows: Vec<_> = ["a", "b", "c", "d", "e"]
        .into_iter()
        .flat_map(|crew| [(crew, "search", "1.9.0", 1), (crew, "", "1.10.0", 14)])
        .collect();
    let reports = reports_over(&dataset_of(&rows));
    let own = [("unused_for", "7"), ("value", "search")];
    let answer = ask_with(&reports, "removal", 5, &own);
    assert_eq!(cell(&answer, &[], "verdict"), "unknown");
    assert_eq!(cell(&answer, &[], "can_say"), 0.0);
    assert!(cell(&answer, &[], "share").is_null());
    // Records that go back less far than ninety days cannot say it either.
    let own = [("value", "never_heard_of")];
    let answer = ask_with(&six_crews(), "removal", 1, &own);
    assert_eq!(cell(&answer, &[], "verdict"), "unknown");
}

/// A word of people whose record names no crew is not known to come from enough of them.
#[test]
fn a_new_value_of_no_known_crew_is_not_shown() {
    let agent = |day: u32, model: &str| json!({"framework": "crewai", "time": format!("2026-11-{day:02}T09:00:00Z"), "llm_model": model});
    let mut dataset = Dataset::new();
    let rows = json!([agent(1, "old-secret"), agent(14, "new-secret")]);
    dataset.insert("agents".to_owned(), rows);
    let answer = ask_with(&reports_over(&dataset), "new-values", 5, &[]);
    assert!(answer.rows.is_empty(), "{}", answer.to_csv());
}

#[test]
fn releases_are_in_the_order_of_versions() {
    let answer = ask_with(&six_crews(), "adoption", 5, &[]);
    assert_eq!(
        texts(&answer, &["version", "newest"]),
        ["1.10.0 1", "1.9.0 2"]
    );
    let newest = cell(&answer, &[("version", "1.10.0")], "newest_share");
    assert_eq!(newest, 1.0);
}

#[test]
fn numbers_of_few_crews_are_held_back_and_zero_is_shown() {
    let mut rows: Vec<_> = ["a", "b", "c", "d", "e"]
        .into_iter()
        .map(|crew| (crew, "search", "1.9.0", 3))
        .collect();
    rows.push(("a", "search", "1.9.0", 10));
    rows.push(("z", "search", "1.9.0", 10));
    let reports = reports_over(&dataset_of(&rows));
    let answer = ask_with(&reports, "lifecycle", 5, &[]);
    let columns = ["week", "active", "new", "steady", "back", "gone"];
    assert_eq!(
        texts(&answer, &columns),
        ["2026-11-02 5 5 0 0 0", "2026-11-09 null null null 0 null"]
    );
    let all = ask_with(&reports, "lifecycle", 1, &[]);
    assert_eq!(texts(&all, &columns)[1], "2026-11-09 2 1 1 0 4");
    let answer = ask_with(&reports, "retention", 5, &[]);
    assert_eq!(
        texts(&answer, &["crews", "week", "returned", "share"]),
        ["5 1 null null"]
    );
}

#[test]
fn a_parameter_of_another_report_is_refused() {
    let parameters = ReportParameters {
        own: [("weeks".to_owned(), "3".to_owned())].into(),
        ..parameters(1)
    };
    let error = wait(reports().report("removal", &parameters)).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("weeks") && text.contains("unused_for"),
        "{text}"
    );
}

/// Each cell that counts crews is zero, unknown, or enough.
#[test]
fn no_report_that_holds_back_shows_a_number_of_few_crews() {
    let fleets = [1, 2, 3].map(|seed| fleet::reports_of(&fleet::runs(seed)));
    for report in crate::catalog_of_reports() {
        for reports in &fleets {
            let answer = ask_with(reports, &report.name, 5, &[]);
            for held in &report.held_back {
                let index = answer.column_index(&held.column).unwrap();
                for row in &answer.rows {
                    let is_few = row[index]
                        .as_u64()
                        .is_some_and(|count| (1..5).contains(&count));
                    assert!(!is_few, "{}: {row:?}", report.name);
                }
            }
            assert!(!answer.to_csv().contains("rare_tool"), "{}", report.name);
        }
    }
}
