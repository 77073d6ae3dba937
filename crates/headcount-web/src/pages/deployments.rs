//! The page of deployments.

use super::desk::Desk;
use super::figures::funnel;
use super::panel::Panel;

/// Its panels.
pub(crate) async fn show(desk: &Desk) -> Vec<Panel> {
    let (deployments, before, projects) = futures::join!(
        desk.report("deployments"),
        desk.before("deployments"),
        desk.report("projects"),
    );
    let steps = funnel(&deployments, "step", "count", "Steps of a deployment");
    vec![
        Panel::of(desk, &deployments, None)
            .with(steps)
            .with_open_table()
            .compared(&deployments, before.as_ref(), &["step"], "count")
            .wide(),
        Panel::of(desk, &projects, None).wide(),
    ]
}
