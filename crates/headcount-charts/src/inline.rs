//! Small charts inside text, without labels of their own.

use crate::svg::at;

/// A bar of 100 by 10 units, filled to the ratio of `value` to `greatest`.
pub fn bar(value: f64, greatest: f64) -> String {
    let share = if value.is_finite() && greatest > 0.0 {
        (value / greatest).clamp(0.0, 1.0)
    } else {
        0.0
    };
    format!(
        "<svg class=\"chart\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><g class=\"series-1\">\
         <rect class=\"track\" width=\"100\" height=\"10\"/><rect class=\"bar\" width=\"{}\" height=\"10\"/></g></svg>",
        at(100.0 * share)
    )
}

/// A line of 120 by 28 units through the values, from zero to the greatest; empty for fewer than two.
pub fn sparkline(values: &[Option<f64>]) -> String {
    let known: Vec<(usize, f64)> = values
        .iter()
        .enumerate()
        .filter_map(|(index, value)| Some((index, (*value)?)))
        .filter(|(_, value)| value.is_finite())
        .collect();
    if known.len() < 2 {
        return String::new();
    }
    let greatest = known.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let last = (values.len() - 1).max(1) as f64;
    let mut path = String::new();
    let mut before = None;
    for (index, value) in &known {
        let x = 1.0 + 118.0 * *index as f64 / last;
        let share = if greatest > 0.0 {
            value.max(0.0) / greatest
        } else {
            0.0
        };
        // A value that is not known is a gap.
        let follows = index
            .checked_sub(1)
            .is_some_and(|left| before == Some(left));
        let letter = if follows { 'L' } else { 'M' };
        before = Some(*index);
        path.push_str(&format!("{letter}{} {}", at(x), at(26.0 - 24.0 * share)));
    }
    format!(
        "<svg class=\"chart\" viewBox=\"0 0 120 28\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><g class=\"series-1\">\
         <path class=\"line\" vector-effect=\"non-scaling-stroke\" d=\"{path}\"/></g></svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_charts_stay_inside_their_frame() {
        assert!(bar(3.0, 2.0).contains("class=\"bar\" width=\"100\""));
        assert!(bar(f64::NAN, 2.0).contains("class=\"bar\" width=\"0\""));
        assert!(bar(1.0, 0.0).contains("class=\"bar\" width=\"0\""));
        assert_eq!(sparkline(&[Some(1.0), None]), "");
        assert!(sparkline(&[Some(0.0), None, Some(4.0)]).contains("d=\"M1 26M119 2\""));
    }
}
