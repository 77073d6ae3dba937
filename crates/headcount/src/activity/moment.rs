//! When something happened, as an installation counts days and weeks.

use std::ops::Range;

use crate::platform::clock::YEAR_2020_MILLIS;

/// A day, in milliseconds.
pub(super) const DAY_MILLIS: u64 = 86_400_000;

/// A day of UTC, numbered from 1970 on, and a week of seven such days.
///
/// Whether an installation's weeks begin on Saturday, Sunday or Monday, its secret says: so not all installations that never
/// rest say their beat at the same midnight. Weeks do not begin within a day, or on a working day: who works on a few days of one
/// week would have two weeks (`docs/decisions/0049-the-weekly-beat.md` has the figures).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) week: u32,
    pub(super) day: u32,
}

/// How many days before Thursday, the first day of 1970, the weeks of one installation begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WeekOffset(u32);

impl WeekOffset {
    /// Derived from the installation's secret.
    pub(super) fn of(secret: &[u8; 32]) -> Self {
        let hash = hmac_sha256::HMAC::mac(b"headcount week v1", secret);
        let number = u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]]);
        // From Monday back to Saturday.
        Self(3 + number % 3)
    }
}

impl Moment {
    /// The moment `now_millis` milliseconds after 1970 UTC; `None` if the clock was not set, or is far beyond any date.
    pub(super) fn at(now_millis: u64, offset: WeekOffset) -> Option<Self> {
        if now_millis < YEAR_2020_MILLIS {
            return None;
        }
        let day = u32::try_from(now_millis / DAY_MILLIS).ok()?;
        let week = day.checked_add(offset.0)? / 7;
        Some(Self { week, day })
    }
}

/// The milliseconds of the day of `now_millis`.
pub(super) fn same_day(now_millis: u64) -> Range<u64> {
    let start = now_millis - now_millis % DAY_MILLIS;
    start..start.saturating_add(DAY_MILLIS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_begin_on_saturdays_sundays_and_mondays() {
        // 2026-03-07 is a Saturday.
        let friday = crate::platform::clock::from_utc("2026-03-06T12:00:00Z").unwrap();
        let mut begin = [0_u32; 7];
        for number in 0..3_000_u64 {
            let mut secret = [0; 32];
            secret[..8].copy_from_slice(&number.to_le_bytes());
            let offset = WeekOffset::of(&secret);
            let week = |day: usize| {
                Moment::at(friday + day as u64 * DAY_MILLIS, offset)
                    .unwrap()
                    .week
            };
            let first = (1..=7).find(|day| week(*day) > week(day - 1)).unwrap();
            begin[first - 1] += 1;
        }
        let [saturday, sunday, monday, rest @ ..] = begin;
        assert!(
            [saturday, sunday, monday].iter().all(|count| *count > 850),
            "{begin:?}"
        );
        assert_eq!(rest, [0; 4]);
    }

    #[test]
    fn a_week_has_seven_days_of_24_hours() {
        for number in 0..50 {
            let offset = WeekOffset::of(&[number; 32]);
            let start = 1_772_442_904_000;
            let weeks: Vec<u32> = (0..70)
                .map(|day| {
                    let moment = Moment::at(start + day * DAY_MILLIS, offset).unwrap();
                    assert_eq!(u64::from(moment.day), start / DAY_MILLIS + day);
                    moment.week
                })
                .collect();
            let whole = weeks.chunk_by(|a, b| a == b).skip(1).take(8);
            assert!(whole.into_iter().all(|week| week.len() == 7), "{weeks:?}");
        }
    }

    #[test]
    fn a_day_begins_and_ends_at_midnight_of_utc() {
        let now = 1_772_442_904_000;
        let day = same_day(now);
        assert!(day.contains(&now));
        assert_eq!(crate::platform::utc(day.start), "2026-03-02T00:00:00Z");
        assert_eq!(crate::platform::utc(day.end), "2026-03-03T00:00:00Z");
    }

    #[test]
    fn a_clock_that_was_not_set_or_is_absurd_is_no_moment() {
        let offset = WeekOffset::of(&[7; 32]);
        for millis in [0, YEAR_2020_MILLIS - 1, u64::MAX] {
            assert_eq!(Moment::at(millis, offset), None);
        }
    }
}
