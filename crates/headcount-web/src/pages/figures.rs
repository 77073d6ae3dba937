//! Answers as charts, each in three widths: the whole page, half a page, and a narrow screen.

use headcount_answer::visible;
use headcount_charts::{
    BoxPlot, Part, TimeSeries, format_count, format_duration, format_short, stacked_shares,
};
use headcount_reports::is_grouped;

use super::context::PageContext;
use super::periods::Periods;
use super::report_view::ReportView;
use super::table::label;

pub(crate) use headcount_charts::{Span, sparkline};

/// Widths of a chart in its own units; a unit is about a CSS pixel.
const WIDE: f64 = 1180.0;
const HALF: f64 = 580.0;
const NARROW: f64 = 330.0;

/// The most lines or parts with distinct colours.
const MAX_SERIES: usize = 8;

/// A chart with its legend.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figure {
    pub(crate) wide: String,
    pub(crate) half: String,
    pub(crate) narrow: String,
    pub(crate) legend: Vec<Legend>,
}

/// An entry of the legend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Legend {
    pub(crate) name: String,
    pub(crate) class: String,
}

/// A line of a trend.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    inner: headcount_charts::Line,
}

impl Line {
    pub(crate) fn new(name: &str, values: Vec<Option<f64>>) -> Self {
        let inner = headcount_charts::Line {
            name: name.to_owned(),
            values,
            previous: Vec::new(),
        };
        Self { inner }
    }

    /// Adds the values of the previous range.
    pub(crate) fn with_previous(mut self, previous: Vec<Option<f64>>) -> Self {
        self.inner.previous = previous;
        self
    }
}

/// A chart in each width.
fn each_width(draw: impl Fn(f64) -> String) -> Figure {
    Figure {
        wide: draw(WIDE),
        half: draw(HALF),
        narrow: draw(NARROW),
        legend: Vec::new(),
    }
}

/// Lines over the periods; empty without values.
pub(crate) fn trend(title: &str, periods: Periods<'_>, lines: &[Line]) -> Figure {
    let lines: Vec<headcount_charts::Line> = lines
        .iter()
        .take(MAX_SERIES)
        .map(|line| line.inner.clone())
        .collect();
    if lines
        .iter()
        .all(|line| line.values.iter().all(Option::is_none))
    {
        return Figure::default();
    }
    let is_whole = |line: &headcount_charts::Line| {
        line.values
            .iter()
            .flatten()
            .all(|value| value.fract() == 0.0)
    };
    let show = if lines.iter().all(is_whole) {
        format_count
    } else {
        format_short
    };
    let chart = TimeSeries {
        title,
        days: periods.days,
        lines: &lines,
        show,
        unknown: periods.unknown,
        is_last_running: periods.is_last_running,
    };
    let mut figure = each_width(|width| chart.draw(width));
    let class = |index: usize| format!("series-{}", index + 1);
    let entries = lines.iter().enumerate().map(|(index, line)| Legend {
        name: visible(&line.name).into_owned(),
        class: class(index),
    });
    figure.legend = entries.collect();
    figure
}

/// The first of `names` over the periods, with their values in the column `value`.
pub(crate) fn trend_of_top(
    context: &PageContext,
    by_period: &ReportView,
    names: &[String],
    name: &str,
    value: &str,
    title: &str,
) -> Figure {
    let periods = context.periods(by_period);
    let series = by_period.counts(Some(name), value, &periods);
    let top = names.iter().filter(|name| is_named(name)).take(6);
    // A name that has enough crews in the whole range, and in no period of it.
    let line = |wanted: &String| {
        let found = series.iter().find(|(known, _)| known == wanted);
        let values = found.map_or_else(|| vec![None; periods.len()], |(_, values)| values.clone());
        Line::new(wanted, values)
    };
    let lines: Vec<Line> = top.map(line).collect();
    trend(title, context.periods_of(&periods, &context.few()), &lines)
}

/// Whether it is a name, not the label of grouped values.
fn is_named(name: &str) -> bool {
    !name.is_empty() && !is_grouped(name)
}

/// The shares of the names over the periods: the most frequent ones, and the others as one.
pub(crate) fn shares(
    context: &PageContext,
    by_period: &ReportView,
    name: &str,
    count: &str,
    title: &str,
) -> Figure {
    let periods = context.periods(by_period);
    let mut series = by_period.series(Some(name), count, &periods);
    let total = |values: &[Option<f64>]| values.iter().flatten().sum::<f64>();
    series.sort_by(|(left_name, left), (right_name, right)| {
        total(right)
            .total_cmp(&total(left))
            .then_with(|| left_name.cmp(right_name))
    });
    if series.iter().all(|(_, values)| total(values) == 0.0) {
        return Figure::default();
    }
    let (grouped, mut series): (Vec<_>, Vec<_>) =
        series.into_iter().partition(|(name, _)| is_grouped(name));
    let mut others = series.split_off(series.len().min(MAX_SERIES - 1));
    let others_name = match grouped.is_empty() {
        true => format!("{} others", others.len()),
        false => "others".to_owned(),
    };
    others.extend(grouped);
    let counts = |values: &[Option<f64>]| -> Vec<f64> {
        values.iter().map(|value| value.unwrap_or(0.0)).collect()
    };
    let mut parts: Vec<Part> = series
        .iter()
        .enumerate()
        .map(|(index, (name, values))| Part {
            name: name.clone(),
            counts: counts(values),
            class: format!("series-{}", index + 1),
        })
        .collect();
    if !others.is_empty() {
        let mut sum = vec![0.0; periods.len()];
        for (_, values) in &others {
            for (sum, value) in sum.iter_mut().zip(counts(values)) {
                *sum += value;
            }
        }
        parts.push(Part {
            name: others_name,
            counts: sum,
            class: "series-other".to_owned(),
        });
    }
    let mut figure = each_width(|width| stacked_shares(title, &periods, &parts, width));
    let entry = |part: &Part| Legend {
        name: visible(&part.name).into_owned(),
        class: part.class.clone(),
    };
    figure.legend = parts.iter().map(entry).collect();
    figure
}

/// The first `count` names of a report with their values.
pub(crate) fn ranked(
    view: &ReportView,
    name: &str,
    value: &str,
    count: usize,
    title: &str,
) -> Figure {
    let pairs = view.texts(name).into_iter().zip(view.numbers(value));
    let known = pairs.filter_map(|(name, value)| Some((name, value?)));
    let named = known.filter(|(name, _)| is_named(name));
    let rows: Vec<(String, f64)> = named.take(count).collect();
    ranked_rows(title, &rows)
}

/// Names with their values, in this order.
pub(crate) fn ranked_rows(title: &str, rows: &[(String, f64)]) -> Figure {
    if rows.is_empty() {
        return Figure::default();
    }
    each_width(|width| headcount_charts::bar_chart(title, rows, width))
}

/// The distribution of `quality` or `time` by name.
pub(crate) fn box_plots(view: &ReportView, name: &str, measure: &str, title: &str) -> Figure {
    let column = |part: &str| view.numbers(&format!("{measure}_{part}"));
    let (min, lower_quartile, median) = (column("min"), column("p25"), column("p50"));
    let (upper_quartile, max, mean) = (column("p75"), column("max"), column("avg"));
    let at = |values: &[Option<f64>], index: usize| values.get(index).copied().flatten();
    let rows: Vec<BoxPlot> = view
        .texts(name)
        .into_iter()
        .enumerate()
        .map(|(index, name)| BoxPlot {
            name,
            min: at(&min, index),
            lower_quartile: at(&lower_quartile, index),
            median: at(&median, index),
            upper_quartile: at(&upper_quartile, index),
            max: at(&max, index),
            mean: at(&mean, index),
        })
        .filter(|row| row.mean.is_some() || row.median.is_some())
        .take(20)
        .collect();
    if rows.is_empty() {
        return Figure::default();
    }
    let is_quality = measure == "quality";
    let (top, show): (_, fn(f64) -> String) = if is_quality {
        (Some(10.0), format_short)
    } else {
        (None, format_duration)
    };
    each_width(|width| headcount_charts::box_plots(title, &rows, top, width, show))
}

/// The steps of a report with their counts, in their order. They are no funnel: each is reported on its own, some by newer
/// releases alone.
pub(crate) fn steps(view: &ReportView, name: &str, count: &str, title: &str) -> Figure {
    let pairs = view.texts(name).into_iter().zip(view.numbers(count));
    let named = pairs.filter(|(name, _)| is_named(name));
    let rows: Vec<(String, f64)> = named
        .filter_map(|(name, count)| Some((label(&name), count?)))
        .collect();
    ranked_rows(title, &rows)
}

/// Spans over time.
pub(crate) fn timeline(title: &str, spans: &[Span]) -> Figure {
    if spans.is_empty() {
        return Figure::default();
    }
    each_width(|width| headcount_charts::timeline(title, spans, width))
}
