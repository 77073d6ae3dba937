//! Bar charts.

use crate::number::format_count;
use crate::svg::{Svg, escaped, truncated};

const ROW: f64 = 26.0;

/// Names with their values as horizontal bars, in the given order.
pub fn bar_chart(title: &str, rows: &[(String, f64)], width: f64) -> String {
    let height = ROW * rows.len().max(1) as f64 + 4.0;
    let mut svg = Svg::new(width, height, title);
    let greatest = rows
        .iter()
        .map(|(_, value)| positive(*value))
        .fold(0.0, f64::max);
    let names = (width * 0.38).min(240.0);
    let numbers = 64.0;
    let room = width - names - numbers;
    for (index, (name, value)) in rows.iter().enumerate() {
        let value = positive(*value);
        let y = ROW * index as f64 + 4.0;
        let length = if greatest > 0.0 {
            room * value / greatest
        } else {
            0.0
        };
        let tooltip = format!("{name}: {}", format_count(value));
        svg.raw(format_args!(
            "<g class=\"row\"><title>{}</title>",
            escaped(&tooltip)
        ));
        svg.text(
            "label",
            names - 8.0,
            y + 14.0,
            "end",
            &truncated(name, names - 10.0),
        );
        svg.rectangle("bar series-1", names, y + 2.0, length.max(1.0), ROW - 10.0);
        svg.text(
            "value",
            names + length.max(1.0) + 6.0,
            y + 14.0,
            "start",
            &format_count(value),
        );
        svg.raw(format_args!("</g>"));
    }
    svg.finish()
}

fn positive(value: f64) -> f64 {
    if value.is_finite() {
        value.clamp(0.0, 1e300)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_fills_the_width_and_tooltips_have_whole_names() {
        let long = "a tool with a name that nobody would want to read to its end".to_owned();
        let svg = bar_chart("t", &[(long.clone(), 10.0), ("b".to_owned(), 5.0)], 720.0);
        assert!(svg.contains(&format!("<title>{long}: 10</title>")));
        assert!(svg.contains("…</text>"));
        let widths: Vec<f64> = svg
            .split("width=\"")
            .skip(1)
            .map(|rest| rest[..rest.find('"').unwrap()].parse().unwrap())
            .collect();
        assert!((widths[0] - 2.0 * widths[1]).abs() < 0.2, "{widths:?}");
    }
}
