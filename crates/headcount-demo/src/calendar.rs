//! When people run their crews: by day, seldom at night and on weekends.

use chrono::{DateTime, Datelike as _, Timelike as _};

use crate::random::Rng;

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
pub(crate) fn moment(end: u64, rng: &mut Rng) -> u64 {
    loop {
        let second = end - 1 - rng.below(SECONDS_PER_WEEK as usize) as u64;
        if rng.random_bool(activity(second)) {
            return second;
        }
    }
}

fn activity(second: u64) -> f64 {
    let moment = DateTime::from_timestamp_nanos((second * NANOS_PER_SECOND).cast_signed());
    let weekday = moment.weekday().num_days_from_monday();
    BY_HOUR[moment.hour() as usize] * BY_WEEKDAY[weekday as usize]
}

/// The text that Python's `datetime.isoformat` gives for a moment (nanoseconds since 1970 UTC).
pub(crate) fn iso_text(nanos: u64) -> String {
    let moment = DateTime::from_timestamp_nanos(nanos.cast_signed());
    moment.format("%Y-%m-%dT%H:%M:%S%.6f").to_string()
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
        let mut rng = Rng::new(5);
        let end = 1_795_392_000;
        for _ in 0..1_000 {
            let moment = moment(end, &mut rng);
            assert!(moment < end && moment >= end - SECONDS_PER_WEEK);
        }
    }
}
