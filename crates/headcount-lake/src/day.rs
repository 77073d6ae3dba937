//! Under which day a row counts: the UTC day of its `time`, within fixed bounds.

use chrono::DateTime;

/// Microseconds.
pub(crate) const DAY: i64 = 86_400_000_000;
/// 1 January 2020 and 31 December 2099, in days since 1970: the first and the last day that has an account of its own. No crew recorded
/// anything before the first. The bounds do not move with the calendar, so that a row counts under one day for ever; and
/// whatever senders say about time, there are no more than so many days.
const FIRST: i64 = 18_262;
const LAST: i64 = 47_481;

/// The day of a time in microseconds since 1970 UTC, counted from 1970.
pub(crate) fn day_of(time: i64) -> i64 {
    time.div_euclid(DAY)
}

/// The day under which a row of this day counts. Rows from before 2020 and rows without a time count under 1 January 1970, those from
/// after 2099 under 1 January 2100.
pub(crate) fn counted_day(day: Option<i64>) -> i64 {
    match day {
        Some(day) if day >= FIRST => day.min(LAST + 1),
        _ => 0,
    }
}

/// The name of the day under which a row of this time counts.
pub(crate) fn day_of_row(time: Option<i64>) -> i64 {
    counted_day(time.map(day_of))
}

/// The name of a day that is counted from 1970.
pub(crate) fn day_name(day: i64) -> String {
    let day = DateTime::from_timestamp_micros(day.saturating_mul(DAY)).unwrap_or_default();
    day.format("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_counts_under_its_day_and_far_ones_under_one_of_two() {
        let day = |text: &str| {
            let time: DateTime<chrono::Utc> = text.parse().unwrap();
            day_name(day_of_row(Some(time.timestamp_micros())))
        };
        assert_eq!(day("2026-11-30T23:59:59.999999Z"), "2026-11-30");
        assert_eq!(day("2020-01-01T00:00:00Z"), "2020-01-01");
        assert_eq!(day("2019-12-31T23:59:59Z"), "1970-01-01");
        assert_eq!(day("2099-12-31T23:59:59Z"), "2099-12-31");
        assert_eq!(day("2100-01-01T00:00:00Z"), "2100-01-01");
        assert_eq!(day_name(day_of_row(Some(i64::MAX))), "2100-01-01");
        assert_eq!(day_name(day_of_row(Some(i64::MIN))), "1970-01-01");
        assert_eq!(day_name(day_of_row(None)), "1970-01-01");
    }
}
