//! The page of deployments.

use super::desk::Desk;
use super::figures::funnel;
use super::panel::Panel;

/// Its panels.
pub(crate) async fn show(desk: &Desk) -> Vec<Panel> {
    let (deployments, projects) =
        futures::join!(desk.report("deployments"), desk.report("projects"));
    let steps = funnel(&deployments, "step", "count", "Steps of a deployment");
    vec![
        Panel::of(desk, &deployments, None)
            .with(steps)
            .with_open_table()
            .wide(),
        Panel::of(desk, &projects, None).wide(),
    ]
}
