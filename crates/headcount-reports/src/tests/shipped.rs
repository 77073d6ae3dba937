//! Each report of the project, over the dataset and over nothing.

use std::path::PathBuf;

use headcount_catalog::Catalog;
use serde_json::json;

use super::*;
use crate::{catalog_of_reports, fields_used, find_report};

/// The expected rows are in `expected/NAME.csv`; `HEADCOUNT_WRITE_EXPECTED=1` writes what is answered now, for review.
#[test]
fn every_report_answers_the_dataset_as_expected() {
    let reports = reports();
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/expected"));
    let write = std::env::var_os("HEADCOUNT_WRITE_EXPECTED").is_some();
    for report in catalog_of_reports() {
        let found = ask(&reports, &report.name, &of_november()).to_csv();
        let file = folder.join(format!("{}.csv", report.name));
        if write {
            std::fs::write(&file, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&file).unwrap();
        assert_eq!(found, expected, "the report {}", report.name);
    }
}

/// Everything in the dataset, as of a day that does not move on.
fn of_november() -> ReportParameters {
    ReportParameters {
        until: Some("2026-11-15".to_owned()),
        ..parameters(1)
    }
}

#[test]
fn every_report_has_the_columns_that_its_header_names() {
    let reports = reports();
    let mut by_day = parameters(5);
    by_day.by = Some(crate::Period::Day);
    for report in catalog_of_reports() {
        let named: Vec<&str> = report
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        let answer = ask(&reports, &report.name, &parameters(5));
        let found: Vec<&str> = answer.column_names().collect();
        assert_eq!(found, named, "the report {}", report.name);
        if report.counts_from_today() {
            continue;
        }
        let answer = ask(&reports, &report.name, &by_day);
        let found: Vec<&str> = answer.column_names().collect();
        assert_eq!(found[0], "period", "the report {}", report.name);
        assert_eq!(found[1..], named, "the report {}", report.name);
    }
}

#[test]
fn an_empty_store_gives_zeros_in_the_overview_and_no_rows_elsewhere() {
    let reports = reports_over(&Dataset::new());
    for report in catalog_of_reports() {
        let answer = ask(&reports, &report.name, &ReportParameters::default());
        match report.name.as_str() {
            "overview" => {
                let value = answer.column_index("value").unwrap();
                assert!(answer.rows.iter().all(|row| row[value] == 0));
                assert!(answer.rows.len() >= 15);
            }
            "tasks" => assert!(answer.rows.len() <= 1),
            _ => assert!(answer.rows.is_empty(), "the report {}", report.name),
        }
    }
}

/// A client states its losses itself: a lie must not make the report fail or its sum negative.
#[test]
fn losses_beyond_what_a_number_holds_are_the_greatest_number() {
    let loss = json!({"framework": "loom", "time": "2026-11-12T09:00:00Z", "reason": "too_old", "count": i64::MAX});
    let mut dataset = Dataset::new();
    dataset.insert("losses".to_owned(), json!([loss, loss]));
    let answer = ask(&reports_over(&dataset), "losses", &parameters(1));
    assert_eq!(
        Value::from(&answer.rows[0][..]),
        json!(["loom", null, "too_old", i64::MAX])
    );
}

/// A sum of doubles depends on their order, which is that of threads and files.
#[test]
fn a_mean_does_not_depend_on_the_order_of_the_rows() {
    let ask_in = |durations: [f64; 3]| {
        let completion = |duration| json!({"framework": "crewai", "time": "2026-11-12T09:00:00Z", "crew_key": "c", "outcome": "completed", "duration": duration});
        let trial = |time| json!({"framework": "crewai", "time": "2026-11-12T09:00:00Z", "crew_key": "c", "step": "result", "quality": time, "execution_time": time});
        let mut dataset = Dataset::new();
        let rows = json!(durations.map(completion));
        dataset.insert("crew_completions".to_owned(), rows);
        dataset.insert("tests".to_owned(), json!(durations.map(trial)));
        let reports = reports_over(&dataset);
        ["completions", "tests"].map(|name| ask(&reports, name, &parameters(1)).rows)
    };
    assert_eq!(ask_in([0.1, 0.2, 0.3]), ask_in([0.3, 0.2, 0.1]));
}

/// A crew without a key gets a new id with each run: it would count as often as it ran.
#[test]
fn crews_are_keys_in_every_report_that_is_compared_with_the_overview() {
    let rows: Vec<Value> = (0..3)
        .map(|run| json!({"framework": "crewai", "time": "2026-11-12T09:00:00Z", "id": format!("i{run}"), "process": "sequential", "memory": true}))
        .collect();
    let tasks: Vec<Value> = (0..3)
        .map(|run| json!({"framework": "crewai", "time": "2026-11-12T09:00:00Z", "id": format!("t{run}"), "crew_id": format!("i{run}"), "human_input": true}))
        .collect();
    let mut dataset = Dataset::new();
    dataset.insert("crews".to_owned(), json!(rows));
    dataset.insert("tasks".to_owned(), json!(tasks));
    let reports = reports_over(&dataset);
    let features = ask(&reports, "features", &parameters(1));
    let of = |feature: &str| {
        let mut rows = features.rows.iter();
        Value::from(&rows.find(|row| row[0] == feature).unwrap()[2..4])
    };
    assert_eq!(of("process sequential"), json!([null, 3]));
    assert_eq!(of("memory"), json!([null, 3]));
    assert_eq!(of("kickoff inputs"), json!([0, 0]));
    assert_eq!(of("human input"), json!([null, 3]));
    assert!(features.notes.iter().any(|note| note.contains("not zero")));
    let tasks = ask(&reports, "tasks", &parameters(1));
    assert_eq!(Value::from(&tasks.rows[0][..3]), json!([3, null, 3]));
}

#[test]
fn every_field_of_the_catalog_is_used_by_a_report() {
    let catalog = Catalog::embedded();
    let used = wait(fields_used(catalog.schema())).unwrap();
    let errors = catalog.lint(Some(&used));
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn an_unknown_report_is_refused_with_the_names_there_are() {
    let error = wait(reports().report("nonsense", &ReportParameters::default())).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("nonsense") && text.contains("overview"),
        "{text}"
    );
    assert!(find_report("nonsense").is_none());
}

#[test]
fn unknown_is_not_zero() {
    let reports = reports();
    let mut old = parameters(1);
    old.version = Some("0.28.*".to_owned());
    let overview = ask(&reports, "overview", &old);
    assert_eq!(Value::from(&overview.rows[0][..2]), json!(["crews", null]));
    assert_eq!(Value::from(&overview.rows[1][..2]), json!(["runs", 2]));
    assert!(overview.notes.iter().any(|note| note.contains("not zero")));
    let versions = ask(&reports, "versions", &old);
    assert_eq!(
        Value::from(&versions.rows[0][..3]),
        json!(["crewai", "0.28.8", null])
    );
}

#[test]
fn every_report_is_a_statement_that_answers_the_same() {
    let reports = reports();
    let mut narrow = of_november();
    narrow.since = Some("2020-01-01".to_owned());
    narrow.framework = Some("crewai".to_owned());
    narrow.version = Some("1.*".to_owned());
    let mut by_day = of_november();
    by_day.by = Some(crate::Period::Day);
    let mut by_month = narrow.clone();
    by_month.by = Some(crate::Period::Month);
    for report in catalog_of_reports() {
        for parameters in [&of_november(), &narrow, &by_day, &by_month] {
            if parameters.by.is_some() && report.counts_from_today() {
                continue;
            }
            let expected = ask(&reports, &report.name, parameters);
            let statement = crate::statement(report, parameters, chrono::Utc::now()).unwrap();
            let found =
                sql(&reports, &statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
            assert_eq!(
                found.columns, expected.columns,
                "the report {}",
                report.name
            );
            assert_eq!(
                found.rows, expected.rows,
                "the report {} {parameters:?}",
                report.name
            );
        }
    }
}

#[test]
fn the_columns_of_a_report_are_known_before_it_is_asked() {
    let reports = reports();
    for report in catalog_of_reports() {
        let columns = wait(reports.columns(&report.name)).unwrap();
        let answer = ask(&reports, &report.name, &parameters(5));
        assert_eq!(columns, answer.columns, "the report {}", report.name);
    }
}

#[test]
fn an_environment_leaves_what_names_it() {
    let reports = reports();
    let named = |environment: Option<&str>| {
        let mut parameters = parameters(1);
        parameters.environment = environment.map(str::to_owned);
        ask(&reports, "environment", &parameters)
    };
    let all = named(None);
    let (aspect, value, runs) = (0, 1, 3);
    let row = all
        .rows
        .iter()
        .find(|row| row[aspect] == "runtime_context")
        .unwrap();
    let environment = format!("runtime_context:{}", row[value].as_str().unwrap());
    let only = named(Some(&environment));
    let rows: Vec<_> = only
        .rows
        .iter()
        .filter(|found| found[aspect] == "runtime_context")
        .collect();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0][runs], row[runs]);
    assert!(
        only.notes
            .iter()
            .any(|note| note.contains("runtime_context"))
    );
    assert!(named(Some("runtime_context:nowhere")).rows.is_empty());
}

#[test]
fn the_shared_tier_names_no_environment_so_that_the_filter_is_ignored() {
    let reports = reports();
    let mut everywhere = parameters(1);
    everywhere.environment = None;
    let mut in_ci = everywhere.clone();
    in_ci.environment = Some("runtime_context:ci".to_owned());
    let all = ask(&reports, "shared", &everywhere);
    let filtered = ask(&reports, "shared", &in_ci);
    assert!(!all.rows.is_empty());
    assert_eq!(filtered.rows, all.rows);
    let is_said = |note: &String| note.contains("that filter is ignored");
    assert!(filtered.notes.iter().any(is_said), "{:?}", filtered.notes);
    assert!(!all.notes.iter().any(is_said), "{:?}", all.notes);
}

#[test]
fn without_the_shared_tier_its_tables_cannot_be_asked() {
    let reports = reports().without_tier(headcount_catalog::Tier::Shared);
    let error = wait(reports.sql("SELECT count(*) FROM shared_agents")).unwrap_err();
    assert!(error.to_string().contains("shared_agents"), "{error}");
    assert!(wait(reports.sql("SELECT count(*) FROM crews")).is_ok());
}
