//! Crews over time, against counting day by day.

use super::fleet::{Run, crews_of, date, reports_of, runs};
use super::*;

const LAST_WEEK: i64 = 9;

fn ran(runs: &[Run], week: i64) -> impl Fn(usize) -> bool {
    let crews = crews_of(runs, |run| run.day / 7 == week);
    move |crew| crews.contains(&crew)
}

fn first_week(runs: &[Run], crew: usize) -> Option<i64> {
    let of_crew = runs.iter().filter(|run| run.crew == crew);
    of_crew.map(|run| run.day / 7).min()
}

#[test]
fn the_lifecycle_is_that_of_every_crew_week_by_week() {
    let runs = runs(1);
    let answer = ask_with(&reports_of(&runs), "lifecycle", 1, &[("weeks", "60")]);
    let mut expected = Vec::new();
    for week in 0..=LAST_WEEK {
        let (now, before) = (ran(&runs, week), ran(&runs, week - 1));
        let count = |wanted: &dyn Fn(usize, i64) -> bool| {
            let crews = (0..80).filter_map(|crew| Some((crew, first_week(&runs, crew)?)));
            crews.filter(|(crew, first)| wanted(*crew, *first)).count()
        };
        expected.push(format!(
            "{} true {} {} {} {} {}",
            date(week * 7),
            count(&|crew, _| now(crew)),
            count(&|crew, first| now(crew) && first == week),
            count(&|crew, _| now(crew) && before(crew)),
            count(&|crew, first| now(crew) && !before(crew) && first < week),
            count(&|crew, _| !now(crew) && before(crew)),
        ));
    }
    let columns = ["week", "is_over", "active", "new", "steady", "back", "gone"];
    assert_eq!(texts(&answer, &columns), expected);
    let few = ask_with(&reports_of(&runs), "lifecycle", 1, &[("weeks", "3")]);
    assert_eq!(texts(&few, &columns), expected[7..]);
}

#[test]
fn retention_is_who_of_a_weeks_new_crews_ran_again() {
    let runs = runs(2);
    let answer = ask_with(&reports_of(&runs), "retention", 1, &[("weeks", "60")]);
    let mut expected = Vec::new();
    for first in 0..LAST_WEEK {
        let crews: Vec<usize> = (0..80)
            .filter(|crew| first_week(&runs, *crew) == Some(first))
            .collect();
        for later in 1..=LAST_WEEK - first {
            if crews.is_empty() {
                continue;
            }
            let ran = ran(&runs, first + later);
            let returned = crews.iter().filter(|crew| ran(**crew)).count();
            let all = crews.len();
            let share = share(returned, all);
            expected.push(format!(
                "{} {all} {later} {returned} {share}",
                date(first * 7)
            ));
        }
    }
    let columns = ["first_week", "crews", "week", "returned", "share"];
    assert_eq!(texts(&answer, &columns), expected);
}

#[test]
fn stickiness_counts_runs_and_active_days_of_each_crew() {
    let runs = runs(3);
    let answer = ask_with(&reports_of(&runs), "stickiness", 1, &[("days", "20")]);
    let recent: Vec<&Run> = runs.iter().filter(|run| run.day >= 50).collect();
    let of_crew = |crew: usize| recent.iter().filter(move |run| run.crew == crew);
    let days = |crew: usize| {
        let days: std::collections::BTreeSet<i64> = of_crew(crew).map(|run| run.day).collect();
        days.len()
    };
    let bands = [
        (
            "active days",
            vec![(1, 1), (2, 3), (4, 7), (8, 14), (15, 999)],
        ),
        (
            "runs",
            vec![(1, 1), (2, 4), (5, 9), (10, 24), (25, 99), (100, 999)],
        ),
    ];
    let mut expected = Vec::new();
    for (measure, bands) in bands {
        let all = (0..80).filter(|crew| days(*crew) > 0).count();
        for (least, most) in bands {
            let number = |crew: usize| match measure {
                "runs" => of_crew(crew).count(),
                _ => days(crew),
            };
            let crews: Vec<usize> = (0..80)
                .filter(|crew| (least..=most).contains(&number(*crew)))
                .collect();
            let runs: usize = crews.iter().map(|crew| of_crew(*crew).count()).sum();
            if !crews.is_empty() {
                let share = share(crews.len(), all);
                expected.push(format!("{measure} {least} {} {share} {runs}", crews.len()));
            }
        }
    }
    let columns = ["measure", "at_least", "crews", "share", "runs"];
    assert_eq!(texts(&answer, &columns), expected);
}

#[test]
fn adoption_is_each_releases_share_of_the_runs_since_its_first_day() {
    let runs = runs(4);
    let answer = ask_with(&reports_of(&runs), "adoption", 1, &[]);
    let ran: Vec<&str> = fleet::RELEASES
        .iter()
        .rev()
        .map(|(release, _)| *release)
        .filter(|release| runs.iter().any(|run| run.release == *release))
        .collect();
    let count = |wanted: &dyn Fn(&&Run) -> bool| runs.iter().filter(wanted).count();
    let recent_all = count(&|run| run.day > 62);
    let mut expected = Vec::new();
    let mut newer = 0;
    for (place, release) in ran.iter().enumerate() {
        let first = runs.iter().filter(|run| run.release == *release);
        let first = first.map(|run| run.day).min().unwrap();
        let recent = count(&|run| run.release == *release && run.day > 62);
        newer += recent;
        let curve: Vec<f64> = (0..=(69 - first) / 7)
            .filter_map(|week| {
                let is_in = |run: &&Run| (run.day - first).div_euclid(7) == week;
                let all = count(&is_in);
                let own = count(&|run| is_in(run) && run.release == *release);
                (all > 0).then(|| own as f64 / all as f64)
            })
            .collect();
        let whole = &curve[..curve.len().min(((70 - first) / 7) as usize)];
        let peak = whole.iter().copied().reduce(f64::max);
        let half_life = peak.and_then(|peak| {
            let at = whole.iter().position(|share| *share == peak)?;
            let half = whole[at..].iter().position(|share| *share <= peak / 2.0)?;
            Some(half * 7)
        });
        expected.push(format!(
            "{release} {} {} {} {} {} {} {} {}",
            place + 1,
            date(first),
            crews_of(&runs, |run| run.release == *release).len(),
            count(&|run| run.release == *release),
            share(recent, recent_all),
            share(newer, recent_all),
            rounded(peak),
            half_life.map_or("null".to_owned(), |days| days.to_string()),
        ));
        let found = cell(&answer, &[("version", release)], "curve");
        let found: Vec<f64> = serde_json::from_value(found).unwrap();
        assert_eq!(found, curve, "{release}");
    }
    let columns = [
        "version",
        "newest",
        "first_seen",
        "crews",
        "runs",
        "recent_share",
        "newest_share",
        "peak_share",
        "half_life_days",
    ];
    assert_eq!(texts(&answer, &columns), expected);
}
