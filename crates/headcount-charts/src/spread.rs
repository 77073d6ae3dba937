//! How values spread, by name.

use crate::axis::Axis;
use crate::svg::{Svg, escaped, fitted};

const ROW: f64 = 30.0;
const BOTTOM: f64 = 22.0;

/// How the values of one name spread. What is not known is not drawn.
#[derive(Debug, Clone, Default)]
pub struct Spread {
    /// The name.
    pub name: String,
    /// The least value.
    pub least: Option<f64>,
    /// A quarter of the values are at most this.
    pub quarter: Option<f64>,
    /// Half of the values are at most this.
    pub median: Option<f64>,
    /// Three quarters of the values are at most this.
    pub three_quarters: Option<f64>,
    /// The greatest value.
    pub greatest: Option<f64>,
    /// The mean.
    pub mean: Option<f64>,
}

/// A row for each name: a line from the least to the greatest value, a box over the middle half, a bar at the median, a
/// dot at the mean. The axis goes to `top`, or to the greatest value.
pub fn spread(
    title: &str,
    rows: &[Spread],
    top: Option<f64>,
    width: f64,
    show: fn(f64) -> String,
) -> String {
    let height = ROW * rows.len().max(1) as f64 + BOTTOM + 4.0;
    let mut svg = Svg::new(width, height, title);
    let all = rows
        .iter()
        .flat_map(|row| [row.greatest, row.three_quarters, row.median, row.mean]);
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
        svg.raw(format_args!(
            "<g class=\"row series-1\"><title>{}</title>",
            escaped(&told(row, show))
        ));
        svg.text(
            "label",
            names - 10.0,
            y + 4.0,
            "end",
            &fitted(&row.name, names - 12.0),
        );
        if let (Some(least), Some(greatest)) = (known(row.least), known(row.greatest)) {
            svg.line("whisker", (x_of(least), y), (x_of(greatest), y));
            for end in [least, greatest] {
                svg.line("whisker", (x_of(end), y - 4.0), (x_of(end), y + 4.0));
            }
        }
        if let (Some(low), Some(high)) = (known(row.quarter), known(row.three_quarters)) {
            svg.rectangle(
                "band",
                x_of(low),
                y - 8.0,
                (x_of(high) - x_of(low)).max(1.0),
                16.0,
            );
        }
        if let Some(median) = known(row.median) {
            svg.line("median", (x_of(median), y - 8.0), (x_of(median), y + 8.0));
        }
        if let Some(mean) = known(row.mean) {
            svg.dot("mean", x_of(mean), y, 3.5);
        }
        svg.raw(format_args!("</g>"));
    }
    svg.finish()
}

fn known(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

fn told(row: &Spread, show: fn(f64) -> String) -> String {
    let parts = [
        ("least", row.least),
        ("a quarter at most", row.quarter),
        ("median", row.median),
        ("three quarters at most", row.three_quarters),
        ("greatest", row.greatest),
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
    fn what_is_known_is_drawn_and_told() {
        let row = Spread {
            name: "gpt-4o".to_owned(),
            least: Some(6.0),
            greatest: Some(9.5),
            median: Some(8.0),
            mean: Some(f64::NAN),
            ..Spread::default()
        };
        let svg = spread("t", &[row], Some(10.0), 720.0, format_short);
        assert_eq!(svg.matches("class=\"whisker\"").count(), 3);
        assert_eq!(svg.matches("class=\"median\"").count(), 1);
        assert!(!svg.contains("class=\"band\"") && !svg.contains("class=\"mean\""));
        assert!(
            svg.contains("gpt-4o\nleast: 6\nmedian: 8\ngreatest: 9.5"),
            "{svg}"
        );
    }
}
