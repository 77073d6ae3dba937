//! Timelines of spans.

use crate::axis::Axis;
use crate::number::format_duration;
use crate::svg::{Svg, escaped, truncated};

const ROW: f64 = 26.0;
const TOP: f64 = 22.0;

/// A span. Times are seconds from the start of the timeline.
#[derive(Debug, Clone, Default)]
pub struct Span {
    /// Its name.
    pub name: String,
    /// Its start.
    pub start: f64,
    /// Its end, if known.
    pub end: Option<f64>,
    /// Its class: `completed`, `failed` or `running`.
    pub class: &'static str,
}

/// A row for each span, in the given order, over a common axis of seconds.
pub fn timeline(title: &str, spans: &[Span], width: f64) -> String {
    let height = TOP + ROW * spans.len().max(1) as f64 + 4.0;
    let mut svg = Svg::new(width, height, title);
    let ends = spans.iter().map(|span| span.end.unwrap_or(span.start));
    let last = ends.filter(|end| end.is_finite()).fold(0.0, f64::max);
    let axis = Axis::over(last, if width < 500.0 { 2.0 } else { 5.0 }, false);
    let names = (width * 0.34).min(260.0);
    let right = width - 30.0;
    let x_of = |seconds: f64| {
        let seconds = if seconds.is_finite() {
            seconds.max(0.0)
        } else {
            0.0
        };
        names + (right - names) * (seconds / axis.top).min(1.0)
    };
    for tick in axis.ticks() {
        svg.line("grid", (x_of(tick), TOP - 4.0), (x_of(tick), height));
        svg.text("tick", x_of(tick), 12.0, "middle", &format_duration(tick));
    }
    for (index, span) in spans.iter().enumerate() {
        let y = TOP + ROW * index as f64;
        svg.raw(format_args!(
            "<g class=\"row {}\"><title>{}</title>",
            span.class,
            escaped(&tooltip(span))
        ));
        svg.text(
            "label",
            names - 10.0,
            y + 16.0,
            "end",
            &truncated(&span.name, names - 12.0),
        );
        match span.end.filter(|end| *end > span.start) {
            Some(end) => {
                let x = x_of(span.start);
                svg.rectangle("bar", x, y + 5.0, (x_of(end) - x).max(2.0), ROW - 11.0);
            }
            None => svg.dot("dot", x_of(span.start), y + ROW / 2.0 - 0.5, 4.0),
        }
        svg.raw(format_args!("</g>"));
    }
    svg.finish()
}

fn tooltip(span: &Span) -> String {
    let start = format!(
        "{}\n{}, started after {}",
        span.name,
        span.class,
        format_duration(span.start)
    );
    match span.end {
        Some(end) => format!(
            "{start}, took {}",
            format_duration((end - span.start).max(0.0))
        ),
        None => format!("{start}, end unknown"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_without_an_end_is_a_dot() {
        let span = |end| Span {
            name: "write".to_owned(),
            start: 1.0,
            end,
            class: "completed",
        };
        let svg = timeline("t", &[span(Some(3.0)), span(None)], 720.0);
        assert_eq!(svg.matches("class=\"bar\"").count(), 1);
        assert_eq!(svg.matches("<circle").count(), 1);
        assert!(
            svg.contains("completed, started after 1 s, took 2 s"),
            "{svg}"
        );
    }
}
