//! Box plots.

use crate::axis::Axis;
use crate::svg::{Svg, escaped, truncated};

const ROW: f64 = 30.0;
const BOTTOM: f64 = 22.0;

/// The distribution of the values of one name. Unknown numbers are not drawn.
#[derive(Debug, Clone, Default)]
pub struct BoxPlot {
    /// The name.
    pub name: String,
    /// The minimum.
    pub min: Option<f64>,
    /// The 25th percentile.
    pub lower_quartile: Option<f64>,
    /// The median.
    pub median: Option<f64>,
    /// The 75th percentile.
    pub upper_quartile: Option<f64>,
    /// The maximum.
    pub max: Option<f64>,
    /// The mean.
    pub mean: Option<f64>,
}

/// A row for each name: a line from the minimum to the maximum, a box over the middle half, a bar at the median, a dot at
/// the mean. The axis ends at `top`, or at the greatest value.
pub fn box_plots(
    title: &str,
    rows: &[BoxPlot],
    top: Option<f64>,
    width: f64,
    show: fn(f64) -> String,
) -> String {
    let height = ROW * rows.len().max(1) as f64 + BOTTOM + 4.0;
    let mut svg = Svg::new(width, height, title);
    let all = rows
        .iter()
        .flat_map(|row| [row.max, row.upper_quartile, row.median, row.mean]);
    let greatest = all
        .flatten()
        .filter(|value| value.is_finite())
        .fold(0.0, f64::max);
    let axis = Axis::over(
        top.unwrap_or(greatest),
        if width < 500.0 { 3.0 } else { 5.0 },
        false,
    );
    let names = (width * 0.36).min(220.0);
    let right = width - 24.0;
    let x_of = |value: f64| names + (right - names) * (value.max(0.0) / axis.top).min(1.0);
    let bottom = height - BOTTOM;
    for tick in axis.ticks() {
        svg.line("grid", (x_of(tick), 2.0), (x_of(tick), bottom));
        svg.text("tick", x_of(tick), height - 6.0, "middle", &show(tick));
    }
    for (index, row) in rows.iter().enumerate() {
        let y = ROW * index as f64 + ROW / 2.0 + 2.0;
        let text = escaped(&tooltip(row, show));
        svg.raw(format_args!(
            "<g class=\"row series-1\"><title>{text}</title>"
        ));
        let name = truncated(&row.name, names - 12.0);
        svg.text("label", names - 10.0, y + 4.0, "end", &name);
        draw_plot(&mut svg, row, y, x_of);
        svg.raw(format_args!("</g>"));
    }
    svg.finish()
}

fn draw_plot(svg: &mut Svg, row: &BoxPlot, y: f64, x_of: impl Fn(f64) -> f64) {
    if let (Some(min), Some(max)) = (known(row.min), known(row.max)) {
        svg.line("whisker", (x_of(min), y), (x_of(max), y));
        for end in [min, max] {
            svg.line("whisker", (x_of(end), y - 4.0), (x_of(end), y + 4.0));
        }
    }
    if let (Some(low), Some(high)) = (known(row.lower_quartile), known(row.upper_quartile)) {
        let width = (x_of(high) - x_of(low)).max(1.0);
        svg.rectangle("band", x_of(low), y - 8.0, width, 16.0);
    }
    if let Some(median) = known(row.median) {
        svg.line("median", (x_of(median), y - 8.0), (x_of(median), y + 8.0));
    }
    if let Some(mean) = known(row.mean) {
        svg.dot("mean", x_of(mean), y, 3.5);
    }
}

fn known(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

fn tooltip(row: &BoxPlot, show: fn(f64) -> String) -> String {
    let parts = [
        ("minimum", row.min),
        ("25th percentile", row.lower_quartile),
        ("median", row.median),
        ("75th percentile", row.upper_quartile),
        ("maximum", row.max),
        ("mean", row.mean),
    ];
    let mut text = row.name.clone();
    for (name, value) in parts {
        if let Some(value) = known(value) {
            text.push_str(&format!("\n{name}: {}", show(value)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::format_short;

    #[test]
    fn known_numbers_are_drawn_and_listed() {
        let row = BoxPlot {
            name: "gpt-4o".to_owned(),
            min: Some(6.0),
            max: Some(9.5),
            median: Some(8.0),
            mean: Some(f64::NAN),
            ..BoxPlot::default()
        };
        let svg = box_plots("t", &[row], Some(10.0), 720.0, format_short);
        assert_eq!(svg.matches("class=\"whisker\"").count(), 3);
        assert_eq!(svg.matches("class=\"median\"").count(), 1);
        assert!(!svg.contains("class=\"band\"") && !svg.contains("class=\"mean\""));
        assert!(
            svg.contains("gpt-4o\nminimum: 6\nmedian: 8\nmaximum: 9.5"),
            "{svg}"
        );
    }
}
