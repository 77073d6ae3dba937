//! What a running store does by itself: flushes, merges, erasures.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

use crate::erasure;
use crate::error::LakeError;
use crate::lake::{Inner, compact, flush};
use crate::upkeep::Scope;
use crate::wal::writer::Command;

/// Pause after a flush or compaction that failed, so that a full disk is not hammered.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// How often an idle store is looked through for something to merge.
const IDLE: Duration = Duration::from_secs(60);
/// The least and the longest pause after an erasure.
const BETWEEN_ERASURES: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// How often the memtable's age is looked at.
const TICK: Duration = Duration::from_millis(250);

/// Flushes, merges and erases, each at its own pace: a long merge must not hold up the flush that makes room.
pub(crate) async fn run(inner: Arc<Inner>, commands: mpsc::Sender<Command>) {
    let flushed = Notify::new();
    let ((), (), ()) = tokio::join!(
        flush_where_due(&inner, &commands, &flushed),
        compact_where_due(&inner, &flushed),
        erase_where_due(&inner, &commands)
    );
}

async fn flush_where_due(inner: &Arc<Inner>, commands: &mpsc::Sender<Command>, flushed: &Notify) {
    let options = &inner.options;
    loop {
        let _tick = tokio::time::timeout(TICK, inner.view.flush_due.notified()).await;
        let view = &inner.view;
        if !view.is_frozen() && !view.is_flush_due(options.flush_bytes, options.flush_interval) {
            continue;
        }
        match flush(inner, commands).await {
            Ok(()) => flushed.notify_one(),
            Err(error) => rest_after(&error).await,
        }
    }
}

async fn compact_where_due(inner: &Arc<Inner>, flushed: &Notify) {
    loop {
        if let Err(error) = compact(inner, Scope::Due).await {
            rest_after(&error).await;
        }
        let _flushed_or_idle = tokio::time::timeout(IDLE, flushed.notified()).await;
    }
}

/// Looks through the tables at most a tenth of the time, however often it is asked to: anybody may order.
async fn erase_where_due(inner: &Arc<Inner>, commands: &mpsc::Sender<Command>) {
    loop {
        let erased = match erasure::carry_out(inner, commands).await {
            Ok(worked) => inner.orders.expire().map(|()| worked),
            Err(error) => Err(error),
        };
        match erased {
            Ok(None) => {}
            Ok(Some(worked)) => {
                let pause = worked.saturating_mul(9);
                tokio::time::sleep(pause.clamp(BETWEEN_ERASURES, LONGEST_PAUSE)).await;
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "what was ordered to be erased could not be erased; trying again"
                );
                tokio::time::sleep(IDLE).await;
                continue;
            }
        }
        let _ordered_or_idle = tokio::time::timeout(IDLE, inner.orders.taken.notified()).await;
    }
}

async fn rest_after(error: &LakeError) {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "the store could not be flushed or compacted; trying again"
    );
    tokio::time::sleep(AFTER_FAILURE).await;
}
