//! The tasks page.

use headcount_charts::{format_count, format_duration, format_share};

use super::context::PageContext;
use super::figures::{Line, trend};
use super::panel::{Panel, Tile};
use super::report_view::ReportView;
use crate::role::Visibility as _;

/// The tiles and panels.
pub(crate) async fn show(context: &PageContext) -> (Vec<Tile>, Vec<Panel>) {
    let (tasks, previous, by_period, failures, completions) = futures::join!(
        context.report("tasks"),
        context.previous("tasks"),
        context.by_period("tasks"),
        context.report("failures"),
        context.report("completions"),
    );
    let periods = context.periods(&by_period);
    let only = |series: Vec<(String, Vec<Option<f64>>)>| {
        let mut values = series.into_iter().map(|(_, values)| values);
        values.next().unwrap_or_default()
    };
    let line =
        |name: &str, column: &str| Line::new(name, only(by_period.series(None, column, &periods)));
    let counted =
        |name: &str, column: &str| Line::new(name, only(by_period.counts(None, column, &periods)));
    let unknown = if context.role.sees_all() {
        "not reported"
    } else {
        "–"
    };
    let shown = context.periods_of(&periods, unknown);
    let durations = trend(
        "Task duration in seconds",
        shown,
        &[
            line("median", "duration_p50"),
            line("95th percentile", "duration_p95"),
        ],
    );
    let outcomes = trend(
        "Tasks by outcome",
        shown,
        &[
            counted("started", "started"),
            counted("completed", "completed"),
            counted("failed", "failed"),
        ],
    );
    let panels = vec![
        Panel::of(context, &by_period, None)
            .titled(
                "durations",
                "Durations",
                "How long do tasks take, in seconds?",
            )
            .with_figure(durations),
        Panel::of(context, &by_period, None)
            .titled(
                "outcomes",
                "Outcomes",
                "How many tasks start, complete and fail?",
            )
            .with_figure(outcomes),
        Panel::of(context, &tasks, None).transposed().wide(),
        Panel::of(context, &failures, Some("failures")),
        Panel::of(context, &completions, None),
    ];
    (tiles(&tasks, previous.as_ref()), panels)
}

fn tiles(tasks: &ReportView, previous: Option<&ReportView>) -> Vec<Tile> {
    let number = |view: &ReportView, column: &str| view.numbers(column).first().copied().flatten();
    let share = |view: &ReportView, part: &str, whole: &str| {
        let (part, whole) = (number(view, part)?, number(view, whole)?);
        (whole > 0.0).then(|| part / whole)
    };
    let tile = |label: &str, column: &str, show: fn(f64) -> String| {
        let old = previous.and_then(|previous| number(previous, column));
        Tile::of(label, number(tasks, column), old, show)
    };
    let shares = |label: &str, part: &str, whole: &str| {
        let old = previous.and_then(|previous| share(previous, part, whole));
        Tile::of(label, share(tasks, part, whole), old, format_share)
    };
    vec![
        tile("distinct tasks", "tasks", format_count),
        tile("started", "started", format_count),
        tile("median duration", "duration_p50", format_duration),
        tile("95th percentile", "duration_p95", format_duration),
        shares("failed", "failed", "ended"),
        shares("asynchronous", "async", "definitions"),
        shares("ask a human", "human_input", "definitions"),
    ]
}
