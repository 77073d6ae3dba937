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

/// Settings of one record, each known to be on, known to be off, or not reported.
fn settings_of(rows: &[(&str, u32, Value)]) -> Reports {
    let crews = rows.iter().map(|(crew, day, settings)| {
        let mut row = json!({"framework": "crewai", "framework_version": "1.9.0", "key": crew, "time": format!("2026-11-{day:02}T09:00:00Z")});
        let own = settings.as_object().unwrap().clone();
        row.as_object_mut().unwrap().extend(own);
        row
    });
    let mut dataset = Dataset::new();
    dataset.insert("crews".to_owned(), crews.collect());
    reports_over(&dataset)
}

/// Who reports whether there are inputs says nothing of memory.
#[test]
fn a_feature_that_nobody_reports_any_more_is_unknown_whatever_else_is_reported() {
    let crews = ["a", "b", "c", "d", "e"];
    let before = crews.map(|crew| (crew, 1, json!({"memory": true, "inputs_present": true})));
    let lately = crews.map(|crew| (crew, 14, json!({"inputs_present": false})));
    let reports = settings_of(&[before, lately].concat());
    let own = [("dimension", "feature"), ("unused_for", "7")];
    let answer = ask_with(&reports, "removal", 5, &own);
    let of = |value: &str, column: &str| cell(&answer, &[("value", value)], column);
    assert_eq!(
        (of("memory", "can_say"), of("memory", "verdict")),
        (json!(0.0), json!("unknown"))
    );
    assert_eq!(
        (
            of("kickoff inputs", "can_say"),
            of("kickoff inputs", "verdict")
        ),
        (json!(1.0), json!("unused"))
    );
    for (value, verdict) in [("memory", "unknown"), ("verbose", "unknown")] {
        let own = [&own[..], &[("value", value)]].concat();
        let answer = ask_with(&reports, "removal", 5, &own);
        assert_eq!(cell(&answer, &[], "verdict"), verdict, "{value}");
    }
}

/// The framework's own counters name no crew; that others of them come shows that this one would.
#[test]
fn a_counter_is_unused_while_others_of_its_kind_come() {
    let count = |day: u32, feature: &str| json!({"framework": "crewai", "feature": feature, "time": format!("2026-11-{day:02}T09:00:00Z")});
    let ask = |rows: Value| {
        let mut dataset = Dataset::new();
        dataset.insert("feature_uses".to_owned(), rows);
        let own = [("dimension", "feature"), ("unused_for", "7")];
        ask_with(&reports_over(&dataset), "removal", 5, &own)
    };
    let answer = ask(json!([
        count(1, "planning:use"),
        count(1, "memory:save"),
        count(14, "memory:save")
    ]));
    let of = |value: &str| cell(&answer, &[("value", value)], "verdict");
    assert_eq!(
        (of("planning:use"), of("memory:save")),
        (json!("unused"), json!("in use"))
    );
    let answer = ask(json!([count(1, "planning:use")]));
    assert_eq!(cell(&answer, &[], "verdict"), "unknown");
}

/// Records begin in the middle of the days before, so that most things are more now.
#[test]
fn nothing_rises_from_days_of_which_a_part_is_known() {
    let run = |crew, day| (crew, "search", "1.9.0", day);
    let mut rows: Vec<_> = ["a", "b", "c", "d", "e"].map(|crew| run(crew, 6)).into();
    rows.extend(["a", "b", "c", "d", "e", "f"].map(|crew| run(crew, 14)));
    let known_in_part = reports_over(&dataset_of(&rows));
    rows.push(run("a", 1));
    let known = reports_over(&dataset_of(&rows));
    let ask = |reports: &Reports| {
        let removal = ask_with(reports, "removal", 1, &[("unused_for", "7")]);
        let new_values = ask_with(reports, "new-values", 1, &[("days", "7")]);
        let changes = new_values.column_index("change").unwrap();
        let rising = new_values
            .rows
            .iter()
            .filter(|row| row[changes] == "rising");
        (
            cell(&removal, &[("value", "search")], "trend"),
            rising.count(),
        )
    };
    assert_eq!(ask(&known_in_part), (json!(null), 0));
    let (trend, rising) = ask(&known);
    assert_eq!(
        (rounded(trend.as_f64()), rising),
        ("0.200000".to_owned(), 2)
    );
}

/// A share is held back or what it is; never another number at another threshold.
#[test]
fn the_half_life_of_a_release_does_not_depend_on_the_threshold() {
    let mut rows = Vec::new();
    let crews = ["a", "b", "c", "d", "e", "f", "g", "h"];
    // Its first week has many crews and the greatest share, its second has two, its third none.
    for crew in crews {
        rows.push((crew, "search", "1.9.0", 1));
        rows.push((crew, "search", "1.10.0", 9));
        rows.push((crew, "search", "1.10.0", 15));
    }
    rows.push(("a", "search", "1.9.0", 9));
    let reports = reports_over(&dataset_of(&rows));
    let of = |min_crews: u64, version: &str, column: &str| {
        let answer = ask_with(&reports, "adoption", min_crews, &[]);
        cell(&answer, &[("version", version)], column)
    };
    for column in ["half_life_days", "peak_share"] {
        assert_eq!(of(1, "1.9.0", column), of(5, "1.9.0", column), "{column}");
    }
    assert_eq!(of(5, "1.9.0", "half_life_days"), 7);
    assert_eq!(of(5, "1.9.0", "curve"), json!([1.0, null, 0.0]));
}

/// Of two releases, what the one does not have the other has.
#[test]
fn a_held_back_share_is_not_the_rest_of_the_others() {
    let mut rows: Vec<_> = ["a", "b", "c", "d", "e", "f"]
        .map(|crew| (crew, "search", "1.10.0", 14))
        .into();
    rows.push(("a", "search", "1.9.0", 14));
    let reports = reports_over(&dataset_of(&rows));
    let answer = ask_with(&reports, "adoption", 5, &[]);
    let columns = ["version", "recent_crews", "recent_share", "curve"];
    assert_eq!(
        texts(&answer, &columns),
        ["1.10.0 null null [null]", "1.9.0 null null [null]"]
    );
    let bands = ask_with(&reports, "stickiness", 5, &[]);
    // One crew with two runs and five with one: neither, since the share of one would tell all crews.
    for row in &bands.rows {
        let crews = bands.column_index("crews").unwrap();
        let is_whole = row[0] == "active days";
        assert_eq!(row[crews].is_null(), !is_whole, "{row:?}");
    }
}

/// A week is over when its Sunday is.
#[test]
fn a_week_is_over_after_its_sunday_and_not_on_it() {
    let rows = [("a", "search", "1.9.0", 2), ("a", "search", "1.9.0", 9)];
    let reports = reports_over(&dataset_of(&rows));
    let as_of = |now: &str, name: &str, column: &str| {
        let report = crate::find_report(name).unwrap();
        let now: chrono::DateTime<chrono::Utc> = now.parse().unwrap();
        let statement = crate::statement(report, &parameters(1), now).unwrap();
        texts(&sql(&reports, &statement).unwrap(), &[column])
    };
    let (sunday, monday) = ("2026-11-15T12:00:00Z", "2026-11-16T00:00:00Z");
    assert_eq!(as_of(sunday, "lifecycle", "is_over"), ["true", "false"]);
    assert_eq!(as_of(monday, "lifecycle", "is_over")[..2], ["true", "true"]);
    assert_eq!(as_of(sunday, "retention", "is_over"), ["false"]);
    // An answer that ends on a Sunday of the past covers all of it.
    let answer = ask_with(&reports, "lifecycle", 1, &[]);
    assert_eq!(texts(&answer, &["is_over"]), ["true", "true"]);
}

/// What only a failure can fill is a share of the failures.
#[test]
fn the_class_of_an_error_is_missed_by_failures_alone() {
    let run = |outcome: &str, class: Option<&str>| json!({"framework": "crewai", "framework_version": "1.15.30", "time": "2026-11-02T09:00:00Z", "ended": "2026-11-02T09:01:00Z", "crew_key": "c", "outcome": outcome, "error_type": class});
    let mut dataset = Dataset::new();
    let mut rows = vec![run("completed", None); 8];
    rows.extend([
        run("failed", Some("ValueError")),
        run("failed", Some("ValueError")),
    ]);
    dataset.insert("task_runs".to_owned(), json!(rows));
    let answer = ask_with(&reports_over(&dataset), "completeness", 1, &[]);
    let of = |what: &str, column: &str| cell(&answer, &[("what", what)], column);
    assert_eq!(
        (
            of("task_runs.error_type", "records"),
            of("task_runs.error_type", "share")
        ),
        (json!(2), json!(1.0))
    );
    assert_eq!(of("task_runs.outcome", "records"), 10);
}

/// A name comes before none, however often a framework leaves it out.
#[test]
fn failures_without_a_name_come_last_and_are_explained() {
    let call = |name: Option<&str>| json!({"framework": "crewai", "framework_version": "1.9.0", "time": "2026-11-02T09:00:00Z", "tool_name": name, "outcome": "error"});
    let mut dataset = Dataset::new();
    let agents = ["a", "b", "c", "d", "e"].map(|crew| json!({"framework": "crewai", "time": "2026-11-02T09:00:00Z", "crew_key": crew, "tool_names": ["search"]}));
    dataset.insert("agents".to_owned(), json!(agents));
    dataset.insert(
        "tool_uses".to_owned(),
        json!([call(None), call(None), call(Some("search"))]),
    );
    let reports = reports_over(&dataset);
    for (name, own, column) in [
        ("failing", &[("per", "tool")][..], "value"),
        ("tools", &[], "tool"),
    ] {
        let answer = ask_with(&reports, name, 5, own);
        assert_eq!(texts(&answer, &[column]), ["search", "null"], "{name}");
        let is_said = |note: &String| note.contains("1.14.6 names no tool");
        assert!(answer.notes.iter().any(is_said), "{:?}", answer.notes);
    }
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
