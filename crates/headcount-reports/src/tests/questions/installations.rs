//! Installations by their weekly beats, against counting them one by one.

use serde_json::json;

use super::fleet::{Noise, RELEASES, date};
use super::*;

/// The weeks of the data, the last one being that of [`TODAY`].
const WEEKS: i64 = 34;
/// The Monday of week 0 in the data, as a day for [`date`].
const FIRST_DAY: i64 = 70 - WEEKS * 7;

/// One week's beat of an installation.
struct Beat {
    week: i64,
    day: i64,
    age: Option<&'static str>,
    days: &'static str,
    idle: Option<&'static str>,
    newer: Option<&'static str>,
    release: Option<&'static str>,
}

/// Installations that come, pause and go. Their facts need not fit each other: each is counted by itself.
fn beats(seed: u64) -> Vec<Beat> {
    let mut noise = Noise(seed);
    let mut beats = Vec::new();
    for _installation in 0..400 {
        let first = noise.below(WEEKS as u64) as i64;
        let last = first + noise.below(30) as i64;
        let has_lost_its_age = noise.chance(0.05);
        for week in first..=last.min(WEEKS - 1) {
            if week > first && noise.chance(0.3) {
                continue;
            }
            let age = match week - first {
                0 => "1",
                1..=3 => "2-4",
                4..=23 => "5-24",
                _ => "25+",
            };
            let of = |noise: &mut Noise, values: [&'static str; 4]| values[noise.below(4) as usize];
            beats.push(Beat {
                week,
                day: FIRST_DAY + week * 7 + noise.below(7) as i64,
                age: (!has_lost_its_age || age == "1").then_some(age),
                days: of(&mut noise, ["1", "2-3", "4-5", "6-7"]),
                idle: (week > first).then(|| of(&mut noise, ["0", "1", "2-4", "5+"])),
                newer: (!noise.chance(0.2)).then(|| of(&mut noise, ["0", "1", "2-5", "6+"])),
                release: (!noise.chance(0.1)).then(|| {
                    RELEASES[noise.below(1 + (week as u64 * 5 / WEEKS as u64)) as usize].0
                }),
            });
        }
    }
    beats
}

fn reports_of_beats(beats: &[Beat]) -> Reports {
    let rows = beats.iter().map(|beat| {
        json!({
            "framework": "loom", "framework_version": beat.release, "time": format!("{}T00:00:00Z", date(beat.day)),
            "age_weeks": beat.age, "active_days": beat.days, "idle_weeks": beat.idle, "newer_releases": beat.newer,
        })
    });
    let mut dataset = Dataset::new();
    dataset.insert("activity".to_owned(), rows.collect());
    reports_over(&dataset)
}

fn count(beats: &[Beat], wanted: impl Fn(&Beat) -> bool) -> usize {
    beats.iter().filter(|beat| wanted(beat)).count()
}

#[test]
fn weeks_of_installations_are_counted_beat_by_beat() {
    let beats = beats(11);
    let own = [("weeks", "60")];
    let answer = ask_with(&reports_of_beats(&beats), "installations", 1, &own);
    let mut expected = Vec::new();
    for week in 0..WEEKS {
        let of_week = |wanted: &dyn Fn(&Beat) -> bool| {
            count(&beats, |beat| beat.week == week && wanted(beat))
        };
        let before = count(&beats, |beat| beat.week == week - 1);
        let steady = of_week(&|beat| beat.idle == Some("0"));
        let has_week_before = week > 0;
        expected.push(format!(
            "{} true {} {} {steady} {} {} {} {} {} {} {} {}",
            date(FIRST_DAY + week * 7),
            of_week(&|_| true),
            of_week(&|beat| beat.age == Some("1")),
            of_week(&|beat| beat.idle.is_some_and(|idle| idle != "0")),
            if has_week_before {
                before.saturating_sub(steady).to_string()
            } else {
                "null".to_owned()
            },
            if has_week_before {
                share(steady, before)
            } else {
                "null".to_owned()
            },
            of_week(&|beat| beat.days == "1"),
            of_week(&|beat| beat.days == "2-3"),
            of_week(&|beat| beat.days == "4-5"),
            of_week(&|beat| beat.days == "6-7"),
            of_week(&|beat| beat.newer.is_some_and(|newer| newer != "0")),
        ));
    }
    let columns: Vec<&str> = answer.column_names().collect();
    assert_eq!(texts(&answer, &columns), expected);
}

#[test]
fn retention_compares_those_of_an_age_with_those_that_began_then() {
    let beats = beats(12);
    let own = [("weeks", "60")];
    let answer = ask_with(&reports_of_beats(&beats), "installation-retention", 1, &own);
    let mut expected = Vec::new();
    for week in 0..WEEKS {
        for (age, nearest, farthest) in [
            (Some("1"), 0, 0),
            (Some("2-4"), 1, 3),
            (Some("5-24"), 4, 23),
            (Some("25+"), 0, 0),
            (None, 0, 0),
        ] {
            let of_age = |wanted: &dyn Fn(&Beat) -> bool| {
                count(&beats, |beat| {
                    beat.week == week && beat.age == age && wanted(beat)
                })
            };
            let all = of_age(&|_| true);
            if all == 0 {
                continue;
            }
            let idle = |wanted| of_age(&|beat| beat.idle == Some(wanted));
            let cohorts = week - farthest..=week - nearest;
            let began = count(&beats, |beat| {
                cohorts.contains(&beat.week) && beat.age == Some("1")
            });
            let is_known = nearest > 0 && week >= farthest;
            expected.push(format!(
                "{} {} {all} {} {} {} {} {} {}",
                date(FIRST_DAY + week * 7),
                age.unwrap_or("null"),
                if is_known {
                    began.to_string()
                } else {
                    "null".to_owned()
                },
                if is_known {
                    share(all, began)
                } else {
                    "null".to_owned()
                },
                idle("0"),
                idle("1"),
                idle("2-4"),
                idle("5+"),
            ));
        }
    }
    let columns: Vec<&str> = answer
        .column_names()
        .filter(|name| *name != "is_over")
        .collect();
    assert_eq!(texts(&answer, &columns), expected);
}

#[test]
fn the_lag_is_the_number_of_newer_releases_that_beats_had_named() {
    let beats = beats(13);
    let own = [("weeks", "60")];
    let answer = ask_with(&reports_of_beats(&beats), "installation-lag", 5, &own);
    // Candidates are releases of their own in this report, as in all others.
    let first_weeks = RELEASES.map(|(release, _)| {
        let named = beats.iter().filter(|beat| beat.release == Some(release));
        named.map(|beat| beat.week).min().unwrap()
    });
    let rank = |release: &str| {
        RELEASES
            .iter()
            .position(|(known, _)| *known == release)
            .unwrap()
    };
    for week in 0..WEEKS {
        let known = count(&beats, |beat| beat.week == week && beat.release.is_some());
        for (lag, least, most) in [("0", 0, 0), ("1", 1, 1), ("2-5", 2, 5)] {
            let installations = count(&beats, |beat| {
                let newer = beat.release.map(|own| {
                    let newer = first_weeks[rank(own) + 1..].iter();
                    newer.filter(|first| **first <= week).count()
                });
                beat.week == week && newer.is_some_and(|newer| (least..=most).contains(&newer))
            });
            let monday = date(FIRST_DAY + week * 7);
            let wanted = [("week", monday.as_str()), ("lag", lag)];
            let is_there = texts(&answer, &["week", "lag"]).contains(&format!("{monday} {lag}"));
            assert_eq!(is_there, installations > 0, "{monday} {lag}");
            if !is_there {
                continue;
            }
            let (found, part) = (
                cell(&answer, &wanted, "installations"),
                cell(&answer, &wanted, "share"),
            );
            match installations {
                0..5 => assert_eq!((found, part), (Value::Null, Value::Null), "{monday} {lag}"),
                _ => {
                    assert_eq!(found, json!(installations), "{monday} {lag}");
                    assert_eq!(rounded(part.as_f64()), share(installations, known));
                }
            }
        }
    }
}

/// A release of one machine, which nobody else has, makes others no older.
#[test]
fn a_release_of_few_installations_is_no_release_that_others_lack() {
    let beat = |release| Beat {
        week: WEEKS - 1,
        day: 65,
        age: Some("1"),
        days: "1",
        idle: None,
        newer: None,
        release: Some(release),
    };
    let of_machines = |newest: usize| -> Vec<Beat> {
        let others = (0..10).map(|_| beat("1.10.0"));
        others.chain((0..newest).map(|_| beat("1.11.0"))).collect()
    };
    for (machines, lag, installations) in [(1, "0", 11), (5, "1", 10)] {
        let reports = reports_of_beats(&of_machines(machines));
        let answer = ask_with(&reports, "installation-lag", 5, &[]);
        assert_eq!(
            cell(&answer, &[("lag", lag)], "installations"),
            json!(installations)
        );
    }
}

#[test]
fn no_cell_about_installations_is_below_the_threshold() {
    let reports = reports_of_beats(&beats(14));
    let mut held_back = 0;
    for name in [
        "installations",
        "installation-retention",
        "installation-lag",
    ] {
        let shown = ask_with(&reports, name, 1, &[("weeks", "60")]);
        let answer = ask_with(&reports, name, 5, &[("weeks", "60")]);
        assert_eq!(shown.rows.len(), answer.rows.len());
        for (row, all) in answer.rows.iter().zip(&shown.rows) {
            for (cell, full) in row.iter().zip(all) {
                if let Some(number) = cell.as_u64() {
                    assert!(number == 0 || number >= 5, "{name}: {row:?}");
                }
                held_back += usize::from(cell.is_null() && full.as_u64().is_some());
            }
        }
    }
    assert!(held_back > 50, "{held_back}");
}
