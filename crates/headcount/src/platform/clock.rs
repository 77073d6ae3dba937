//! The wall clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970 UTC; 0 if the clock is before that.
pub(crate) fn now_nanos() -> u64 {
    nanos_of(SystemTime::now())
}

/// A time in nanoseconds since 1970 UTC.
pub(crate) fn nanos_of(moment: SystemTime) -> u64 {
    moment.duration_since(UNIX_EPOCH).map_or(0, |since| {
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    })
}

/// Measures a duration. The wall clock gives the start; a monotonic clock gives the duration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch {
    pub(crate) start_nanos: u64,
    /// The time that had already passed when it was created.
    lead_nanos: u64,
    /// `None` if nothing is measured.
    made: Option<Instant>,
}

impl Stopwatch {
    /// Starts now.
    pub(crate) fn begin() -> Self {
        Self {
            start_nanos: now_nanos(),
            lead_nanos: 0,
            made: Some(Instant::now()),
        }
    }

    /// A stopwatch that reads no clock, for telemetry that is off.
    pub(crate) fn never() -> Self {
        Self {
            start_nanos: 0,
            lead_nanos: 0,
            made: None,
        }
    }

    /// Measures from `start`; a time in the future counts as now.
    pub(crate) fn since(start: SystemTime) -> Self {
        let now = now_nanos();
        let start_nanos = nanos_of(start).min(now);
        Self {
            start_nanos,
            lead_nanos: now - start_nanos,
            made: Some(Instant::now()),
        }
    }

    /// The end, if it is now.
    pub(crate) fn end_nanos(&self) -> u64 {
        self.start_nanos + self.nanos()
    }

    /// The duration until now.
    pub(crate) fn nanos(&self) -> u64 {
        let since = self.made.map_or(0, |made| made.elapsed().as_nanos());
        let since = u64::try_from(since).unwrap_or(u64::MAX);
        self.lead_nanos.saturating_add(since)
    }
}

/// The start of 2020, in milliseconds since 1970 UTC. A clock that shows less was not set.
pub(crate) const YEAR_2020_MILLIS: u64 = 1_577_836_800_000;

/// Milliseconds since 1970 UTC.
pub(crate) fn now_millis() -> u64 {
    now_nanos() / 1_000_000
}

/// Milliseconds since 1970 UTC as `2026-03-02T09:15:04Z` (RFC 3339), as in the ledger.
#[must_use]
pub fn utc(millis: u64) -> String {
    let seconds = millis / 1_000;
    let (days, second) = ((seconds / 86_400).cast_signed(), seconds % 86_400);
    // Days to a date of the Gregorian calendar, in years that begin in March (Howard Hinnant, "chrono-compatible
    // low-level date algorithms").
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The reverse of [`utc`]; `None` for any other text.
pub(crate) fn from_utc(text: &str) -> Option<u64> {
    let digits = |range: std::ops::Range<usize>| -> Option<i64> {
        let part = text.get(range)?;
        let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| part.parse().ok()).flatten()
    };
    let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
    let (hour, minute, second) = (digits(11..13)?, digits(14..16)?, digits(17..19)?);
    let shifted = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    let millis = ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1_000;
    let millis = u64::try_from(millis).ok()?;
    // Only the form that `utc` writes is accepted.
    (utc(millis) == text).then_some(millis)
}

/// An HTTP date in its preferred form (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) fn from_http_date(text: &str) -> Option<u64> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let [_, day, month, year, time, "GMT"] = words[..] else {
        return None;
    };
    let month = MONTHS
        .find(month)
        .filter(|at| at % 3 == 0 && month.len() == 3)?
        / 3
        + 1;
    from_utc(&format!("{year}-{month:02}-{day}T{time}Z"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Stopwatch, from_http_date, from_utc, now_nanos, utc};

    #[test]
    fn an_http_date_is_read() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(from_http_date(date), from_utc("1994-11-06T08:49:37Z"));
        assert!(from_http_date(date).is_some());
        for text in [
            "",
            "Sun, 06 Nov 1994 08:49:37 PST",
            "Sun, 06 ovD 1994 08:49:37 GMT",
            "3600",
        ] {
            assert_eq!(from_http_date(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_clock_that_is_set_does_not_change_how_long_something_took() {
        let mut watch = Stopwatch::begin();
        // The clock was a day ahead, and was corrected.
        watch.start_nanos += 86_400 * 1_000_000_000;
        // Two seconds pass.
        watch.made = watch
            .made
            .and_then(|made| made.checked_sub(Duration::from_secs(2)));
        let took = watch.end_nanos() - watch.start_nanos;
        assert!((2_000_000_000..60_000_000_000).contains(&took), "{took}");
        let earlier = std::time::SystemTime::now() - std::time::Duration::from_secs(90);
        assert!(Stopwatch::since(earlier).nanos() >= 90_000_000_000);
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(90);
        assert!(Stopwatch::since(later).start_nanos <= now_nanos());
    }

    #[test]
    fn a_time_is_read_back() {
        for millis in [0, 951_782_400_000, 1_772_442_904_000, 4_107_542_400_000] {
            assert_eq!(from_utc(&utc(millis)), Some(millis));
        }
        for text in [
            "",
            "2026-03-02",
            "2026-13-02T09:15:04Z",
            "2026-03-02 09:15:04Z",
            "ä",
        ] {
            assert_eq!(from_utc(text), None, "{text:?}");
        }
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_400_000), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_772_442_904_125), "2026-03-02T09:15:04Z");
        assert_eq!(utc(4_107_542_400_000), "2100-03-01T00:00:00Z");
    }
}
