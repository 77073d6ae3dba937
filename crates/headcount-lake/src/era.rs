//! Eras: how files are kept apart by the times of their rows, so that a question about a month reads the files of that month.
//!
//! ```text
//!      Past │ Month │ Month │ … │ Month with today │ Future
//!           └ 400 days before today                └ from the day after tomorrow on
//! ```
//!
//! Tables have no partitions: their files' bounds of `time` say which of them a question needs. A table is cut into eras once it has
//! [`WHOLE`] bytes of rows to cluster; below that, opening more files costs more than reading a few rows too many.

use chrono::{DateTime, Datelike, TimeDelta, Utc};

use crate::day::DAY;
use crate::delta::log::ActiveFile;

/// A table with less than this in files that may be merged is one era: some hundred thousand rows, which are read in the time that opening
/// twenty files takes.
pub(crate) const WHOLE: u64 = 8 << 20;
/// Rows that are older share one era: what senders say about time makes no further files. As long as the catalog keeps rows.
const OLDEST: TimeDelta = TimeDelta::days(400);
/// The bounds in the log are rounded outwards, to milliseconds and by up to another one.
const ROUNDED: i64 = 1_999;

/// A stretch of time whose rows lie in files of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Era {
    /// Rows without a time.
    Untimed,
    /// Before the first month.
    Past,
    /// Months since the year 0.
    Month(i32),
    /// From the day after tomorrow on.
    Future,
}

/// The eras as they are at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Eras {
    first_month: i32,
    /// Microseconds since 1970 UTC.
    future: i64,
}

impl Eras {
    /// The eras at `now`.
    pub(crate) fn at(now: DateTime<Utc>) -> Self {
        let today = now.timestamp_micros().div_euclid(DAY) * DAY;
        Self {
            first_month: month(now - OLDEST),
            future: today + 2 * DAY,
        }
    }

    /// The era of a row's `time`, microseconds since 1970 UTC.
    pub(crate) fn of(self, time: Option<i64>) -> Era {
        let Some(time) = time else {
            return Era::Untimed;
        };
        if time >= self.future {
            return Era::Future;
        }
        match DateTime::from_timestamp_micros(time).map(month) {
            Some(month) if month >= self.first_month => Era::Month(month),
            _ => Era::Past,
        }
    }

    /// The era of all rows of a file; `None` where they are of several.
    pub(crate) fn of_file(self, file: &ActiveFile) -> Option<Era> {
        let Some((least, greatest)) = file.time else {
            return Some(Era::Untimed);
        };
        // A bound that was rounded into the next era must not have the file cut again and again.
        let first = self.of(Some(least.saturating_add(ROUNDED).min(greatest)));
        let last = self.of(Some(greatest.saturating_sub(ROUNDED).max(least)));
        (first >= last).then_some(last)
    }
}

fn month(time: DateTime<Utc>) -> i32 {
    time.year() * 12 + time.month0() as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::support::active_file;

    fn micros(text: &str) -> i64 {
        text.parse::<DateTime<Utc>>().unwrap().timestamp_micros()
    }

    #[test]
    fn times_far_from_now_are_of_two_eras_and_others_of_their_month() {
        let eras = Eras::at("2026-11-30T12:00:00Z".parse().unwrap());
        let of = |text| eras.of(Some(micros(text)));
        let month = |year: i32, month: i32| Era::Month(year * 12 + month - 1);
        assert_eq!(of("2026-11-30T00:00:00Z"), month(2026, 11));
        assert_eq!(of("2026-12-01T23:59:59Z"), month(2026, 12));
        assert_eq!(of("2026-12-02T00:00:00Z"), Era::Future);
        assert_eq!(of("2025-10-01T00:00:00Z"), month(2025, 10));
        assert_eq!(of("2025-09-30T23:59:59Z"), Era::Past);
        assert_eq!(eras.of(Some(i64::MAX)), Era::Future);
        assert_eq!(eras.of(Some(i64::MIN)), Era::Past);
        assert_eq!(eras.of(None), Era::Untimed);
    }

    #[test]
    fn a_file_is_of_an_era_although_its_bounds_are_rounded_out_of_it() {
        let eras = Eras::at("2026-11-30T12:00:00Z".parse().unwrap());
        let file = |least: i64, greatest: i64| ActiveFile {
            time: Some((least, greatest)),
            ..active_file("a", 1)
        };
        let (october, november) = (
            micros("2026-10-01T00:00:00Z"),
            micros("2026-11-01T00:00:00Z"),
        );
        let era = |least, greatest| eras.of_file(&file(least, greatest));
        assert_eq!(era(october, november - 1), Some(Era::Month(2026 * 12 + 9)));
        assert_eq!(
            era(october, november + 999),
            Some(Era::Month(2026 * 12 + 9))
        );
        assert_eq!(
            era(october - 1000, october + 999),
            Some(Era::Month(2026 * 12 + 8))
        );
        assert_eq!(
            era(october, october + 1999),
            Some(Era::Month(2026 * 12 + 9))
        );
        assert_eq!(era(october, november + DAY), None);
        assert_eq!(era(october - DAY, october + DAY), None);
        assert_eq!(era(october, october), Some(Era::Month(2026 * 12 + 9)));
    }
}
