//! When people run their crews: by day, seldom at night and on weekends.

use crate::chance::Chance;

pub(crate) const NANOS_PER_SECOND: u64 = 1_000_000_000;
const SECONDS_PER_DAY: u64 = 86_400;

/// Seconds in the week that is modelled.
pub(crate) const SECONDS_PER_WEEK: u64 = 7 * SECONDS_PER_DAY;

/// Activity by hour of the day in UTC: Europe's morning to the American evening.
const BY_HOUR: [f64; 24] = [
    0.28, 0.22, 0.18, 0.16, 0.18, 0.24, 0.36, 0.54, 0.72, 0.84, 0.88, 0.84, 0.80, 0.92, 1.00, 1.00,
    0.96, 0.90, 0.80, 0.72, 0.64, 0.54, 0.44, 0.34,
];

/// Activity by day of the week, from Monday.
const BY_WEEKDAY: [f64; 7] = [0.94, 1.0, 1.0, 0.98, 0.86, 0.42, 0.38];

/// A moment of the week before `end` (seconds since 1970 UTC), as likely as people are at work.
pub(crate) fn moment(end: u64, chance: &mut Chance) -> u64 {
    loop {
        let second = end - 1 - chance.below(SECONDS_PER_WEEK as usize) as u64;
        if chance.odds(activity(second)) {
            return second;
        }
    }
}

fn activity(second: u64) -> f64 {
    let day = second / SECONDS_PER_DAY;
    let hour = (second % SECONDS_PER_DAY) / 3_600;
    // 1970-01-01 was a Thursday: the third day after a Monday.
    BY_HOUR[hour as usize] * BY_WEEKDAY[((day + 3) % 7) as usize]
}

/// What Python's `datetime.isoformat` writes for a moment (nanoseconds since 1970 UTC).
pub(crate) fn iso_text(nanos: u64) -> String {
    let seconds = nanos / NANOS_PER_SECOND;
    let micros = nanos % NANOS_PER_SECOND / 1_000;
    let (year, month, day) = civil_date(seconds / SECONDS_PER_DAY);
    let second_of_day = seconds % SECONDS_PER_DAY;
    let (hour, minute, second) = (
        second_of_day / 3_600,
        second_of_day / 60 % 60,
        second_of_day % 60,
    );
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}")
}

/// The Gregorian date of a day since 1970 (Hinnant, "chrono-compatible low-level date algorithms").
fn civil_date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_as_python_writes_it() {
        assert_eq!(
            iso_text(951_782_400_000_001_000),
            "2000-02-29T00:00:00.000001"
        );
        assert_eq!(
            iso_text(1_795_410_570_554_147_999),
            "2026-11-23T05:09:30.554147"
        );
    }

    #[test]
    fn nights_and_weekends_are_quiet() {
        // 2026-11-23 is a Monday.
        let monday = 1_795_392_000;
        assert!(activity(monday + 14 * 3_600) > 4.0 * activity(monday + 3 * 3_600));
        let sunday = monday + 6 * SECONDS_PER_DAY;
        assert!(activity(monday + 14 * 3_600) > 2.0 * activity(sunday + 14 * 3_600));
    }

    #[test]
    fn moments_lie_in_the_week() {
        let mut chance = Chance::new(5);
        let end = 1_795_392_000;
        for _ in 0..1_000 {
            let moment = moment(end, &mut chance);
            assert!(moment < end && moment >= end - SECONDS_PER_WEEK);
        }
    }
}
