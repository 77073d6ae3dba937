//! Which partition of its table a row belongs to: the UTC day of its `time`, within bounds.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, Utc};

/// Microseconds.
const DAY: i64 = 86_400_000_000;
/// Days before today at which a partition begins; older and future times go to the nearest such day.
/// So a sender with a broken clock cannot make a folder for each day of the calendar.
const OLDEST_DAY: i64 = 400;
/// Days that one flush may put into partitions of their own.
const MAX_DAYS: usize = 32;
/// Of more days than that, so many of the last ones have partitions of their own.
const OWN_DAYS: usize = 8;

/// The day of a time in microseconds since 1970 UTC, counted from 1970.
pub(crate) fn day_of(time: i64) -> i64 {
    time.div_euclid(DAY)
}

/// The partition of a row by its day alone, counted from 1970; `None` is a row without a time.
pub(crate) fn within_bounds(day: Option<i64>, now: DateTime<Utc>) -> i64 {
    let today = day_of(now.timestamp_micros());
    match day {
        Some(day) => day.clamp(today - OLDEST_DAY, today + 1),
        None => today - OLDEST_DAY,
    }
}

/// The name of a partition.
pub(crate) fn day_name(day: i64) -> String {
    let day = DateTime::from_timestamp_micros(day.saturating_mul(DAY)).unwrap_or_default();
    day.format("%Y-%m-%d").to_string()
}

/// Today's partition.
pub(crate) fn today(now: DateTime<Utc>) -> String {
    day_name(day_of(now.timestamp_micros()))
}

/// The partitions of one flush: where it has more than [`MAX_DAYS`] days, what is older than the last of them goes to the first day of
/// its month. So a small request cannot make hundreds of files.
#[derive(Debug)]
pub(crate) struct Partitions {
    /// By day, within bounds.
    partitions: BTreeMap<i64, i64>,
}

impl Partitions {
    /// Of rows of these days, each within bounds.
    pub(crate) fn of(days: impl IntoIterator<Item = i64>) -> Self {
        let days: BTreeSet<i64> = days.into_iter().collect();
        let older = match days.len() > MAX_DAYS {
            true => days.len() - OWN_DAYS,
            false => 0,
        };
        let partition = |(index, day): (usize, i64)| match index < older {
            true => (day, first_of_month(day)),
            false => (day, day),
        };
        Self {
            partitions: days.into_iter().enumerate().map(partition).collect(),
        }
    }

    /// The partition of a day that is among them; the day itself for any other.
    pub(crate) fn partition(&self, day: i64) -> i64 {
        self.partitions.get(&day).copied().unwrap_or(day)
    }
}

fn first_of_month(day: i64) -> i64 {
    let date = DateTime::from_timestamp_micros(day * DAY).unwrap_or_default();
    day - i64::from(date.day0())
}
