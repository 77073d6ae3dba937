//! The page of releases.

use super::desk::Desk;
use super::figures::shares;
use super::panel::Panel;

/// Its panels.
pub(crate) async fn show(desk: &Desk) -> Vec<Panel> {
    let (versions, before, by_period, runtimes, runtimes_before, runtimes_by_period) = futures::join!(
        desk.report("versions"),
        desk.before("versions"),
        desk.by_period("versions"),
        desk.report("runtimes"),
        desk.before("runtimes"),
        desk.by_period("runtimes"),
    );
    let adoption = shares(
        desk,
        &by_period,
        "version",
        "runs",
        "Share of runs by release",
    );
    let runtime_share = shares(
        desk,
        &runtimes_by_period,
        "version",
        "runs",
        "Share of runs by runtime version",
    );
    vec![
        Panel::of(desk, &by_period, None)
            .titled(
                "adoption",
                "Adoption",
                "Which share of the runs is on which release?",
            )
            .with(adoption)
            .wide(),
        Panel::of(desk, &versions, Some("runs"))
            .compared(
                &versions,
                before.as_ref(),
                &["framework", "version"],
                "runs",
            )
            .wide(),
        Panel::of(desk, &runtimes_by_period, None)
            .titled(
                "runtime-adoption",
                "Runtimes over time",
                "Which share of the runs is on which version of the runtime?",
            )
            .with(runtime_share),
        Panel::of(desk, &runtimes, Some("runs")).compared(
            &runtimes,
            runtimes_before.as_ref(),
            &["runtime", "version"],
            "runs",
        ),
    ]
}
