//! Axes: round numbers, and labels of days that do not overlap.

use chrono::{Datelike as _, NaiveDate};

use crate::svg::Svg;

/// From zero to a round number at or above the greatest value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axis {
    pub(crate) top: f64,
    pub(crate) step: f64,
}

impl Axis {
    /// For values up to `greatest`, with about `parts` steps of 1, 2 or 5 times a power of ten. `whole` steps are at least 1.
    pub(crate) fn over(greatest: f64, parts: f64, whole: bool) -> Self {
        let greatest = if greatest.is_finite() && greatest > 0.0 {
            greatest
        } else {
            1.0
        };
        let rough = greatest / parts;
        let power = 10_f64.powf(rough.log10().floor());
        let factors = [1.0, 2.0, 5.0, 10.0];
        let factor = factors.into_iter().find(|factor| factor * power >= rough);
        let mut step = factor.unwrap_or(10.0) * power;
        if whole {
            step = step.max(1.0);
        }
        let top = (greatest / step - 1e-9).ceil().max(1.0) * step;
        if step.is_finite() && top.is_finite() && step > 0.0 {
            Self { top, step }
        } else {
            // Too large or too small for steps.
            Self {
                top: greatest,
                step: greatest,
            }
        }
    }

    /// The round numbers from zero to the top.
    pub(crate) fn ticks(self) -> impl Iterator<Item = f64> {
        let count = (self.top / self.step).round().clamp(1.0, 20.0) as u32;
        (0..=count).map(move |index| f64::from(index) * self.step)
    }
}

/// The days with a label, so that labels of `width` units do not overlap on `span` units.
pub(crate) fn day_labels(days: &[NaiveDate], span: f64, width: f64) -> Vec<(usize, String)> {
    let most = ((span / width).floor() as usize).max(1);
    let every = days.len().div_ceil(most).max(1);
    // From the last day: readers look for today.
    let mut labelled: Vec<usize> = (0..days.len()).rev().step_by(every).collect();
    labelled.reverse();
    let years = days.first().map(NaiveDate::year) != days.last().map(NaiveDate::year);
    let is_monthly = days.len() > 1 && days.iter().all(|day| day.day() == 1);
    let pattern = match (is_monthly, years) {
        (true, _) => "%b %Y",
        (false, true) => "%-d %b %y",
        (false, false) => "%-d %b",
    };
    let name = |index: usize| (index, days[index].format(pattern).to_string());
    labelled.into_iter().map(name).collect()
}

/// Draws the labels of days below a chart, all of them inside it.
pub(crate) fn draw_day_labels(
    svg: &mut Svg,
    labels: &[(usize, String)],
    y: f64,
    x_of: impl Fn(usize) -> f64,
    ends: (f64, f64),
) {
    for (index, label) in labels {
        let x = x_of(*index);
        let half = 3.5 * label.len() as f64;
        let (x, anchor) = if x + half > ends.1 {
            (ends.1, "end")
        } else if x - half < ends.0 {
            (ends.0, "start")
        } else {
            (x, "middle")
        };
        svg.text("tick", x, y, anchor, label);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_number() {
        for (greatest, top, step) in [
            (97.0, 100.0, 50.0),
            (100.0, 100.0, 50.0),
            (430.0, 600.0, 200.0),
            (7.0, 10.0, 5.0),
            (0.0, 1.0, 1.0),
        ] {
            let axis = Axis::over(greatest, 3.0, true);
            assert_eq!((axis.top, axis.step), (top, step), "{greatest}");
        }
        assert_eq!(Axis::over(0.31, 3.0, false).top, 0.4);
        for odd in [f64::NAN, f64::INFINITY, -3.0, 1e300, 1e-300] {
            let axis = Axis::over(odd, 3.0, false);
            assert!(axis.top.is_finite() && axis.top > 0.0, "{odd}");
            assert!(axis.ticks().count() <= 21);
        }
    }

    #[test]
    fn day_labels_do_not_overlap_and_include_the_last_day() {
        let first: NaiveDate = "2026-10-25".parse().unwrap();
        let days: Vec<NaiveDate> = first.iter_days().take(30).collect();
        let names = day_labels(&days, 300.0, 60.0);
        assert!(names.len() <= 5);
        assert_eq!(names.last(), Some(&(29, "23 Nov".to_owned())));
    }
}
