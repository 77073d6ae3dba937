//! The page of tasks.

use headcount_charts::{format_count, format_duration, format_share};

use super::desk::{Desk, Shown};
use super::figures::{Line, trend};
use super::panel::{Panel, Tile};

/// Its tiles and panels.
pub(crate) async fn show(desk: &Desk) -> (Vec<Tile>, Vec<Panel>) {
    let (tasks, before, by_period, failures, completions) = futures::join!(
        desk.report("tasks"),
        desk.before("tasks"),
        desk.by_period("tasks"),
        desk.report("failures"),
        desk.report("completions"),
    );
    let periods = desk.periods(&by_period);
    let line = |name: &str, column: &str| {
        let values = by_period.series(None, column, &periods);
        Line::new(
            name,
            values
                .into_iter()
                .next()
                .map(|(_, values)| values)
                .unwrap_or_default(),
        )
    };
    let durations = trend(
        "Duration of a task in seconds",
        &periods,
        &[
            line("median", "duration_p50"),
            line("95th percentile", "duration_p95"),
        ],
    );
    let outcomes = trend(
        "Tasks by outcome",
        &periods,
        &[
            line("started", "started").counted(),
            line("completed", "completed").counted(),
            line("failed", "failed").counted(),
        ],
    );
    let panels = vec![
        Panel::of(desk, &by_period, None)
            .titled(
                "durations",
                "Durations",
                "How long do tasks take, in seconds?",
            )
            .with(durations),
        Panel::of(desk, &by_period, None)
            .titled(
                "outcomes",
                "Outcomes",
                "How many tasks start, complete and fail?",
            )
            .with(outcomes),
        Panel::of(desk, &tasks, None).upright().wide(),
        Panel::of(desk, &failures, Some("failures")),
        Panel::of(desk, &completions, None),
    ];
    (tiles(&tasks, before.as_ref()), panels)
}

fn tiles(tasks: &Shown, before: Option<&Shown>) -> Vec<Tile> {
    let number = |shown: &Shown, column: &str| shown.numbers(column).first().copied().flatten();
    let share = |shown: &Shown, part: &str, whole: &str| {
        let (part, whole) = (number(shown, part)?, number(shown, whole)?);
        (whole > 0.0).then(|| part / whole)
    };
    let tile = |label: &str, column: &str, show: fn(f64) -> String| {
        let old = before.and_then(|before| number(before, column));
        Tile::of(label, number(tasks, column), old, show)
    };
    let shares = |label: &str, part: &str, whole: &str| {
        let old = before.and_then(|before| share(before, part, whole));
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
