//! Answers as charts. Each is made three times: over the page's width, over half of it, and for a narrow screen.

use chrono::NaiveDate;
use headcount_charts::{
    Part, Spread, Step, format_count, format_duration, format_short, stacked_shares, time_series,
};

use super::desk::{Desk, Shown};

pub(crate) use headcount_charts::{Span, bar, sparkline};

/// Widths of a chart in its own units; a unit is about a pixel where it is shown.
const WIDE: f64 = 1180.0;
const HALF: f64 = 580.0;
const NARROW: f64 = 330.0;

/// The most lines or parts that can be told apart.
const MOST: usize = 8;

/// A chart with the names of its colours.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figure {
    pub(crate) wide: String,
    pub(crate) half: String,
    pub(crate) narrow: String,
    pub(crate) legend: Vec<Legend>,
}

/// A colour and its name.
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
        let (name, before) = (name.to_owned(), Vec::new());
        Self {
            inner: headcount_charts::Line {
                name,
                values,
                before,
            },
        }
    }

    /// Where nothing is counted, the count is zero.
    pub(crate) fn counted(mut self) -> Self {
        for value in &mut self.inner.values {
            *value = value.or(Some(0.0));
        }
        self
    }

    /// With the values of the time before.
    pub(crate) fn with_before(mut self, before: Vec<Option<f64>>) -> Self {
        self.inner.before = before
            .into_iter()
            .map(|value| value.or(Some(0.0)))
            .collect();
        self
    }
}

/// A figure in each width.
fn each_width(draw: impl Fn(f64) -> String) -> Figure {
    Figure {
        wide: draw(WIDE),
        half: draw(HALF),
        narrow: draw(NARROW),
        legend: Vec::new(),
    }
}

/// Lines over the periods; no figure where there is no value.
pub(crate) fn trend(title: &str, periods: &[NaiveDate], lines: &[Line]) -> Figure {
    let lines: Vec<headcount_charts::Line> = lines
        .iter()
        .take(MOST)
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
    let mut figure = each_width(|width| time_series(title, periods, &lines, width, show));
    let class = |index: usize| format!("series-{}", index + 1);
    let entries = lines.iter().enumerate().map(|(index, line)| Legend {
        name: line.name.clone(),
        class: class(index),
    });
    figure.legend = entries.collect();
    figure
}

/// The leading names of a report over the periods: `names` in order, their values in the column `value`.
pub(crate) fn trend_of_leaders(
    desk: &Desk,
    by_period: &Shown,
    names: &[String],
    name: &str,
    value: &str,
    title: &str,
) -> Figure {
    let periods = desk.periods(by_period);
    let series = by_period.series(Some(name), value, &periods);
    let leaders = names.iter().filter(|name| is_shown(name)).take(6);
    let line = |leader: &String| {
        let found = series.iter().find(|(known, _)| known == leader);
        let values = found.map_or_else(|| vec![None; periods.len()], |(_, values)| values.clone());
        Line::new(leader, values).counted()
    };
    let lines: Vec<Line> = leaders.map(line).collect();
    trend(title, &periods, &lines)
}

/// Whether the name is one, and not the row that stands for the folded ones.
fn is_shown(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('(')
}

/// The shares of the names by their counts over the periods: the most frequent, and all others as one.
pub(crate) fn shares(
    desk: &Desk,
    by_period: &Shown,
    name: &str,
    count: &str,
    title: &str,
) -> Figure {
    let periods = desk.periods(by_period);
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
    let others = series.split_off(series.len().min(MOST - 1));
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
            name: format!("{} others", others.len()),
            counts: sum,
            class: "series-other".to_owned(),
        });
    }
    let mut figure = each_width(|width| stacked_shares(title, &periods, &parts, width));
    let entry = |part: &Part| Legend {
        name: part.name.clone(),
        class: part.class.clone(),
    };
    figure.legend = parts.iter().map(entry).collect();
    figure
}

/// The first `count` names of a report by their values.
pub(crate) fn ranked(shown: &Shown, name: &str, value: &str, count: usize, title: &str) -> Figure {
    let pairs = shown.texts(name).into_iter().zip(shown.numbers(value));
    let known = pairs.filter_map(|(name, value)| Some((name, value?)));
    let shown = known.filter(|(name, _)| is_shown(name));
    let rows: Vec<(String, f64)> = shown.take(count).collect();
    ranked_rows(title, &rows)
}

/// Names with their values, in this order.
pub(crate) fn ranked_rows(title: &str, rows: &[(String, f64)]) -> Figure {
    if rows.is_empty() {
        return Figure::default();
    }
    each_width(|width| headcount_charts::ranked(title, rows, width))
}

/// How `quality` or `time` spread, by the names of a report.
pub(crate) fn spread(shown: &Shown, name: &str, measure: &str, title: &str) -> Figure {
    let column = |part: &str| shown.numbers(&format!("{measure}_{part}"));
    let (least, quarter, median) = (column("min"), column("p25"), column("p50"));
    let (three_quarters, greatest, mean) = (column("p75"), column("max"), column("avg"));
    let at = |values: &[Option<f64>], index: usize| values.get(index).copied().flatten();
    let rows: Vec<Spread> = shown
        .texts(name)
        .into_iter()
        .enumerate()
        .map(|(index, name)| Spread {
            name,
            least: at(&least, index),
            quarter: at(&quarter, index),
            median: at(&median, index),
            three_quarters: at(&three_quarters, index),
            greatest: at(&greatest, index),
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
    each_width(|width| headcount_charts::spread(title, &rows, top, width, show))
}

/// The steps of a report with their counts.
pub(crate) fn funnel(shown: &Shown, name: &str, count: &str, title: &str) -> Figure {
    let pairs = shown.texts(name).into_iter().zip(shown.numbers(count));
    let steps: Vec<Step> = pairs
        .map(|(name, count)| Step {
            name: super::table::label(&name),
            count: count.unwrap_or(0.0),
        })
        .collect();
    if steps.is_empty() {
        return Figure::default();
    }
    each_width(|width| headcount_charts::funnel(title, &steps, width))
}

/// What ran when.
pub(crate) fn timeline(title: &str, spans: &[Span]) -> Figure {
    if spans.is_empty() {
        return Figure::default();
    }
    each_width(|width| headcount_charts::timeline(title, spans, width))
}
