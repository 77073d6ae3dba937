//! The background tasks of a running store: flushes, merges, erasures.

use std::sync::Arc;
use std::time::{Duration, Instant};

use headcount_log::wal::WalHandle;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;

use crate::erasure;
use crate::error::LakeError;
use crate::flush::flush;
use crate::follow::follow;
use crate::state::LakeState;
use crate::upkeep::{self, Scope};

/// Pause after a flush or compaction that failed, so that a full disk is not kept busy.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// How often the same failure is reported.
const REPORTED: Duration = Duration::from_secs(300);
/// How often an idle store looks for files to merge.
const IDLE: Duration = Duration::from_secs(60);
/// The shortest and the longest pause after an erasure.
const SHORTEST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// How often other programs' commits are looked for while nobody asks.
const FOLLOW: Duration = Duration::from_secs(1);
/// How often the memtable's age is checked.
const TICK: Duration = Duration::from_millis(250);

/// Flushes, merges and erases, each at its own pace: a long merge must not hold up the flush that makes room.
pub(crate) async fn run(state: Arc<LakeState>, log: WalHandle) {
    let flushed = Notify::new();
    let ((), (), (), ()) = tokio::join!(
        follow_others(&state),
        flush_when_due(&state, &log, &flushed),
        compact_when_due(&state, &flushed),
        erase_when_due(&state, &log)
    );
}

/// Keeps the revision true: answers that are cached by it must not outlive a commit of another program.
async fn follow_others(state: &Arc<LakeState>) {
    loop {
        tokio::time::sleep(FOLLOW).await;
        let working = Arc::clone(state);
        // It ends early only with the runtime.
        let _ = spawn_blocking(move || follow(&working)).await;
    }
}

async fn flush_when_due(state: &Arc<LakeState>, log: &WalHandle, flushed: &Notify) {
    let options = &state.options;
    let mut failures = Failures::default();
    loop {
        // Either wakes it.
        let _ = tokio::time::timeout(TICK, state.view.flush_due.notified()).await;
        let view = &state.view;
        if !view.is_frozen() && !view.is_flush_due(options.flush_bytes, options.flush_interval) {
            continue;
        }
        match flush(state, log).await {
            Ok(()) => flushed.notify_one(),
            Err(error) => failures.pause_after(&error).await,
        }
    }
}

async fn compact_when_due(state: &Arc<LakeState>, flushed: &Notify) {
    let mut failures = Failures::default();
    loop {
        if let Err(error) = upkeep::run(state, Scope::Due).await {
            state.activity.failed_upkeep.add(1);
            failures.pause_after(&error).await;
        }
        // Either wakes it.
        let _ = tokio::time::timeout(IDLE, flushed.notified()).await;
    }
}

/// Reads the tables for at most a tenth of the time, however many orders come: anybody may send one.
async fn erase_when_due(state: &Arc<LakeState>, log: &WalHandle) {
    if let Err(error) = erasure::seen::learn(state).await {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "could not read which receipts the stored rows have: until the next start, orders to erase under made-up tokens take room"
        );
    }
    loop {
        let erased = match erasure::carry_out(state, log).await {
            Ok(worked) => state
                .orders
                .expire()
                .and_then(|()| state.crew_orders.expire())
                .map(|()| worked)
                .map_err(LakeError::from),
            Err(error) => Err(error),
        };
        match erased {
            Ok(None) => {}
            Ok(Some(worked)) => {
                let pause = worked.saturating_mul(9);
                tokio::time::sleep(pause.clamp(SHORTEST_PAUSE, LONGEST_PAUSE)).await;
            }
            Err(error) => {
                state.activity.failed_erasures.add(1);
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "could not carry out the orders to erase; trying again"
                );
                tokio::time::sleep(IDLE).await;
                continue;
            }
        }
        // Either wakes it.
        let _ = tokio::time::timeout(IDLE, state.orders.accepted.notified()).await;
    }
}

/// Reports the failures of a task that is tried again and again: a full disk must not fill a log.
#[derive(Default)]
struct Failures {
    last: Option<(String, Instant)>,
}

impl Failures {
    /// Reports an error, unless it is the one that was reported within [`REPORTED`]; then pauses.
    async fn pause_after(&mut self, error: &LakeError) {
        let text = error.to_string();
        let is_known = |(known, at): &(String, Instant)| *known == text && at.elapsed() < REPORTED;
        if !self.last.as_ref().is_some_and(is_known) {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "could not flush or compact the store; trying again each second"
            );
            self.last = Some((text, Instant::now()));
        }
        tokio::time::sleep(AFTER_FAILURE).await;
    }
}
