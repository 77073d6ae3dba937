//! The page of models.

use super::desk::Desk;
use super::figures::trend_of_leaders;
use super::panel::Panel;

/// Its panels.
pub(crate) async fn show(desk: &Desk) -> Vec<Panel> {
    let (models, before, by_period) = futures::join!(
        desk.report("models"),
        desk.before("models"),
        desk.by_period("models"),
    );
    let trend = trend_of_leaders(
        desk,
        &by_period,
        &models.texts("model"),
        "model",
        "crews",
        "Crews by model",
    );
    vec![
        Panel::of(desk, &by_period, None)
            .titled(
                "trend",
                "Crews by model",
                "How many crews use the leading models?",
            )
            .with(trend)
            .wide(),
        Panel::of(desk, &models, Some("crews"))
            .titled("models", "Models", &models.header.question)
            .compared(&models, before.as_ref(), &["model"], "crews")
            .wide(),
    ]
}
