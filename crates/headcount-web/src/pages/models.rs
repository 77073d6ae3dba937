//! The models page.

use super::context::PageContext;
use super::figures::trend_of_top;
use super::panel::Panel;

/// The panels.
pub(crate) async fn show(context: &PageContext) -> Vec<Panel> {
    let (models, previous, by_period) = futures::join!(
        context.report("models"),
        context.previous("models"),
        context.by_period("models"),
    );
    let trend = trend_of_top(
        context,
        &by_period,
        &models.texts("model"),
        "model",
        "crews",
        "Crews by model",
    );
    vec![
        Panel::of(context, &by_period, None)
            .titled(
                "trend",
                "Crews by model",
                "How many crews use the most used models?",
            )
            .with_figure(trend)
            .wide(),
        Panel::of(context, &models, Some("crews"))
            .titled("models", "Models", &models.header.question)
            .compared(&models, previous.as_ref(), &["model"], "crews")
            .wide(),
    ]
}
