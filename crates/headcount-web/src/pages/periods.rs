//! The days, weeks and months of a time series.

use chrono::{Datelike as _, Days, Months, NaiveDate};
use headcount_reports::Period;

/// The most periods that a chart shows.
const MAX_PERIODS: usize = 400;

/// The days or longer periods of a trend.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Periods<'a> {
    pub(crate) days: &'a [NaiveDate],
    /// Whether the last of them is not over.
    pub(crate) is_last_running: bool,
    /// The text for a value that is not known.
    pub(crate) unknown: &'a str,
}

/// The first days of the periods from the one with `first` to the one with `last`, aligned as in the reports.
pub(crate) fn periods(first: NaiveDate, last: NaiveDate, by: Period) -> Vec<NaiveDate> {
    let start = match by {
        Period::Day => Some(first),
        Period::Week => {
            let since_monday = first.weekday().num_days_from_monday();
            first.checked_sub_days(Days::new(since_monday.into()))
        }
        Period::Month => first.with_day(1),
    };
    let next = |day: &NaiveDate| match by {
        Period::Day => day.checked_add_days(Days::new(1)),
        Period::Week => day.checked_add_days(Days::new(7)),
        Period::Month => day.checked_add_months(Months::new(1)),
    };
    let all: Vec<NaiveDate> = std::iter::successors(start, next)
        .take_while(|day| *day <= last)
        .take(100 * MAX_PERIODS)
        .collect();
    // Too many: the latest.
    all[all.len().saturating_sub(MAX_PERIODS)..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(first: &str, last: &str, by: Period) -> Vec<String> {
        let periods = periods(first.parse().unwrap(), last.parse().unwrap(), by);
        periods.iter().map(NaiveDate::to_string).collect()
    }

    #[test]
    fn periods_are_aligned_as_in_the_reports() {
        assert_eq!(
            days("2026-11-21", "2026-11-23", Period::Day),
            ["2026-11-21", "2026-11-22", "2026-11-23"]
        );
        assert_eq!(
            days("2026-11-18", "2026-11-23", Period::Week),
            ["2026-11-16", "2026-11-23"]
        );
        assert_eq!(
            days("2025-12-31", "2026-02-01", Period::Month),
            ["2025-12-01", "2026-01-01", "2026-02-01"]
        );
    }

    #[test]
    fn a_chart_of_a_thousand_years_shows_the_latest_periods() {
        let days = days("1026-01-01", "2026-01-01", Period::Month);
        assert_eq!(days.len(), MAX_PERIODS);
        assert_eq!(days.last().map(String::as_str), Some("2026-01-01"));
    }
}
