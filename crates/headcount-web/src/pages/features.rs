//! The pages on how crews and agents are configured, which features they use, and where they run.

use super::context::PageContext;
use super::panel::Panel;

/// Features and the sizes of crews.
pub(crate) async fn show(context: &PageContext) -> Vec<Panel> {
    let (features, previous, crews) = futures::join!(
        context.report("features"),
        context.previous("features"),
        context.report("crews"),
    );
    vec![
        Panel::of(context, &features, Some("uses"))
            .compared(&features, previous.as_ref(), &["feature", "source"], "uses")
            .wide(),
        Panel::of(context, &crews, Some("crews")).wide(),
    ]
}

/// Agents and their roles.
pub(crate) async fn show_agents(context: &PageContext) -> Vec<Panel> {
    let (agents, roles) = futures::join!(context.report("agents"), context.report("roles"));
    vec![
        Panel::of(context, &agents, Some("agents")),
        Panel::of(context, &roles, None),
    ]
}

/// Flows, and what people answer in them.
pub(crate) async fn show_flows(context: &PageContext) -> Vec<Panel> {
    let (flows, feedback) = futures::join!(context.report("flows"), context.report("feedback"));
    vec![
        Panel::of(context, &flows, Some("started")).wide(),
        Panel::of(context, &feedback, None).wide(),
    ]
}

/// Where crews run.
pub(crate) async fn show_environments(context: &PageContext) -> Vec<Panel> {
    let (environment, previous) = futures::join!(
        context.report("environment"),
        context.previous("environment")
    );
    let keys = ["aspect", "value"];
    vec![
        Panel::of(context, &environment, Some("share"))
            .compared(&environment, previous.as_ref(), &keys, "runs")
            .wide(),
    ]
}
