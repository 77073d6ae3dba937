//! The page of tests: the scores that crews get in the framework's own test command.

use super::desk::Desk;
use super::figures::spread;
use super::panel::Panel;

/// Its panels.
pub(crate) async fn show(desk: &Desk) -> Vec<Panel> {
    let (tests, before) = futures::join!(desk.report("tests"), desk.before("tests"));
    let quality = spread(&tests, "model", "quality", "Scores by model, 0 to 10");
    let time = spread(
        &tests,
        "model",
        "time",
        "Execution time of an iteration by model",
    );
    vec![
        Panel::of(desk, &tests, None)
            .titled(
                "quality",
                "Quality",
                "How do the scores spread? Line: least to greatest. Box: the middle half. Bar: median. Dot: mean.",
            )
            .with(quality),
        Panel::of(desk, &tests, None)
            .titled("time", "Time", "How long do the iterations take? Drawn alike.")
            .with(time),
        Panel::of(desk, &tests, Some("results"))
            .titled("tests", "All figures", &tests.header.question)
            .compared(&tests, before.as_ref(), &["model"], "results")
            .wide(),
    ]
}
