//! The features page: how crews and agents are configured, where they run, which features they use.

use super::context::PageContext;
use super::panel::Panel;

/// The panels.
pub(crate) async fn show(context: &PageContext) -> Vec<Panel> {
    let (features, previous, crews, agents, environment, previous_environment) = futures::join!(
        context.report("features"),
        context.previous("features"),
        context.report("crews"),
        context.report("agents"),
        context.report("environment"),
        context.previous("environment"),
    );
    let (flows, feedback, roles) = futures::join!(
        context.report("flows"),
        context.report("feedback"),
        context.report("roles"),
    );
    vec![
        Panel::of(context, &features, Some("uses"))
            .compared(&features, previous.as_ref(), &["feature", "source"], "uses")
            .wide(),
        Panel::of(context, &crews, Some("crews")).wide(),
        Panel::of(context, &agents, Some("agents")),
        Panel::of(context, &environment, Some("share")).compared(
            &environment,
            previous_environment.as_ref(),
            &["aspect", "value"],
            "runs",
        ),
        Panel::of(context, &flows, Some("started")).wide(),
        Panel::of(context, &feedback, None),
        Panel::of(context, &roles, None),
    ]
}
