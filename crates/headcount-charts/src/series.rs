//! Lines over days.

use chrono::NaiveDate;

use crate::axis::{Axis, named_days, write_days};
use crate::number::format_short;
use crate::svg::{Svg, at, escaped};

const LEFT: f64 = 44.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 24.0;

/// A line: a value for each day; `None` is a gap.
#[derive(Debug, Clone, Default)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// A value for each day, in the days' order.
    pub values: Vec<Option<f64>>,
    /// The values of the time before, day by day; empty where nothing is compared.
    pub before: Vec<Option<f64>>,
}

/// Up to eight lines over `days` on an image of `width` units; `show` writes a value for whoever points at a day.
/// The n-th line has the class `series-n`.
pub fn time_series(
    title: &str,
    days: &[NaiveDate],
    lines: &[Line],
    width: f64,
    show: fn(f64) -> String,
) -> String {
    let height = (width * 0.34).clamp(180.0, 280.0);
    let mut svg = Svg::new(width, height, title);
    let values = lines
        .iter()
        .flat_map(|line| line.values.iter().chain(&line.before));
    let greatest = values.flatten().copied().filter(|value| value.is_finite());
    let greatest = greatest.fold(0.0, f64::max);
    let whole = lines
        .iter()
        .flat_map(|line| &line.values)
        .flatten()
        .all(|value| value.fract() == 0.0);
    let axis = Axis::over(greatest, 4.0, whole);
    let (bottom, right) = (height - BOTTOM, width - RIGHT);
    let y_of = |value: f64| bottom - (bottom - TOP) * (value.max(0.0) / axis.top).min(1.0);
    let x_of = |index: usize| match days.len() {
        0 | 1 => f64::midpoint(LEFT, right),
        count => LEFT + (right - LEFT) * index as f64 / (count - 1) as f64,
    };
    for tick in axis.ticks() {
        let class = if tick == 0.0 { "axis" } else { "grid" };
        svg.line(class, (LEFT, y_of(tick)), (right, y_of(tick)));
        svg.text(
            "tick",
            LEFT - 6.0,
            y_of(tick) + 4.0,
            "end",
            &format_short(tick),
        );
    }
    write_days(
        &mut svg,
        &named_days(days, right - LEFT, 64.0),
        height - 6.0,
        x_of,
        (LEFT, width),
    );
    for (index, line) in lines.iter().take(8).enumerate() {
        svg.raw(format_args!("<g class=\"series-{}\">", index + 1));
        draw(&mut svg, "previous", &line.before, days.len(), x_of, y_of);
        draw(&mut svg, "line", &line.values, days.len(), x_of, y_of);
        svg.raw(format_args!("</g>"));
    }
    let step = if days.len() > 1 {
        x_of(1) - x_of(0)
    } else {
        right - LEFT
    };
    for (index, day) in days.iter().enumerate() {
        let left = (x_of(index) - step / 2.0).max(LEFT - 4.0);
        let column_width = (x_of(index) + step / 2.0).min(width) - left;
        svg.raw(format_args!(
            "<g class=\"column\"><title>{}</title>",
            escaped(&told(*day, index, lines, show))
        ));
        svg.rectangle("hit", left, TOP, column_width, bottom - TOP);
        svg.raw(format_args!("</g>"));
    }
    svg.finish()
}

/// What is said about a day.
fn told(day: NaiveDate, index: usize, lines: &[Line], show: fn(f64) -> String) -> String {
    let mut text = day.format("%a %-d %B %Y").to_string();
    for line in lines.iter().take(8) {
        let value = |values: &[Option<f64>]| values.get(index).copied().flatten();
        let now = value(&line.values).map_or_else(|| "–".to_owned(), show);
        text.push_str(&format!("\n{}: {now}", line.name));
        if let Some(before) = value(&line.before) {
            text.push_str(&format!(" (before: {})", show(before)));
        }
    }
    text
}

/// The stretches between gaps; one value alone is a dot.
fn draw(
    svg: &mut Svg,
    class: &str,
    values: &[Option<f64>],
    count: usize,
    x_of: impl Fn(usize) -> f64,
    y_of: impl Fn(f64) -> f64,
) {
    let mut path = String::new();
    let mut alone = Vec::new();
    let known = |index: usize| {
        values
            .get(index)
            .copied()
            .flatten()
            .filter(|value| value.is_finite())
    };
    for index in 0..count.min(values.len()) {
        let Some(value) = known(index) else { continue };
        let has_left = index > 0 && known(index - 1).is_some();
        let has_right = index + 1 < count && known(index + 1).is_some();
        let (x, y) = (x_of(index), y_of(value));
        if has_left {
            path.push_str(&format!("L{} {}", at(x), at(y)));
        } else if has_right {
            path.push_str(&format!("M{} {}", at(x), at(y)));
        } else {
            alone.push((x, y));
        }
    }
    if !path.is_empty() {
        svg.raw(format_args!("<path class=\"{class}\" d=\"{path}\"/>"));
    }
    if class == "line" {
        for (x, y) in alone {
            svg.dot("dot", x, y, 3.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::format_count;

    fn days(count: usize) -> Vec<NaiveDate> {
        let first: NaiveDate = "2026-11-01".parse().unwrap();
        first.iter_days().take(count).collect()
    }

    fn line(values: &[Option<f64>]) -> Line {
        Line {
            name: "runs".to_owned(),
            values: values.to_vec(),
            before: Vec::new(),
        }
    }

    #[test]
    fn a_gap_parts_the_line_and_a_lone_value_is_a_dot() {
        let values = [
            Some(1.0),
            Some(2.0),
            None,
            Some(3.0),
            None,
            Some(1.0),
            Some(1.0),
        ];
        let svg = time_series("t", &days(7), &[line(&values)], 720.0, format_count);
        let path = svg.split("class=\"line\" d=\"").nth(1).unwrap();
        let path = &path[..path.find('"').unwrap()];
        assert_eq!(path.matches('M').count(), 2, "{path}");
        assert_eq!(svg.matches("<circle").count(), 1);
    }

    #[test]
    fn each_day_says_its_values() {
        let mut compared = line(&[Some(1200.0), None]);
        compared.before = vec![Some(7.0), Some(8.0)];
        let svg = time_series("t", &days(2), &[compared], 720.0, format_count);
        assert!(
            svg.contains("<title>Sun 1 November 2026\nruns: 1,200 (before: 7)</title>"),
            "{svg}"
        );
        assert!(
            svg.contains("Mon 2 November 2026\nruns: – (before: 8)"),
            "{svg}"
        );
        assert!(svg.contains("class=\"previous\""));
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let svg = time_series("t", &[], &[], 360.0, format_count);
        assert!(svg.ends_with("</svg>") && !svg.contains("class=\"line\""));
    }
}
