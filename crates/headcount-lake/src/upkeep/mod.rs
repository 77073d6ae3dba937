//! Upkeep: keeps the tables small and quick to open, in the background.

mod checkpoint;
mod compaction;
mod expiry;
mod older_layout;
mod room;
mod vacuum;

#[cfg(test)]
pub(crate) use self::expiry::expire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::activity::milliseconds;
use crate::error::LakeError;
use crate::low_priority;
use crate::set_aside;
use crate::state::LakeState;

/// How often eras are merged, and files without a table removed while there is room.
const ROUND: Duration = Duration::from_secs(3600);

/// The extent of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Everything that is due by its own rules.
    Due,
    /// Everything that can be done now.
    All,
}

/// Goes through all tables once: compaction, checkpoint, vacuum. Each step of each table is tried, whatever became of the
/// others: a failed merge must not keep files that nobody needs on a full disk. Returns the first failure.
pub(crate) async fn run(state: &Arc<LakeState>, scope: Scope) -> Result<(), LakeError> {
    let progress = &mut *state.compacting.lock().await;
    let is_round = scope == Scope::All
        || progress
            .last_round
            .is_none_or(|last| last.elapsed() >= ROUND);
    let (began, before) = (Instant::now(), Done::so_far(state));
    let mut done = Ok(());
    for (id, _) in state.schema.iter() {
        let working = Arc::clone(state);
        let merged = low_priority::run(move || {
            let mut merged = match is_round {
                true => older_layout::remove(&working, id),
                false => Ok(()),
            };
            if scope == Scope::Due {
                merged = merged.and(compaction::merge_full_tiers(&working, id));
            }
            match is_round {
                true => merged.and(compaction::merge_eras(&working, id, scope == Scope::All)),
                false => merged,
            }
        })
        .await?;
        done = done.and(merged);
        if is_round && (scope == Scope::All || progress.last_round.is_some()) {
            let working = Arc::clone(state);
            done = done.and(low_priority::run(move || expiry::expire(&working, id)).await?);
        }
        done = done.and(checkpoint::write_when_due(state, progress, id).await);
        if is_round || room::is_short(state, &state.root) {
            let (working, mut inactive) =
                (Arc::clone(state), std::mem::take(&mut progress.inactive));
            let vacuumed = low_priority::run(move || {
                let vacuumed = vacuum::vacuum(&working, &mut inactive, id);
                (inactive, vacuumed)
            });
            let (inactive, vacuumed) = vacuumed.await?;
            progress.inactive = inactive;
            done = done.and(vacuumed);
        }
    }
    if is_round {
        let working = Arc::clone(state);
        let removed =
            low_priority::run(move || set_aside::remove_old(&*working.disk, &working.root));
        done = done.and(removed.await?);
        progress.last_round = Some(Instant::now());
    }
    before.report(state, began);
    done
}

/// What upkeep has done since the store was opened.
struct Done {
    merges: u64,
    merged_files: u64,
    removed_files: u64,
}

impl Done {
    fn so_far(state: &LakeState) -> Self {
        let activity = &state.activity;
        Self {
            merges: activity.merges.get(),
            merged_files: activity.merged_files.get(),
            removed_files: activity.removed_files.get(),
        }
    }

    /// Tells the log what was done since then; nothing if nothing was.
    fn report(&self, state: &LakeState, began: Instant) {
        let now = Self::so_far(state);
        let (merged, removed) = (
            now.merged_files - self.merged_files,
            now.removed_files - self.removed_files,
        );
        if merged + removed > 0 {
            tracing::info!(
                merged_files = merged,
                merges = now.merges - self.merges,
                removed_files = removed,
                ms = milliseconds(began),
                "merged small files of the tables, and removed files that no table needs"
            );
        }
    }
}
