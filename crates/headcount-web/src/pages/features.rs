//! The page of features: how crews and agents are set up, where they run, what of the framework they use.

use super::desk::Desk;
use super::panel::Panel;

/// Its panels.
pub(crate) async fn show(desk: &Desk) -> Vec<Panel> {
    let (features, before, crews, agents, environment, environment_before) = futures::join!(
        desk.report("features"),
        desk.before("features"),
        desk.report("crews"),
        desk.report("agents"),
        desk.report("environment"),
        desk.before("environment"),
    );
    let (flows, feedback, roles) = futures::join!(
        desk.report("flows"),
        desk.report("feedback"),
        desk.report("roles"),
    );
    vec![
        Panel::of(desk, &features, Some("uses"))
            .compared(&features, before.as_ref(), &["feature", "source"], "uses")
            .wide(),
        Panel::of(desk, &crews, Some("crews")).wide(),
        Panel::of(desk, &agents, Some("agents")),
        Panel::of(desk, &environment, Some("share")).compared(
            &environment,
            environment_before.as_ref(),
            &["aspect", "value"],
            "runs",
        ),
        Panel::of(desk, &flows, Some("started")).wide(),
        Panel::of(desk, &feedback, None),
        Panel::of(desk, &roles, None),
    ]
}
