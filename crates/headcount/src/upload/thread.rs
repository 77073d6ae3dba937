//! The upload thread, which lives for one upload: while a collector or a name server takes its time, the worker thread still
//! writes events to disk and notices an off. A process has at most one for each
//! [`crate::Telemetry`]. Only `flush` waits for its result.

use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use super::circuit::UPLOAD_EVERY;
use super::outcome::Left;
use crate::platform::{self, clock};

/// The stack of the client's threads, in bytes.
pub(crate) const STACK_BYTES: usize = 512 * 1_024;

/// An upload that is under way.
#[derive(Debug)]
pub(crate) struct UploadThread {
    result: Receiver<Left>,
}

impl UploadThread {
    /// Runs `upload` on a new thread, and then `ended`; `None` if no thread can be started.
    pub(crate) fn start(
        upload: impl FnOnce() -> Left + Send + 'static,
        ended: impl FnOnce() + Send + 'static,
    ) -> Option<Self> {
        let (sender, result) = sync_channel(1);
        let started = platform::with_signals_blocked(|| {
            std::thread::Builder::new()
                .name("headcount-send".to_owned())
                .stack_size(STACK_BYTES)
                .spawn(move || {
                    let upload = std::panic::AssertUnwindSafe(upload);
                    // A panic counts as a failed upload; the events are still on disk.
                    let left = std::panic::catch_unwind(upload).unwrap_or_else(|_| later());
                    // Nobody may wait for it any more.
                    let _ = sender.send(left);
                    ended();
                })
        });
        // The thread is detached: nothing joins it.
        started.ok().map(|_| Self { result })
    }

    /// The result, once the upload is over.
    pub(crate) fn result(&self) -> Option<Left> {
        match self.result.try_recv() {
            Ok(left) => Some(left),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(later()),
        }
    }
}

/// The next upload is due at the usual time.
pub(crate) fn later() -> Left {
    Left::At(clock::now_millis() + UPLOAD_EVERY.as_millis() as u64)
}
