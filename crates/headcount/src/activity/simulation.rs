//! A fleet whose installations live through weeks by the client's own rules, and how well beats tell what it did.
//!
//! `HEADCOUNT_INSTALLATIONS=100000 cargo test --release -p headcount --lib beats_tell -- --nocapture` prints the table of
//! `bench/RESULTS.md`. The estimates are those of `reports/installations.sql`.

use super::history::History;
use super::moment::{DAY_MILLIS, Moment, WeekOffset};
use super::release::Release;

/// A Monday in UTC, numbered from 1970 on: 1 December 2025. Everything begins 26 weeks before it.
const MONDAY: u32 = 20_423;
const WEEKS_BEFORE: usize = 26;
const WEEKS: usize = 26;
const ALL_WEEKS: usize = WEEKS_BEFORE + WEEKS;

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn chance(&mut self, share: f64) -> bool {
        (self.next() >> 11) as f64 / ((1_u64 << 53) as f64) < share
    }
}

/// How an installation is used.
#[derive(Clone, Copy)]
enum Habit {
    /// A few days in a row, and never again.
    Trial,
    /// Most working days.
    Worker,
    /// Each day.
    Service,
    /// A day now and then.
    Occasional,
    /// Working days in a row, then weeks without any.
    Project,
}

impl Habit {
    fn of(random: &mut Random) -> Self {
        match random.below(100) {
            0..25 => Habit::Trial,
            25..55 => Habit::Worker,
            55..70 => Habit::Service,
            70..90 => Habit::Occasional,
            _ => Habit::Project,
        }
    }

    /// The share of installations that end with each week.
    fn weekly_loss(self) -> f64 {
        match self {
            Habit::Trial => 0.0,
            Habit::Worker => 0.04,
            Habit::Service => 0.01,
            Habit::Occasional | Habit::Project => 0.03,
        }
    }
}

fn is_weekend(day: u32) -> bool {
    (day - MONDAY % 7) % 7 >= 5
}

/// The days of its life on which it is used: numbers of days from the first one on.
fn days_of_use(habit: Habit, first: u32, random: &mut Random) -> Vec<u32> {
    let end = MONDAY + (WEEKS * 7) as u32;
    let mut days = vec![first];
    let mut left = 1 + random.below(5);
    let mut pause = 0;
    for day in first + 1..end {
        if (day - first).is_multiple_of(7) && random.chance(habit.weekly_loss()) {
            break;
        }
        let is_working = !is_weekend(day);
        if pause > 0 {
            pause -= 1;
            continue;
        }
        let is_used = match habit {
            Habit::Trial if left <= 1 => break,
            Habit::Trial => is_working,
            // Two weeks of holidays now and then.
            Habit::Worker if random.chance(0.004) => {
                pause = 14;
                false
            }
            Habit::Worker => is_working && random.chance(0.6),
            Habit::Service => true,
            Habit::Occasional => random.chance(0.06),
            Habit::Project if left <= 1 => {
                left = 3 + random.below(8);
                pause = 14 + random.below(42) as u32;
                false
            }
            Habit::Project => is_working,
        };
        if is_used {
            left = left.saturating_sub(1);
            days.push(day);
        }
    }
    days
}

/// Counts by calendar week, from Monday to Sunday in UTC.
#[derive(Default, Clone)]
struct Week {
    // The truth.
    active: f64,
    came_back: f64,
    first: f64,
    /// Active, by the weeks since the first: 1 to 3, and 4 to 23.
    active_of_age: [f64; 2],
    // What beats say.
    beats: f64,
    idle_0: f64,
    age_1: f64,
    /// Of ages 2-4 and 5-24.
    of_age: [f64; 2],
}

/// Lives one installation's life, and adds it to the weeks. Returns the number of weeks of its own that had two beats.
fn live(number: u64, random: &mut Random, weeks: &mut [Week]) {
    let mut first = MONDAY - (WEEKS_BEFORE * 7) as u32 + random.below(ALL_WEEKS as u64 * 7) as u32;
    while is_weekend(first) && random.chance(0.8) {
        first = MONDAY - (WEEKS_BEFORE * 7) as u32 + random.below(ALL_WEEKS as u64 * 7) as u32;
    }
    let habit = Habit::of(random);
    let days = days_of_use(habit, first, random);
    let mut secret = [0; 32];
    secret[..8].copy_from_slice(&number.to_le_bytes());
    let offset = WeekOffset::of(&secret);
    let release = Release::read("1.15.30");
    // Where its owner lives, in hours.
    let zone = random.below(18);
    let week_of = |day: u32| ((day + (WEEKS_BEFORE * 7) as u32 - MONDAY) / 7) as usize;
    let mut history: Option<History> = None;
    let mut last_week = None;
    let first_week = week_of(first);
    for day in days {
        let week = week_of(day);
        if last_week != Some(week) {
            let counts = &mut weeks[week];
            counts.active += 1.0;
            counts.came_back += f64::from(u8::from(week > 0 && last_week == Some(week - 1)));
            match week - first_week {
                0 => counts.first += 1.0,
                1..=3 => counts.active_of_age[0] += 1.0,
                4..=23 => counts.active_of_age[1] += 1.0,
                _ => {}
            }
            last_week = Some(week);
        }
        for _event in 0..=random.below(3) {
            let hour = match habit {
                Habit::Service => random.below(24),
                _ => (zone + random.below(9)) % 24,
            };
            let millis = u64::from(day) * DAY_MILLIS + hour * 3_600_000 + random.below(3_600_000);
            let now = Moment::at(millis, offset).unwrap();
            let beat = match &mut history {
                None => {
                    let (begun, beat) = History::begin(now, release.as_ref());
                    history = Some(begun);
                    Some(beat)
                }
                Some(history) => history.note(now, release.as_ref()),
            };
            let Some(beat) = beat else {
                continue;
            };
            let counts = &mut weeks[week_of(beat.day)];
            counts.beats += 1.0;
            counts.idle_0 += f64::from(u8::from(beat.idle() == Some("0")));
            match beat.age().unwrap() {
                "1" => counts.age_1 += 1.0,
                "2-4" => counts.of_age[0] += 1.0,
                "5-24" => counts.of_age[1] += 1.0,
                _ => {}
            }
        }
    }
}

/// The estimates of one week, and the truth.
struct Figures {
    week: usize,
    active: [f64; 2],
    came_back: [f64; 2],
    retained: [[f64; 2]; 2],
}

fn figures(weeks: &[Week]) -> Vec<Figures> {
    let sum = |range: std::ops::RangeInclusive<usize>, of: fn(&Week) -> f64| -> f64 {
        weeks[range].iter().map(of).sum()
    };
    (WEEKS_BEFORE..ALL_WEEKS)
        .map(|week| {
            let (now, before) = (&weeks[week], &weeks[week - 1]);
            let of_age = |index: usize, nearest: usize, farthest: usize| {
                let cohorts = week - farthest..=week - nearest;
                [
                    now.of_age[index] / sum(cohorts.clone(), |week| week.age_1),
                    now.active_of_age[index] / sum(cohorts, |week| week.first),
                ]
            };
            Figures {
                week: week - WEEKS_BEFORE + 1,
                active: [now.beats, now.active],
                came_back: [now.idle_0 / before.beats, now.came_back / before.active],
                retained: [of_age(0, 1, 3), of_age(1, 4, 23)],
            }
        })
        .collect()
}

/// Weekly active installations within 1 %, and retention within one point, of what the installations did: at 100,000 of them.
/// Fewer differ more, by chance.
#[test]
fn beats_tell_how_many_installations_are_active_and_how_many_come_back() {
    let wanted = std::env::var("HEADCOUNT_INSTALLATIONS").ok();
    let installations = wanted.map_or(4_000, |number| number.parse::<u64>().unwrap());
    let chance = (100_000.0 / installations as f64).sqrt().max(1.0);
    let mut random = Random(2_026);
    let mut weeks = vec![Week::default(); ALL_WEEKS];
    for number in 0..installations {
        live(number, &mut random, &mut weeks);
    }
    let all = figures(&weeks);
    assert_eq!(all.len(), WEEKS);
    let points = |[said, truth]: [f64; 2]| (said - truth) * 100.0;
    let percent = |[said, truth]: [f64; 2]| (said / truth - 1.0) * 100.0;
    let mut worst = [0.0_f64; 4];
    for figures in &all {
        let off = [
            percent(figures.active),
            points(figures.came_back),
            points(figures.retained[0]),
            points(figures.retained[1]),
        ];
        println!(
            "week {:2}: active {:6} of {:6} ({:+.2} %), came back {:+.2} points of {:.1} %, ages 2-4 {:+.2} of {:.1} %, 5-24 {:+.2} of {:.1} %",
            figures.week,
            figures.active[0],
            figures.active[1],
            off[0],
            off[1],
            figures.came_back[1] * 100.0,
            off[2],
            figures.retained[0][1] * 100.0,
            off[3],
            figures.retained[1][1] * 100.0,
        );
        for (worst, off) in worst.iter_mut().zip(off) {
            *worst = worst.max(off.abs());
        }
    }
    let sum = |of: fn(&Figures) -> f64| -> f64 { all.iter().map(of).sum() };
    let mean = percent([sum(|week| week.active[0]), sum(|week| week.active[1])]);
    println!("{installations} installations: worst {worst:.2?}; all weeks together {mean:+.2} %");
    assert!(worst.iter().all(|off| *off <= chance), "{worst:?}");
    assert!(mean.abs() <= 1.0, "{mean}");
}
