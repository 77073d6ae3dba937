//! The last upload of a process: a short one must send the events of earlier runs, or they never leave this machine.
//!
//! The end of a process waits for it, within [`LIMIT`], and seldom: `docs/decisions/0020-the-end-of-a-short-run.md`.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::pipeline::Pipeline;
use super::send::send;
use crate::consent::Mode;
use crate::platform::clock;
use crate::spool::{self, spool_folder};
use crate::upload::{Circuit, UploadFailure, UploadThread};

/// How long the end of a process waits for its last upload: enough for a new TLS connection to another continent.
const LIMIT: Duration = Duration::from_millis(500);
/// The end of a process sends nothing if the collector accepted events less than a minute ago: so a program that runs every
/// second is delayed once a minute.
const NOT_SENT_FOR_MILLIS: u64 = 60_000;

/// Last uploads of telemetry that was dropped before the end of the process.
static DROPPED: Mutex<Vec<LastUpload>> = Mutex::new(Vec::new());

/// A last upload that is under way.
#[derive(Debug)]
pub(super) struct LastUpload {
    thread: UploadThread,
    pipeline: Arc<Pipeline>,
    deadline: Instant,
}

/// Whether an upload is due although the process ends: events of an earlier run wait, the circuit breaker is closed, and the
/// collector accepted nothing for a while. Never in a forked child: a pool of workers would end slowly.
pub(super) fn is_due(pipeline: &Pipeline) -> bool {
    let settings = &pipeline.settings;
    if pipeline.recorder.mode() != Mode::On || pipeline.generation != 0 {
        return false;
    }
    let (Some(folder), Some(collector)) = (settings.folder(), settings.collector()) else {
        return false;
    };
    let is_of_an_earlier_run = |found: &spool::Found| {
        found.is_for(Some(&collector)) && found.created_millis < pipeline.started_millis
    };
    if !spool::list(&spool_folder(&folder))
        .iter()
        .any(is_of_an_earlier_run)
    {
        return false;
    }
    let circuit = Circuit::read(&folder, &collector);
    let now = clock::now_millis();
    let sent_recently = now.saturating_sub(circuit.found_millis) < NOT_SENT_FOR_MILLIS;
    now >= circuit.closed_until_millis && (circuit.failures > 0 || !sent_recently)
}

impl LastUpload {
    /// Lets an upload that is under way go on although the process ends. Call before the worker thread is stopped.
    pub(super) fn announce(pipeline: &Pipeline) -> Instant {
        let deadline = Instant::now() + LIMIT;
        let until = clock::now_millis() + LIMIT.as_millis() as u64;
        pipeline.worker.uploads_until(until);
        deadline
    }

    /// Starts it, on a thread of its own: name resolution cannot be interrupted.
    pub(super) fn start(pipeline: &Arc<Pipeline>, deadline: Instant) -> Option<Self> {
        let for_upload = Arc::clone(pipeline);
        let upload = move || {
            // The worker thread's upload may be under way. It sends the same segments, and ends by its own limit.
            while for_upload.worker.is_uploading() {
                std::thread::sleep(Duration::from_millis(1));
            }
            send(&for_upload)
        };
        Some(Self {
            thread: UploadThread::start(upload, || {})?,
            pipeline: Arc::clone(pipeline),
            deadline,
        })
    }

    /// Keeps it for the end of the process: telemetry was dropped, and the host program may go on.
    pub(super) fn keep(self) {
        if let Ok(mut dropped) = DROPPED.try_lock() {
            dropped.retain(|upload| upload.thread.result().is_none());
            dropped.push(self);
        }
    }

    /// The last uploads that were kept.
    pub(super) fn kept() -> Vec<Self> {
        match DROPPED.try_lock() {
            Ok(mut dropped) => std::mem::take(&mut *dropped),
            Err(_) => Vec::new(),
        }
    }

    /// Waits for its end, at most until its deadline. An upload that does not end counts as a failure, so that the next process
    /// leaves the collector alone for a while.
    pub(super) fn wait(self) {
        while self.thread.result().is_none() {
            if Instant::now() >= self.deadline {
                self.note_failure();
                return;
            }
            // Nothing that needs the thread's local data, which is gone at the end of a process.
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn note_failure(&self) {
        let settings = &self.pipeline.settings;
        if let (Some(folder), Some(collector)) = (settings.folder(), settings.collector()) {
            Circuit::read(&folder, &collector)
                .failed(clock::now_millis(), UploadFailure::Unfinished, None)
                .write(&folder, &collector);
        }
    }
}
