//! Release health: its numbers against plain formulas, its false alarms and what it finds over simulated fleets.

use std::collections::BTreeMap;

use serde_json::json;

use super::fleet::{Noise, Run, completions_of, reports_of, runs};
use super::*;

/// Counts of one crew: runs and failed runs with the release, and with the baseline.
type Stratum = (f64, f64, f64, f64);

/// The difference of Mantel and Haenszel, and its standard error.
fn difference(strata: &[Stratum]) -> (f64, f64) {
    let both: Vec<&Stratum> = strata
        .iter()
        .filter(|(n1, _, n0, _)| *n1 > 0.0 && *n0 > 0.0)
        .collect();
    let weight = |(n1, _, n0, _): &Stratum| n1 * n0 / (n1 + n0);
    let own = |(n1, x1, n0, x0): &Stratum| x1 / n1 - x0 / n0;
    let sum: f64 = both.iter().map(|stratum| weight(stratum)).sum();
    let common = both
        .iter()
        .map(|stratum| weight(stratum) * own(stratum))
        .sum::<f64>()
        / sum;
    let within: f64 = both
        .iter()
        .map(|(n1, x1, n0, x0)| {
            let n = n1 + n0;
            let p = (n1 * n1 * x0 - n0 * n0 * x1 + n1 * n0 * (n0 - n1) / 2.0) / (n * n);
            let q = (x1 * (n0 - x0) + x0 * (n1 - x1)) / (2.0 * n);
            common * p + q
        })
        .sum();
    let between: f64 = both
        .iter()
        .map(|stratum| (weight(stratum) * (own(stratum) - common)).powi(2))
        .sum();
    let crews = both.len() as f64;
    let variance = within.max(between * crews / (crews - 1.0));
    (common, variance.sqrt() / sum)
}

#[test]
fn the_difference_is_that_of_each_crew_with_itself_at_equal_age() {
    let runs = runs(13);
    let own = [("release", "1.10.1"), ("baseline", "1.10.0")];
    let answer = ask_with(&reports_of(&runs), "release-health", 1, &own);
    let first = |release: &str| {
        let of_release = runs.iter().filter(|run| run.release == release);
        of_release.map(|run| run.day).min().unwrap()
    };
    let (judged, baseline) = (first("1.10.1"), first("1.10.0"));
    let age = 69 - judged;
    let mut crews: BTreeMap<usize, Stratum> = BTreeMap::new();
    for run in &runs {
        let (n1, x1, n0, x0) = crews.entry(run.crew).or_default();
        let failed = f64::from(u8::from(run.failed));
        match run.release {
            "1.10.1" => (*n1, *x1) = (*n1 + 1.0, *x1 + failed),
            "1.10.0" if run.day - baseline <= age => (*n0, *x0) = (*n0 + 1.0, *x0 + failed),
            _ => {}
        }
    }
    let strata: Vec<Stratum> = crews.into_values().collect();
    let (common, error) = difference(&strata);
    let of = |column: &str| cell(&answer, &[("metric", "failed runs")], column);
    assert_eq!(rounded(of("difference").as_f64()), rounded(Some(common)));
    assert_eq!(
        rounded(of("low").as_f64()),
        rounded(Some(common - 2.81 * error))
    );
    assert_eq!(
        rounded(of("high").as_f64()),
        rounded(Some(common + 2.81 * error))
    );
    let both = strata
        .iter()
        .filter(|(n1, _, n0, _)| *n1 > 0.0 && *n0 > 0.0);
    assert_eq!(of("crews"), both.count());
    assert_eq!(of("baseline"), "1.10.0");
}

/// Six releases of 2,000 runs each, of 150 crews that run all of them and fail as often as they do, each in its way. The
/// last release adds `points` to the failures.
fn fleet(seed: u64, points: f64) -> Vec<Run> {
    let mut noise = Noise(seed.wrapping_mul(0x1234_5678_9abc_def1));
    let releases = ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0"];
    let rates: Vec<f64> = (0..150)
        .map(|_| 0.02 + noise.below(60) as f64 / 1000.0)
        .collect();
    let mut runs = Vec::new();
    for (place, release) in (0..).zip(releases) {
        let added = if place == 5 { points } else { 0.0 };
        for number in 0..2000 {
            // Some crews run much more often than others.
            let crew = noise.below(150).min(noise.below(150)) as usize;
            let failed = noise.chance(rates[crew] + added);
            runs.push(Run {
                crew,
                day: place * 11 + 4 + number % 11,
                release,
                tools: vec!["search"],
                model: "gpt-4o",
                process: "sequential",
                tasks: 1,
                memory: None,
                failed,
                error: "Error",
                seconds: 10.0 + noise.below(100) as f64,
                score: 5.0,
            });
        }
    }
    runs
}

fn is_worse(reports: &Reports) -> bool {
    let answer = ask_with(reports, "release-health", 5, &[]);
    let verdict = answer.column_index("verdict").unwrap();
    answer.rows.iter().any(|row| row[verdict] == "worse")
}

/// The bench `release_health` does this a thousand times.
#[test]
fn three_points_more_failures_are_found_and_nothing_is_not() {
    for seed in 0..3 {
        assert!(is_worse(&completions_of(&fleet(seed, 0.03))), "{seed}");
        let sound = fleet(100 + seed, 0.0);
        assert!(!is_worse(&completions_of(&sound)), "{seed}");
    }
}

#[test]
fn a_plain_sentence_comes_first() {
    let answer = ask_with(&completions_of(&fleet(7, 0.1)), "release-health", 5, &[]);
    let first = &answer.notes[0];
    assert!(
        first.starts_with("crewai 1.5.0: failed runs are worse than with 1.0.0 to 1.4.0: "),
        "{first}"
    );
    let answer = ask_with(&completions_of(&fleet(7, 0.0)), "release-health", 5, &[]);
    let first = &answer.notes[0];
    assert_eq!(
        first,
        "crewai 1.5.0: nothing was found to be worse than with 1.0.0 to 1.4.0"
    );
}

#[test]
fn too_few_runs_say_nothing() {
    let few: Vec<Run> = fleet(7, 0.5).into_iter().step_by(120).collect();
    let answer = ask_with(&reports_of(&few), "release-health", 1, &[]);
    let verdict = answer.column_index("verdict").unwrap();
    assert!(
        answer
            .rows
            .iter()
            .all(|row| row[verdict] == "too little to say")
    );
    assert!(
        answer
            .rows
            .iter()
            .all(|row| row[verdict - 1] == json!(null))
    );
}

/// Kickoffs of made-up releases, each of one crew.
fn with_made_up(mut runs: Vec<Run>, releases: &[&'static str]) -> Vec<Run> {
    let last = runs.last().unwrap().clone();
    runs.extend(releases.iter().map(|release| Run {
        crew: 9_999,
        release,
        ..last.clone()
    }));
    runs
}

/// Whoever sends one kickoff of a release that does not exist must not hide what is wrong with one that does.
#[test]
fn a_release_of_one_crew_is_not_the_one_that_is_judged() {
    let broken = fleet(7, 0.1);
    let expected = ask_with(&completions_of(&broken), "release-health", 5, &[]).notes[0].clone();
    assert!(expected.contains("1.5.0: failed runs are worse than with 1.0.0 to 1.4.0"));
    let made_up = ["9.9.9", "1.4.1", "1.4.2", "1.4.3", "1.4.4", "1.4.5"];
    let answer = ask_with(
        &completions_of(&with_made_up(broken, &made_up)),
        "release-health",
        5,
        &[],
    );
    assert_eq!(answer.notes[0], expected);
    // Where no release has five crews, the newest is judged all the same.
    let runs: Vec<Run> = fleet(7, 0.0)
        .into_iter()
        .filter(|run| run.crew < 3)
        .collect();
    let answer = ask_with(&completions_of(&runs), "release-health", 1, &[]);
    assert_eq!(
        cell(&answer, &[("metric", "failed runs")], "version"),
        "1.5.0"
    );
}

#[test]
fn a_release_that_nobody_ran_is_said_to_be_unknown() {
    let reports = completions_of(&fleet(7, 0.0));
    for (own, says) in [
        (&[("release", "7.7.7")][..], "names the release 7.7.7"),
        (
            &[("release", "1.5.0"), ("baseline", "0.0.1")],
            "names the release 0.0.1",
        ),
        (
            &[("release", "1.0.0")],
            "1.0.0, first run on 2026-09-11, cannot be compared",
        ),
    ] {
        let answer = ask_with(&reports, "release-health", 5, own);
        assert_eq!(answer.rows.len(), 1, "{own:?}");
        assert_eq!(cell(&answer, &[], "verdict"), "unknown", "{own:?}");
        assert!(answer.notes[0].contains(says), "{:?}", answer.notes);
    }
}

/// Nobody failed, of a few hundred: that is no proof that nobody will.
#[test]
fn without_a_failure_the_interval_is_not_empty() {
    let mut runs = fleet(7, 0.0);
    for run in &mut runs {
        run.failed = false;
    }
    let runs: Vec<Run> = runs.into_iter().step_by(10).collect();
    let answer = ask_with(&completions_of(&runs), "release-health", 1, &[]);
    let of = |column: &str| cell(&answer, &[("metric", "failed runs")], column);
    assert_eq!(of("verdict"), "no difference found");
    assert_eq!(of("difference"), 0.0);
    let (n1, n0) = (
        of("events").as_f64().unwrap(),
        of("baseline_events").as_f64().unwrap(),
    );
    // Of Wilson's interval of no failure in n: z²/(n + z²).
    let above = |n: f64| 2.81 * 2.81 / (n + 2.81 * 2.81);
    assert_eq!(rounded(of("low").as_f64()), rounded(Some(-above(n0))));
    assert_eq!(rounded(of("high").as_f64()), rounded(Some(above(n1))));
}
