//! Shares of a whole over days.

use chrono::NaiveDate;

use crate::axis::{day_labels, draw_day_labels};
use crate::number::{format_count, format_share};
use crate::svg::{Svg, at, escaped};

const LEFT: f64 = 44.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 24.0;

/// A part: a count for each day.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// A count for each day. Negative and non-finite values count as zero.
    pub counts: Vec<f64>,
    /// Its class, such as `series-3` or `series-other`.
    pub class: String,
}

/// The shares of `parts` over `days`, the first part at the bottom. A day without counts is a gap.
pub fn stacked_shares(title: &str, days: &[NaiveDate], parts: &[Part], width: f64) -> String {
    let height = (width * 0.34).clamp(180.0, 280.0);
    let mut svg = Svg::new(width, height, title);
    let (bottom, right) = (height - BOTTOM, width - RIGHT);
    let y_of = |share: f64| bottom - (bottom - TOP) * share.clamp(0.0, 1.0);
    for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let class = if tick == 0.0 { "axis" } else { "grid" };
        svg.line(class, (LEFT, y_of(tick)), (right, y_of(tick)));
        svg.text(
            "tick",
            LEFT - 6.0,
            y_of(tick) + 4.0,
            "end",
            &format_share(tick),
        );
    }
    let step = (right - LEFT) / days.len().max(1) as f64;
    let left_of = |index: usize| LEFT + step * index as f64;
    let middle_of = |index: usize| left_of(index) + step / 2.0;
    draw_day_labels(
        &mut svg,
        &day_labels(days, right - LEFT, 64.0),
        height - 6.0,
        middle_of,
        (LEFT, width),
    );
    for (index, day) in days.iter().enumerate() {
        let count = |part: &Part| count_of(part, index);
        let total: f64 = parts.iter().map(count).sum();
        svg.raw(format_args!(
            "<g class=\"column\"><title>{}</title>",
            escaped(&tooltip(*day, index, parts, total))
        ));
        let mut below = 0.0;
        for part in parts.iter().filter(|part| total > 0.0 && count(part) > 0.0) {
            let share = count(part) / total;
            let (low, high) = (y_of(below), y_of(below + share));
            // Slightly wider than the day, so that no seam shows; the last stays inside.
            let (x, end) = (left_of(index), (left_of(index) + step + 0.3).min(right));
            svg.raw(format_args!(
                "<g class=\"{}\"><rect class=\"stack\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/></g>",
                escaped(&part.class),
                at(x),
                at(high),
                at(end - x),
                at((low - high).max(0.0))
            ));
            below += share;
        }
        svg.rectangle("hit", left_of(index), TOP, step, bottom - TOP);
        svg.raw(format_args!("</g>"));
    }
    svg.finish()
}

fn count_of(part: &Part, index: usize) -> f64 {
    let count = part.counts.get(index).copied().unwrap_or(0.0);
    if count.is_finite() {
        count.clamp(0.0, 1e300)
    } else {
        0.0
    }
}

fn tooltip(day: NaiveDate, index: usize, parts: &[Part], total: f64) -> String {
    let mut text = day.format("%a %-d %B %Y").to_string();
    for part in parts.iter().rev() {
        let count = count_of(part, index);
        if count > 0.0 && total > 0.0 {
            let share = format_share(count / total);
            text.push_str(&format!(
                "\n{}: {share} ({})",
                part.name,
                format_count(count)
            ));
        }
    }
    if total == 0.0 {
        text.push_str("\nno data");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_of_a_day_add_up_and_an_empty_day_is_a_gap() {
        let first: NaiveDate = "2026-11-01".parse().unwrap();
        let days: Vec<NaiveDate> = first.iter_days().take(2).collect();
        let part = |name: &str, counts: [f64; 2]| Part {
            name: name.to_owned(),
            counts: counts.to_vec(),
            class: "series-1".to_owned(),
        };
        let parts = [part("1.0", [3.0, 0.0]), part("<2.0>", [1.0, f64::NAN])];
        let svg = stacked_shares("t", &days, &parts, 720.0);
        assert_eq!(svg.matches("class=\"stack\"").count(), 2);
        assert!(
            svg.contains("&lt;2.0&gt;: 25 % (1)\n1.0: 75 % (3)"),
            "{svg}"
        );
        assert!(svg.contains("no data"));
    }
}
