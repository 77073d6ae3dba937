//! What is used, built, scored and failing, against plain counting.

use std::collections::{BTreeMap, BTreeSet};

use super::fleet::{RELEASES, Run, crews_of, date, reports_of, runs};
use super::*;

fn uses(run: &Run, tool: &str) -> bool {
    run.tools.contains(&tool)
}

#[test]
fn removal_counts_who_used_a_tool_lately_and_before() {
    let runs = runs(5);
    let answer = ask_with(&reports_of(&runs), "removal", 1, &[("unused_for", "4w")]);
    let recent_all = crews_of(&runs, |run| run.day > 41).len();
    let mut expected = BTreeSet::new();
    for tool in ["search", "read_file", "old_tool", "rare_tool"] {
        let recent = crews_of(&runs, |run| uses(run, tool) && run.day > 41).len();
        let before = crews_of(&runs, |run| {
            uses(run, tool) && run.day > 13 && run.day <= 41
        })
        .len();
        let last = runs.iter().filter(|run| uses(run, tool));
        let last = last.map(|run| run.day).max().unwrap();
        let of_tool = RELEASES.iter().rev().map(|(release, _)| *release);
        let newest = of_tool.clone().find(|release| {
            runs.iter()
                .any(|run| uses(run, tool) && run.release == *release)
        });
        let verdict = if recent == 0 { "unused" } else { "in use" };
        expected.insert(format!(
            "{tool} {} {recent} {before} {} {} {} {verdict}",
            crews_of(&runs, |run| uses(run, tool)).len(),
            share(recent, recent_all),
            date(last),
            newest.unwrap(),
        ));
    }
    let columns = [
        "value",
        "crews",
        "recent",
        "before",
        "share",
        "last_seen",
        "last_release_seen",
        "verdict",
    ];
    let found: BTreeSet<String> = texts(&answer, &columns).into_iter().collect();
    assert_eq!(found, expected);
    assert!(expected.iter().any(|row| row.ends_with("unused")));
}

#[test]
fn a_cross_table_counts_the_crews_that_have_both() {
    let runs = runs(6);
    let own = [("rows", "tool"), ("columns", "process")];
    let answer = ask_with(&reports_of(&runs), "crosstab", 1, &own);
    let all = crews_of(&runs, |_| true).len();
    let mut expected = BTreeSet::new();
    for tool in ["search", "read_file", "old_tool", "rare_tool"] {
        let with_tool = crews_of(&runs, |run| uses(run, tool));
        for process in ["sequential", "hierarchical"] {
            let with_process = crews_of(&runs, |run| run.process == process);
            let both = with_tool.intersection(&with_process).count();
            let (rows, columns) = (with_tool.len(), with_process.len());
            let lift = both as f64 * all as f64 / rows as f64 / columns as f64;
            if both > 0 {
                expected.insert(format!(
                    "{tool} {process} {both} {rows} {columns} {} {}",
                    share(both, rows),
                    rounded(Some(lift))
                ));
            }
        }
    }
    let columns = [
        "row",
        "column",
        "crews",
        "row_crews",
        "column_crews",
        "share",
        "lift",
    ];
    let found: BTreeSet<String> = texts(&answer, &columns).into_iter().collect();
    assert_eq!(found, expected);
}

#[test]
fn few_are_folded_in_rows_and_in_columns_and_small_cells_are_held_back() {
    let runs = runs(6);
    let own = [("rows", "tool"), ("columns", "model")];
    let answer = ask_with(&reports_of(&runs), "crosstab", 5, &own);
    let rare = crews_of(&runs, |run| uses(run, "rare_tool"));
    assert!((1..5).contains(&rare.len()), "the data have a rare tool");
    let text = answer.to_csv();
    assert!(!text.contains("rare_tool"), "{text}");
    let folded = [("row", "(from fewer than 5 crews)")];
    assert!(cell(&answer, &folded, "crews").is_null(), "{text}");
    let crews = answer.column_index("crews").unwrap();
    let held_back = answer.rows.iter().filter(|row| row[crews].is_null());
    assert!(held_back.count() > 0);
    let is_said = |note: &String| note.contains("held back: null there is not zero");
    assert!(answer.notes.iter().any(is_said), "{:?}", answer.notes);
}

#[test]
fn new_values_are_those_of_the_last_days_and_others_rise_or_fall() {
    let runs = runs(7);
    let own = [("days", "7"), ("top", "1000")];
    let answer = ask_with(&reports_of(&runs), "new-values", 1, &own);
    let mut expected = BTreeSet::new();
    let named =
        |kind: &str, values: &dyn Fn(&Run) -> Vec<&str>, expected: &mut BTreeSet<String>| {
            let all: BTreeSet<&str> = runs.iter().flat_map(values).collect();
            for value in all {
                let has = |run: &Run| values(run).contains(&value);
                let recent = crews_of(&runs, |run| has(run) && run.day > 62).len();
                let before = crews_of(&runs, |run| has(run) && run.day > 55 && run.day <= 62).len();
                let first = runs
                    .iter()
                    .filter(|run| has(run))
                    .map(|run| run.day)
                    .min()
                    .unwrap();
                let change = match () {
                    () if recent == before => continue,
                    () if first > 62 => "new",
                    () if recent > before => "rising",
                    () if recent == 0 => "gone",
                    () => "falling",
                };
                expected.insert(format!(
                    "{kind} {value} {change} {recent} {before} {}",
                    date(first)
                ));
            }
        };
    named("tool", &|run| run.tools.clone(), &mut expected);
    named("model", &|run| vec![run.model], &mut expected);
    named("release", &|run| vec![run.release], &mut expected);
    named("python", &|_| vec!["3.12"], &mut expected);
    named(
        "error",
        &|run| {
            if run.failed {
                vec![run.error]
            } else {
                Vec::new()
            }
        },
        &mut expected,
    );
    let columns = [
        "kind",
        "value",
        "change",
        "crews",
        "crews_before",
        "first_seen",
    ];
    let found: BTreeSet<String> = texts(&answer, &columns).into_iter().collect();
    assert_eq!(found, expected);
    assert!(
        expected
            .iter()
            .any(|row| row.starts_with("model new-model new"))
    );
}

#[test]
fn failing_counts_classes_by_release_and_says_which_are_new() {
    let runs = runs(8);
    let own = [("since_release", "1.10.1")];
    let answer = ask_with(&reports_of(&runs), "failing", 1, &own);
    let mut expected = BTreeSet::new();
    for (release, _) in RELEASES {
        let of_release = |run: &&Run| run.release == release;
        let attempts = runs.iter().filter(of_release).count();
        let failures = runs
            .iter()
            .filter(of_release)
            .filter(|run| run.failed)
            .count();
        let error = if release == "1.11.0" {
            "NewError"
        } else {
            "OldError"
        };
        let first = if release == "1.11.0" {
            "1.11.0"
        } else {
            "1.9.0"
        };
        let crews = crews_of(&runs, |run| run.release == release && run.failed).len();
        if failures > 0 {
            expected.insert(format!(
                "task {release} {error} {crews} {failures} {attempts} {} {first} {}",
                share(failures, attempts),
                release == "1.11.0",
            ));
        }
    }
    let columns = [
        "source",
        "value",
        "error_type",
        "crews",
        "failures",
        "attempts",
        "rate",
        "first_release_seen",
        "is_new",
    ];
    let found: BTreeSet<String> = texts(&answer, &columns).into_iter().collect();
    assert_eq!(found, expected);
}

#[test]
fn failing_tools_and_models_are_those_of_their_calls() {
    let runs = runs(9);
    let reports = reports_of(&runs);
    for (per, name_of) in [
        ("tool", (|run| run.tools[0]) as fn(&Run) -> &'static str),
        ("model", |run| run.model),
    ] {
        let answer = ask_with(&reports, "failing", 1, &[("per", per)]);
        let mut calls: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for run in &runs {
            let (failures, attempts) = calls.entry(name_of(run)).or_default();
            *failures += usize::from(run.failed);
            *attempts += 1;
        }
        let expected: BTreeSet<String> = calls
            .iter()
            .filter(|(_, (failures, _))| *failures > 0)
            .map(|(name, (failures, attempts))| {
                format!(
                    "{name} {failures} {attempts} {}",
                    share(*failures, *attempts)
                )
            })
            .collect();
        let found = texts(&answer, &["value", "failures", "attempts", "rate"]);
        assert_eq!(
            found.into_iter().collect::<BTreeSet<_>>(),
            expected,
            "{per}"
        );
    }
}

#[test]
fn shapes_are_shares_of_the_crews_that_report_them() {
    let runs = runs(10);
    let answer = ask_with(&reports_of(&runs), "shapes", 1, &[("per", "release")]);
    for (release, _) in RELEASES {
        let of_release = |run: &Run| run.release == release;
        if crews_of(&runs, of_release).is_empty() {
            continue;
        }
        let delegating = |run: &Run| of_release(run) && run.crew.is_multiple_of(3);
        let found = cell(
            &answer,
            &[("version", release), ("aspect", "delegation")],
            "crews",
        );
        assert_eq!(found, crews_of(&runs, delegating).len(), "{release}");
        let of = cell(
            &answer,
            &[("version", release), ("aspect", "delegation")],
            "of",
        );
        assert_eq!(of, crews_of(&runs, of_release).len(), "{release}");
        let small = |run: &Run| of_release(run) && (2..=3).contains(&run.tasks);
        let wanted = [
            ("version", release),
            ("aspect", "tasks"),
            ("value", "2 to 3"),
        ];
        assert_eq!(
            cell(&answer, &wanted, "crews"),
            crews_of(&runs, small).len()
        );
    }
    let reports_memory = |row: &Vec<Value>| row[0] == "1.9.0" && row[1] == "memory";
    assert!(
        !answer.rows.iter().any(reports_memory),
        "unknown is not zero"
    );
}

#[test]
fn scores_are_means_with_an_interval_over_crews() {
    let runs = runs(11);
    let answer = ask_with(&reports_of(&runs), "scores", 1, &[("per", "model")]);
    for model in ["gpt-4o", "claude", "llama"] {
        let mut sums: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
        for run in runs.iter().filter(|run| run.model == model) {
            let (scores, results) = sums.entry(run.crew).or_default();
            *scores += run.score;
            *results += 1.0;
        }
        let results: f64 = sums.values().map(|(_, results)| results).sum();
        let mean = sums.values().map(|(scores, _)| scores).sum::<f64>() / results;
        let crews = sums.len() as f64;
        let squares = sums
            .values()
            .map(|(scores, results)| (scores - mean * results).powi(2));
        let error = (squares.sum::<f64>() * crews / (crews - 1.0)).sqrt() / results;
        for (column, expected) in [
            ("quality", mean),
            ("quality_low", mean - 1.96 * error),
            ("quality_high", mean + 1.96 * error),
        ] {
            let found = cell(&answer, &[("model", model)], column).as_f64();
            assert_eq!(rounded(found), rounded(Some(expected)), "{model} {column}");
        }
        assert_eq!(
            cell(&answer, &[("model", model)], "results"),
            results as u64
        );
    }
}

#[test]
fn completeness_says_what_each_release_fills() {
    let runs = runs(12);
    let answer = ask_with(&reports_of(&runs), "completeness", 1, &[]);
    for (release, _) in RELEASES {
        let records = runs.iter().filter(|run| run.release == release).count();
        if records == 0 {
            continue;
        }
        let of = |what: &str, column: &str| {
            cell(&answer, &[("version", release), ("what", what)], column)
        };
        assert_eq!(of("crews.memory", "is_reported"), release != "1.9.0");
        assert_eq!(of("crews.key", "reported"), records);
        assert_eq!(of("records of crews", "records"), runs.len());
        assert_eq!(of("crews.inputs_present", "is_reported"), false);
    }
}
