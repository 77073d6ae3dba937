//! The releases page.

use super::context::PageContext;
use super::figures::shares;
use super::panel::Panel;

/// The panels.
pub(crate) async fn show(context: &PageContext) -> Vec<Panel> {
    let (versions, previous, by_period, runtimes, previous_runtimes, runtimes_by_period) = futures::join!(
        context.report("versions"),
        context.previous("versions"),
        context.by_period("versions"),
        context.report("runtimes"),
        context.previous("runtimes"),
        context.by_period("runtimes"),
    );
    let adoption = shares(
        context,
        &by_period,
        "version",
        "runs",
        "Share of runs by release",
    );
    let runtime_share = shares(
        context,
        &runtimes_by_period,
        "version",
        "runs",
        "Share of runs by runtime version",
    );
    vec![
        Panel::of(context, &by_period, None)
            .titled(
                "adoption",
                "Adoption",
                "What share of runs uses each release?",
            )
            .with_figure(adoption)
            .wide(),
        Panel::of(context, &versions, Some("runs"))
            .compared(
                &versions,
                previous.as_ref(),
                &["framework", "version"],
                "runs",
            )
            .wide(),
        Panel::of(context, &runtimes_by_period, None)
            .titled(
                "runtime-adoption",
                "Runtimes over time",
                "What share of runs uses each runtime version?",
            )
            .with_figure(runtime_share),
        Panel::of(context, &runtimes, Some("runs")).compared(
            &runtimes,
            previous_runtimes.as_ref(),
            &["runtime", "version"],
            "runs",
        ),
    ]
}
