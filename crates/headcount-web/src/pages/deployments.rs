//! The deployments page.

use super::context::PageContext;
use super::figures::steps;
use super::panel::Panel;

/// The panels.
pub(crate) async fn show(context: &PageContext) -> Vec<Panel> {
    let (deployments, previous, projects) = futures::join!(
        context.report("deployments"),
        context.previous("deployments"),
        context.report("projects"),
    );
    let bars = steps(&deployments, "step", "count", "Steps of deployments");
    vec![
        Panel::of(context, &deployments, None)
            .with_figure(bars)
            .with_open_table()
            .compared(&deployments, previous.as_ref(), &["step"], "count")
            .wide(),
        Panel::of(context, &projects, None).wide(),
    ]
}
