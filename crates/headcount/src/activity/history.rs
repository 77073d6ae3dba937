//! The history of one installation of one framework, and the decision when a beat is due.

use super::beat::Beat;
use super::moment::Moment;
use super::release::Release;

/// What is kept between two beats, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct History {
    /// The week of the first event; `None` if it is not known any more.
    pub(super) first_week: Option<u32>,
    /// The week of the last event.
    pub(super) last_week: u32,
    /// The week of the last beat. It is noted before the beat is written: one that is lost is not sent again.
    pub(super) beat_week: u32,
    /// The day of the last event.
    pub(super) last_day: u32,
    /// The days with events: bit 0 is the last day, bit 6 the sixth before it.
    pub(super) days: u8,
    /// The releases that have run, newest first, at most [`MAX_RELEASES`].
    pub(super) releases: Vec<Release>,
}

/// How many releases are kept: more than the last band of [`Beat::newer_releases`] begins with.
pub(super) const MAX_RELEASES: usize = 8;
/// The seven days that count.
const SEVEN_DAYS: u8 = 0b111_1111;

impl History {
    /// The first event of all, and the beat that it brings.
    pub(super) fn begin(now: Moment, release: Option<&Release>) -> (Self, Beat) {
        let mut history = Self {
            first_week: Some(now.week),
            ..Self::unknown(now)
        };
        let beat = Beat {
            day: now.day,
            age_weeks: Some(1),
            active_days: 1,
            idle_weeks: None,
            newer_releases: history.note_release(release),
        };
        (history, beat)
    }

    /// An earlier history was lost. Whether it brought a beat in this week is not known, so this week brings none; and the
    /// installation never learns its age again.
    pub(super) fn unknown(now: Moment) -> Self {
        Self {
            first_week: None,
            last_week: now.week,
            beat_week: now.week,
            last_day: now.day,
            days: 1,
            releases: Vec::new(),
        }
    }

    /// Notes that an event was recorded; the beat, if one is due.
    pub(super) fn note(&mut self, now: Moment, release: Option<&Release>) -> Option<Beat> {
        match self.last_week.checked_sub(now.week) {
            // The clock went forward.
            None | Some(0) => {}
            // It was set back by days: this may be a week that has had its beat. Nothing is noted until it is there again.
            Some(1) => return None,
            // It had been far ahead. Its beats were of weeks that are still to come.
            Some(_) => {
                self.first_week = self.first_week.map(|first| first.min(now.week));
                self.last_week = now.week;
                self.beat_week = now.week;
                self.last_day = now.day;
                self.days = 1;
                let _newer = self.note_release(release);
                return None;
            }
        }
        self.note_day(now.day);
        let idle_weeks = (now.week - self.last_week).checked_sub(1);
        self.last_week = now.week;
        let newer_releases = self.note_release(release);
        if now.week <= self.beat_week {
            return None;
        }
        self.beat_week = now.week;
        let age_weeks = self
            .first_week
            .and_then(|first| now.week.checked_sub(first));
        Some(Beat {
            day: now.day,
            age_weeks: age_weeks.map(|weeks| weeks + 1),
            active_days: self.days.count_ones(),
            idle_weeks,
            newer_releases,
        })
    }

    fn note_day(&mut self, day: u32) {
        if let Some(earlier) = self.last_day.checked_sub(day) {
            // The same day, or one before it after the clock was set back.
            self.days |= 1_u8.checked_shl(earlier).unwrap_or(0) & SEVEN_DAYS;
            return;
        }
        let later = day - self.last_day;
        let kept = u32::from(self.days).checked_shl(later).unwrap_or(0);
        self.days = u8::try_from(kept & u32::from(SEVEN_DAYS)).unwrap_or(0) | 1;
        self.last_day = day;
    }

    /// Notes the release that runs; how many newer ones have run before.
    fn note_release(&mut self, release: Option<&Release>) -> Option<u32> {
        let release = release?;
        let newer = self.releases.iter().filter(|known| *known > release);
        let newer = newer.count();
        if self.releases.get(newer) != Some(release) {
            self.releases.insert(newer, release.clone());
            self.releases.truncate(MAX_RELEASES);
        }
        u32::try_from(newer).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A moment of an installation whose weeks begin on days that are multiples of seven.
    fn on(day: u32) -> Moment {
        Moment { week: day / 7, day }
    }

    fn release(text: &str) -> Option<Release> {
        Some(Release::read(text).unwrap())
    }

    /// The beats of events on these days, with the days on which they are due.
    fn beats(days: &[u32]) -> Vec<(u32, Beat)> {
        let mut history: Option<History> = None;
        let mut beats = Vec::new();
        for day in days {
            let beat = match &mut history {
                None => {
                    let (begun, beat) = History::begin(on(*day), None);
                    history = Some(begun);
                    Some(beat)
                }
                Some(history) => history.note(on(*day), None),
            };
            beats.extend(beat.map(|beat| (*day, beat)));
        }
        beats
    }

    #[test]
    fn each_week_with_an_event_has_one_beat_at_its_first_event() {
        let daily: Vec<u32> = (7_000..7_140).flat_map(|day| [day, day]).collect();
        let due: Vec<u32> = beats(&daily).iter().map(|(day, _)| *day).collect();
        let mondays: Vec<u32> = (7_000..7_140).step_by(7).collect();
        assert_eq!(due, mondays);
    }

    #[test]
    fn a_beat_says_age_days_and_weeks_without_events() {
        // The first day of its life, two days of the week after, and a day after five weeks without events.
        let beats = beats(&[7_003, 7_004, 7_010, 7_011, 7_054]);
        let facts: Vec<_> = beats
            .iter()
            .map(|(day, beat)| (*day, beat.age_weeks, beat.active_days, beat.idle_weeks))
            .collect();
        assert_eq!(
            facts,
            [
                (7_003, Some(1), 1, None),
                (7_010, Some(2), 2, Some(0)),
                (7_054, Some(8), 1, Some(5)),
            ]
        );
    }

    #[test]
    fn seven_days_are_this_one_and_six_before_it() {
        let last = |days: &[u32]| beats(days).last().unwrap().1.active_days;
        assert_eq!(last(&(7_001..=7_007).collect::<Vec<_>>()), 7);
        assert_eq!(last(&[7_000, 7_007]), 1);
        assert_eq!(last(&[7_000, 7_001, 7_007]), 2);
        assert_eq!(last(&[7_000, 9_000]), 1);
    }

    #[test]
    fn a_clock_that_is_set_back_brings_no_second_beat() {
        // Into the week before, and forward again, again and again.
        let due = beats(&[7_000, 7_007, 7_006, 7_008, 7_001, 7_007, 7_013, 7_014]);
        let due: Vec<u32> = due.iter().map(|(day, _)| *day).collect();
        assert_eq!(due, [7_000, 7_007, 7_014]);
        // Within a week the earlier day counts.
        let days = |days: &[u32]| beats(days).last().unwrap().1.active_days;
        assert_eq!(days(&[7_000, 7_006, 7_004, 7_007]), 3);
    }

    #[test]
    fn a_clock_that_was_years_ahead_silences_no_installation() {
        let due = beats(&[7_000, 9_800, 7_007, 7_008, 7_014, 7_021]);
        let facts: Vec<_> = due
            .iter()
            .map(|(day, beat)| (*day, beat.age_weeks))
            .collect();
        // The week in which the clock was corrected has none.
        assert_eq!(facts[0], (7_000, Some(1)));
        assert_eq!(facts[2..], [(7_014, Some(3)), (7_021, Some(4))]);
        // It was ahead from the beginning.
        let due = beats(&[9_800, 7_007, 7_014]);
        assert_eq!(due[1].1.age_weeks, Some(2));
    }

    #[test]
    fn a_lost_history_brings_no_beat_in_its_week_and_no_age_ever() {
        let mut history = History::unknown(on(7_000));
        assert_eq!(history.note(on(7_003), None), None);
        let beat = history.note(on(7_007), None).unwrap();
        assert_eq!((beat.age_weeks, beat.idle_weeks), (None, Some(0)));
    }

    #[test]
    fn newer_releases_are_those_that_have_run() {
        let (mut history, first) = History::begin(on(7_000), release("1.15.9").as_ref());
        assert_eq!(first.newer_releases, Some(0));
        let mut newer = |day: u32, version: &str| {
            let beat = history.note(on(day), release(version).as_ref());
            beat.unwrap().newer_releases
        };
        assert_eq!(newer(7_007, "1.15.30"), Some(0));
        // It went back.
        assert_eq!(newer(7_014, "1.15.9"), Some(1));
        assert_eq!(newer(7_021, "1.15.9"), Some(1));
        for minor in 16..30 {
            assert_eq!(newer(7_028 + minor * 7, &format!("1.{minor}")), Some(0));
        }
        assert_eq!(newer(9_000, "1.15.9"), Some(8));
        assert_eq!(newer(9_007, "1.24"), Some(5));
        let beat = history.note(on(9_014), None).unwrap();
        assert_eq!(beat.newer_releases, None);
        assert!(history.releases.len() <= MAX_RELEASES);
    }
}
