//! Signs of life of the write-ahead log: without it nothing is acknowledged, and nothing says so but silence.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::ingest::IngestPipeline;

/// How often the log is asked.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// The silence after which the log counts as stuck. It waits for room in memory for 5 s at most, and an fsync of a busy disk may take
/// some seconds.
pub(crate) const STUCK_AFTER: Duration = Duration::from_secs(15);

/// When the log last answered. The one who asks runs on the same threads as requests, so an answer is also a sign of theirs.
#[derive(Debug)]
pub(crate) struct Heartbeat(Mutex<Instant>);

impl Default for Heartbeat {
    fn default() -> Self {
        Self(Mutex::new(Instant::now()))
    }
}

impl Heartbeat {
    /// For how long the log has not answered.
    pub(crate) fn silence(&self) -> Duration {
        self.0.lock().elapsed()
    }

    fn beat(&self) {
        *self.0.lock() = Instant::now();
    }
}

/// Asks the log again and again, until told to stop.
pub(crate) async fn run(pipeline: Arc<IngestPipeline>, mut stop: watch::Receiver<bool>) {
    loop {
        let asking = async {
            tokio::time::sleep(ASK_EVERY).await;
            pipeline.lake().ping_log().await
        };
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            answered = asking => match answered {
                Ok(()) => pipeline.heartbeat().beat(),
                // It has ended, and does not come back.
                Err(_) => return,
            }
        }
    }
}
