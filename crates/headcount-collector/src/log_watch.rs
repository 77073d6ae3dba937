//! Asks the write-ahead log for signs of life.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::ingest::IngestPipeline;

/// How often the log is asked.
const ASK_EVERY: Duration = Duration::from_secs(1);

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
