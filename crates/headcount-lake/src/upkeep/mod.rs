//! Upkeep: keeps the tables small and quick to open, in the background.

mod checkpoint;
pub(crate) mod compaction;
mod vacuum;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::LakeError;
use crate::low_priority;
use crate::state::LakeState;

/// How often past days are merged, and files without a table removed.
const ROUND: Duration = Duration::from_secs(3600);

/// The extent of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Everything that is due by its own rules.
    Due,
    /// Everything that can be done now.
    All,
}

/// Goes through all tables once: compaction, checkpoint, vacuum.
pub(crate) async fn run(state: &Arc<LakeState>, scope: Scope) -> Result<(), LakeError> {
    let progress = &mut *state.compacting.lock().await;
    let is_round = scope == Scope::All
        || progress
            .last_round
            .is_none_or(|last| last.elapsed() >= ROUND);
    for (id, table) in state.schema.iter() {
        let working = Arc::clone(state);
        low_priority::run(move || {
            if scope == Scope::Due {
                compaction::merge_full_tiers(&working, id)?;
            }
            if is_round {
                compaction::merge_days(&working, id, scope == Scope::All)?;
            }
            Ok::<(), LakeError>(())
        })
        .await??;
        checkpoint::write_when_due(state, progress, id).await?;
        if is_round {
            vacuum::vacuum(state, progress, id, table)?;
        }
    }
    if is_round {
        progress.last_round = Some(Instant::now());
    }
    Ok(())
}
