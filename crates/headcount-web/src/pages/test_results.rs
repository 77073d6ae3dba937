//! The tests page: scores from the framework's test command.

use super::context::PageContext;
use super::figures::box_plots;
use super::panel::Panel;

/// The panels.
pub(crate) async fn show(context: &PageContext) -> Vec<Panel> {
    let (tests, previous) = futures::join!(context.report("tests"), context.previous("tests"));
    let quality = box_plots(&tests, "model", "quality", "Scores by model, 0 to 10");
    let time = box_plots(
        &tests,
        "model",
        "time",
        "Execution time of iterations by model",
    );
    vec![
        Panel::of(context, &tests, None)
            .titled(
                "quality",
                "Quality",
                "How are the scores distributed? Line: minimum to maximum. Box: middle half. Bar: median. Dot: mean.",
            )
            .with_figure(quality),
        Panel::of(context, &tests, None)
            .titled("time", "Time", "How long do iterations take? The same chart type.")
            .with_figure(time),
        Panel::of(context, &tests, Some("results"))
            .titled("tests", "All numbers", &tests.header.question)
            .compared(&tests, previous.as_ref(), &["model"], "results")
            .wide(),
    ]
}
