//! The room on the disk: merges leave enough of it for the log.

use std::path::Path;

use headcount_observe::ReportLimit;

use crate::state::LakeState;

/// Whether a merge of `bytes` fits below `folder` beside the reserve that the log needs ([`disk_reserve`]). Unknown room counts as enough: the merge
/// fails, and gives back what it took, if it is not.
///
/// [`disk_reserve`]: crate::LakeOptions::disk_reserve
pub(super) fn is_enough(state: &LakeState, folder: &Path, bytes: u64) -> bool {
    let Ok(free) = state.disk.free_bytes(folder) else {
        return true;
    };
    let is_enough = free >= bytes.saturating_add(state.options.disk_reserve);
    if !is_enough {
        static TOO_LITTLE: ReportLimit = ReportLimit::new();
        if let Some(withheld) = TOO_LITTLE.pass() {
            tracing::warn!(
                folder = %folder.display(), free, bytes, reserve = state.options.disk_reserve, withheld,
                "the disk has too little room to merge files; they stay as they are until there is more"
            );
        }
    }
    is_enough
}

/// Whether the disk has less room than the reserve: then files that no table needs go as early as readers allow.
pub(super) fn is_short(state: &LakeState, folder: &Path) -> bool {
    let free = state.disk.free_bytes(folder);
    free.is_ok_and(|free| free < state.options.disk_reserve)
}
