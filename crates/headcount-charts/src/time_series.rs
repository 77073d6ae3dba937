//! Time series.

use chrono::NaiveDate;

use crate::axis::{Axis, day_labels, draw_day_labels};
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
    /// A value for each day.
    pub values: Vec<Option<f64>>,
    /// The values of the previous period, day by day; may be empty.
    pub previous: Vec<Option<f64>>,
}

/// The most lines of a chart.
const MAX_LINES: usize = 8;

/// Up to eight lines over days. The n-th line has the class `series-n`.
#[derive(Debug, Clone, Copy)]
pub struct TimeSeries<'a> {
    /// The accessible title.
    pub title: &'a str,
    /// The days, or the first days of longer periods.
    pub days: &'a [NaiveDate],
    /// The lines; those after the eighth are left out.
    pub lines: &'a [Line],
    /// Formats values in tooltips.
    pub show: fn(f64) -> String,
    /// What a tooltip says instead of a value that is not known.
    pub unknown: &'a str,
    /// Whether the last day is not over: its values still grow, so that no line falls to them.
    pub is_last_running: bool,
}

impl TimeSeries<'_> {
    /// The chart as SVG, `width` units wide.
    pub fn draw(&self, width: f64) -> String {
        draw(self, width)
    }
}

fn draw(chart: &TimeSeries<'_>, width: f64) -> String {
    let days = chart.days;
    let lines = &chart.lines[..chart.lines.len().min(MAX_LINES)];
    let running = (chart.is_last_running && !days.is_empty()).then(|| days.len() - 1);
    let height = (width * 0.34).clamp(180.0, 280.0);
    let mut svg = Svg::new(width, height, chart.title);
    let axis = axis_over(lines);
    let (bottom, right) = (height - BOTTOM, width - RIGHT);
    let y_of = |value: f64| bottom - (bottom - TOP) * (value.max(0.0) / axis.top).min(1.0);
    let x_of = |index: usize| match days.len() {
        0 | 1 => f64::midpoint(LEFT, right),
        count => LEFT + (right - LEFT) * index as f64 / (count - 1) as f64,
    };
    for tick in axis.ticks() {
        let (class, y) = (if tick == 0.0 { "axis" } else { "grid" }, y_of(tick));
        svg.line(class, (LEFT, y), (right, y));
        svg.text("tick", LEFT - 6.0, y + 4.0, "end", &format_short(tick));
    }
    let labels = day_labels(days, right - LEFT, 64.0);
    draw_day_labels(&mut svg, &labels, height - 6.0, x_of, (LEFT, width));
    for (index, line) in lines.iter().enumerate() {
        svg.raw(format_args!("<g class=\"series-{}\">", index + 1));
        draw_line(&mut svg, "previous", &line.previous, days.len(), x_of, y_of);
        let over = running.unwrap_or(days.len());
        draw_line(&mut svg, "line", &line.values, over, x_of, y_of);
        let so_far = running.and_then(|last| Some((last, line.values.get(last).copied()??)));
        if let Some((last, value)) = so_far.filter(|(_, value)| value.is_finite()) {
            svg.dot("dot running", x_of(last), y_of(value), 3.0);
        }
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
        let text = escaped(&tooltip(chart, *day, index));
        svg.raw(format_args!("<g class=\"column\"><title>{text}</title>"));
        svg.rectangle("hit", left, TOP, column_width, bottom - TOP);
        svg.raw(format_args!("</g>"));
    }
    svg.finish()
}

/// The axis over the values of all lines, in whole steps where they are whole.
fn axis_over(lines: &[Line]) -> Axis {
    let values = lines
        .iter()
        .flat_map(|line| line.values.iter().chain(&line.previous));
    let finite = values.flatten().copied().filter(|value| value.is_finite());
    let greatest = finite.fold(0.0, f64::max);
    let are_whole = lines
        .iter()
        .flat_map(|line| &line.values)
        .flatten()
        .all(|value| value.fract() == 0.0);
    Axis::over(greatest, 4.0, are_whole)
}

/// The values of a day as text.
fn tooltip(chart: &TimeSeries<'_>, day: NaiveDate, index: usize) -> String {
    let mut text = day.format("%a %-d %B %Y").to_string();
    if chart.is_last_running && index + 1 == chart.days.len() {
        text.push_str(", so far");
    }
    let show = chart.show;
    for line in chart.lines.iter().take(MAX_LINES) {
        let value = |values: &[Option<f64>]| values.get(index).copied().flatten();
        let current = value(&line.values).map_or_else(|| chart.unknown.to_owned(), show);
        text.push_str(&format!("\n{}: {current}", line.name));
        if let Some(previous) = value(&line.previous) {
            text.push_str(&format!(" (previous: {})", show(previous)));
        }
    }
    text
}

/// Draws lines between gaps; a single value is a dot.
fn draw_line(
    svg: &mut Svg,
    class: &str,
    values: &[Option<f64>],
    count: usize,
    x_of: impl Fn(usize) -> f64,
    y_of: impl Fn(f64) -> f64,
) {
    let mut path = String::new();
    let mut single = Vec::new();
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
            single.push((x, y));
        }
    }
    if !path.is_empty() {
        svg.raw(format_args!("<path class=\"{class}\" d=\"{path}\"/>"));
    }
    if class == "line" {
        for (x, y) in single {
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
            previous: Vec::new(),
        }
    }

    fn chart(days: &[NaiveDate], lines: &[Line]) -> String {
        of_running(days, lines, false)
    }

    fn of_running(days: &[NaiveDate], lines: &[Line], is_last_running: bool) -> String {
        let chart = TimeSeries {
            title: "t",
            days,
            lines,
            show: format_count,
            unknown: "fewer than 5 crews",
            is_last_running,
        };
        chart.draw(720.0)
    }

    /// The day has just begun, and the line must not fall to it.
    #[test]
    fn the_running_day_is_a_dot_beside_the_line() {
        let values = [Some(40.0), Some(41.0), Some(2.0)];
        let points = |svg: &str| {
            let path = svg.split("class=\"line\" d=\"").nth(1).unwrap().to_owned();
            path[..path.find('"').unwrap()].matches(['M', 'L']).count()
        };
        let over = of_running(&days(3), &[line(&values)], false);
        assert_eq!((points(&over), over.matches("<circle").count()), (3, 0));
        let running = of_running(&days(3), &[line(&values)], true);
        assert_eq!(points(&running), 2, "{running}");
        assert_eq!(running.matches("class=\"dot running\"").count(), 1);
        assert!(
            running.contains("Tue 3 November 2026, so far\nruns: 2<"),
            "{running}"
        );
        assert!(!running.contains("Mon 2 November 2026, so far"));
    }

    #[test]
    fn a_gap_splits_the_line_and_a_single_value_is_a_dot() {
        let values = [
            Some(1.0),
            Some(2.0),
            None,
            Some(3.0),
            None,
            Some(1.0),
            Some(1.0),
        ];
        let svg = chart(&days(7), &[line(&values)]);
        let path = svg.split("class=\"line\" d=\"").nth(1).unwrap();
        let path = &path[..path.find('"').unwrap()];
        assert_eq!(path.matches('M').count(), 2, "{path}");
        assert_eq!(svg.matches("<circle").count(), 1);
    }

    #[test]
    fn each_day_lists_its_values() {
        let mut compared = line(&[Some(1200.0), None]);
        compared.previous = vec![Some(7.0), Some(8.0)];
        let svg = chart(&days(2), &[compared]);
        assert!(
            svg.contains("<title>Sun 1 November 2026\nruns: 1,200 (previous: 7)</title>"),
            "{svg}"
        );
        assert!(
            svg.contains("Mon 2 November 2026\nruns: fewer than 5 crews (previous: 8)"),
            "{svg}"
        );
        assert!(svg.contains("class=\"previous\""));
    }

    #[test]
    fn an_empty_chart_has_no_line() {
        let svg = of_running(&[], &[], true);
        assert!(svg.ends_with("</svg>") && !svg.contains("class=\"line\""));
    }
}
