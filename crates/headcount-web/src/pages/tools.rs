//! The page of tools.

use super::desk::Desk;
use super::figures::trend_of_leaders;
use super::panel::Panel;

/// Its panels.
pub(crate) async fn show(desk: &Desk) -> Vec<Panel> {
    let (tools, before, by_period) = futures::join!(
        desk.report("tools"),
        desk.before("tools"),
        desk.by_period("tools"),
    );
    let trend = trend_of_leaders(
        desk,
        &by_period,
        &tools.texts("tool"),
        "tool",
        "crews",
        "Crews by tool",
    );
    vec![
        Panel::of(desk, &by_period, None)
            .titled(
                "trend",
                "Crews by tool",
                "How many crews are equipped with the leading tools?",
            )
            .with(trend)
            .wide(),
        Panel::of(desk, &tools, Some("crews"))
            .titled("tools", "Tools", &tools.header.question)
            .compared(&tools, before.as_ref(), &["tool"], "crews")
            .wide(),
    ]
}
