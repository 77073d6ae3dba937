//! For arbitrary names and numbers, charts are well-formed, inside the image, and contain no markup from names.

use chrono::NaiveDate;
use headcount_charts::{
    BoxPlot, Line, Part, Span, TimeSeries, bar, bar_chart, box_plots, format_short, sparkline,
    stacked_shares, timeline,
};
use proptest::prelude::*;

/// Checks that every element is closed, every attribute quoted, and every coordinate a number in the image.
fn check(svg: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = svg;
    while let Some(start) = rest.find('<') {
        let text = &rest[..start];
        assert!(!text.contains('>'), "a bracket in text: {text:?}");
        let end = start + rest[start..].find('>').expect("an end of the element");
        let element = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = element.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{svg}");
            continue;
        }
        let is_closed = element.ends_with('/');
        let element = element.trim_end_matches('/');
        let (name, attributes) = element.split_once(' ').unwrap_or((element, ""));
        let known = ["svg", "g", "path", "rect", "circle", "text", "title"];
        assert!(known.contains(&name), "an element {name:?}");
        check_attributes(attributes);
        if !is_closed {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} in {svg}");
}

fn check_attributes(attributes: &str) {
    let mut rest = attributes.trim();
    while let Some((name, after)) = rest.split_once("=\"") {
        assert!(
            name.trim()
                .bytes()
                .all(|byte| byte.is_ascii_alphabetic() || byte == b'-'),
            "{name:?}"
        );
        assert!(
            !name.trim().starts_with("on") && name.trim() != "style",
            "{name:?}"
        );
        let (value, following) = after.split_once('"').expect("a quote at the end");
        if ["x", "y", "cx", "cy", "width", "height"].contains(&name.trim()) {
            let number: f64 = value.parse().expect("a coordinate is a number");
            assert!((-1.0..100_000.0).contains(&number), "{name}={value}");
        }
        rest = following;
    }
    assert!(rest.trim().is_empty(), "{rest:?}");
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        0.0..1e6,
        Just(0.0),
        Just(f64::NAN),
        Just(1e300)
    ]
}

fn numbers() -> impl Strategy<Value = Vec<Option<f64>>> {
    prop::collection::vec(prop::option::of(number()), 0..40)
}

proptest! {
    #[test]
    fn every_chart_is_well_formed(
        name in ".{0,40}",
        rows in prop::collection::vec((".{0,40}", number()), 0..12),
        values in numbers(),
        previous in numbers(),
        count in 0_usize..60,
        width in prop_oneof![Just(360.0), Just(720.0)],
    ) {
        let first: NaiveDate = "2026-01-31".parse().unwrap();
        let days: Vec<NaiveDate> = first.iter_days().take(count).collect();
        let line = Line { name: name.clone(), values: values.clone(), previous };
        let chart = TimeSeries {
            title: &name,
            days: &days,
            lines: &[line.clone(), line],
            show: format_short,
            unknown: &name,
            is_last_running: count % 2 == 0,
        };
        check(&chart.draw(width));
        let counts: Vec<f64> = values.iter().map(|value| value.unwrap_or(f64::INFINITY)).collect();
        let part = Part { name: name.clone(), counts, class: "series-other".to_owned() };
        check(&stacked_shares(&name, &days, &[part.clone(), part], width));
        check(&bar_chart(&name, &rows, width));
        let at = |index: usize| values.get(index).copied().flatten();
        let row = BoxPlot { name: name.clone(), min: at(0), lower_quartile: at(1), median: at(2), upper_quartile: at(3), max: at(4), mean: at(5) };
        check(&box_plots(&name, &[row], None, width, format_short));
        let spans: Vec<Span> = rows.iter().map(|(name, start)| Span { name: name.clone(), start: *start, end: at(0), class: "failed" }).collect();
        check(&timeline(&name, &spans, width));
        check(&sparkline(&values));
        check(&bar(at(0).unwrap_or(0.0), at(1).unwrap_or(0.0)));
    }
}
