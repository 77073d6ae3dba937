//! The options `--keep` and `--keep-shared`: fewer days than the catalog says.

use headcount_catalog::{Catalog, Retention};
use headcount_commands::exit;

/// For how long rows of each tier are kept, in days. Longer than the published catalog says is not offered: senders were promised that.
///
/// # Errors
/// A usage error for a number of days that is 0 or more than the catalog's.
pub(crate) fn retention(keep: Option<u32>, keep_shared: Option<u32>) -> anyhow::Result<Retention> {
    let most = Catalog::in_force().retention();
    for (option, days, most) in [
        ("--keep", keep, most.default_days),
        ("--keep-shared", keep_shared, most.shared_days),
    ] {
        if days.is_some_and(|days| days == 0 || days > most) {
            return Err(exit::usage(format!(
                "{option} must be between 1 and {most} days, which the catalog (TELEMETRY.md) promises"
            )));
        }
    }
    Ok(Retention {
        default_days: keep.unwrap_or(most.default_days),
        shared_days: keep_shared.unwrap_or(most.shared_days),
    })
}
