//! The tools page.

use super::context::PageContext;
use super::figures::trend_of_top;
use super::panel::Panel;

/// The panels.
pub(crate) async fn show(context: &PageContext) -> Vec<Panel> {
    let (tools, previous, by_period) = futures::join!(
        context.report("tools"),
        context.previous("tools"),
        context.by_period("tools"),
    );
    let trend = trend_of_top(
        context,
        &by_period,
        &tools.texts("tool"),
        "tool",
        "crews",
        "Crews by tool",
    );
    vec![
        Panel::of(context, &by_period, None)
            .titled(
                "trend",
                "Crews by tool",
                "How many crews have the most common tools?",
            )
            .with_figure(trend)
            .wide(),
        Panel::of(context, &tools, Some("crews"))
            .titled("tools", "Tools", &tools.header.question)
            .compared(&tools, previous.as_ref(), &["tool"], "crews")
            .wide(),
    ]
}
