//! The beat: four facts in bands, and their span.

use headcount_wire::{SpanHeader, write_span};

use super::moment::DAY_MILLIS;
use crate::field::Enum;
use crate::fields::activity;
use crate::platform::random;
use crate::record::{Findings, SpanWriter};

/// What an installation says about itself once in seven days. A fact that it does not know is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Beat {
    /// The day, in UTC, numbered from 1970 on.
    pub(super) day: u32,
    /// The week of its life: the first is 1.
    pub(super) age_weeks: Option<u32>,
    /// Days with events among the last seven, from 1 to 7.
    pub(super) active_days: u32,
    /// Weeks without events before this one; `None` in the first.
    pub(super) idle_weeks: Option<u32>,
    /// Newer releases than its own that have run on it; `None` if its release has no number.
    pub(super) newer_releases: Option<u32>,
}

/// The least number of each band of `field`, whose values are written in the same order.
const AGE_FROM: [u32; 4] = [1, 2, 5, 25];
const DAYS_FROM: [u32; 4] = [1, 2, 4, 6];
const IDLE_FROM: [u32; 4] = [0, 1, 2, 5];
const NEWER_FROM: [u32; 4] = [0, 1, 2, 6];

/// The value of `field` for a number: the last band that begins at it or below.
fn band(field: Enum, from: [u32; 4], number: u32) -> Option<&'static str> {
    let index = from.iter().rposition(|least| *least <= number)?;
    field.values.get(index).copied()
}

impl Beat {
    pub(super) fn age(&self) -> Option<&'static str> {
        band(activity::AGE_WEEKS, AGE_FROM, self.age_weeks?)
    }

    pub(super) fn days(&self) -> Option<&'static str> {
        band(activity::ACTIVE_DAYS, DAYS_FROM, self.active_days)
    }

    pub(super) fn idle(&self) -> Option<&'static str> {
        band(activity::IDLE_WEEKS, IDLE_FROM, self.idle_weeks?)
    }

    pub(super) fn newer(&self) -> Option<&'static str> {
        band(activity::NEWER_RELEASES, NEWER_FROM, self.newer_releases?)
    }

    /// The span. Its time is the beginning of the day: to the microsecond it would tell which crew it came with.
    pub(super) fn span(&self) -> Vec<u8> {
        let time = u64::from(self.day) * DAY_MILLIS * 1_000_000;
        let (trace_id, span_id) = random::span_ids();
        let header = SpanHeader {
            trace_id,
            span_id,
            name: "Activity",
            start_unix_nano: time,
            end_unix_nano: time,
            ..SpanHeader::default()
        };
        let mut findings = Findings::default();
        let mut bytes = Vec::new();
        write_span(&mut bytes, &header, |attributes| {
            let mut span = SpanWriter::new(attributes, &mut findings);
            span.enumerated(activity::AGE_WEEKS, self.age());
            span.enumerated(activity::ACTIVE_DAYS, self.days());
            span.enumerated(activity::IDLE_WEEKS, self.idle());
            span.enumerated(activity::NEWER_RELEASES, self.newer());
        });
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The least number of a band as its value in the catalog says it, and the greatest.
    fn limits(value: &str) -> (u32, u32) {
        let number = |text: &str| text.parse::<u32>().unwrap();
        match (value.split_once('-'), value.strip_suffix('+')) {
            (Some((least, most)), _) => (number(least), number(most)),
            (_, Some(least)) => (number(least), u32::MAX),
            _ => (number(value), number(value)),
        }
    }

    #[test]
    fn each_number_is_in_the_band_that_the_catalog_names() {
        for (field, from, numbers) in [
            (activity::AGE_WEEKS, AGE_FROM, 1..=400),
            (activity::ACTIVE_DAYS, DAYS_FROM, 1..=7),
            (activity::IDLE_WEEKS, IDLE_FROM, 0..=400),
            (activity::NEWER_RELEASES, NEWER_FROM, 0..=400),
        ] {
            for number in numbers {
                let (least, most) = limits(band(field, from, number).unwrap());
                assert!(
                    (least..=most).contains(&number),
                    "{number} in {}",
                    field.key
                );
            }
        }
        assert_eq!(band(activity::AGE_WEEKS, AGE_FROM, 0), None);
    }

    /// Decision 0049: at most ten bits, each fact being one of its values or absent.
    #[test]
    fn a_beat_says_less_than_ten_bits() {
        let fields = [
            activity::AGE_WEEKS,
            activity::ACTIVE_DAYS,
            activity::IDLE_WEEKS,
            activity::NEWER_RELEASES,
        ];
        let beats: usize = fields.iter().map(|field| field.values.len() + 1).product();
        assert!(beats <= 1 << 10, "{beats} different beats");
    }
}
