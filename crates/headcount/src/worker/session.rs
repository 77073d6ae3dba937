//! A session: from the start of telemetry to the end of the process, through forks.

use std::sync::{Arc, Mutex, OnceLock, Weak};

use super::last_upload::LastUpload;
use super::pipeline::Pipeline;
use super::shutdown::{stop, write_to_spool};
use crate::platform;
use crate::settings::Settings;

/// The sessions of this process, for its end.
static SESSIONS: Mutex<Vec<Weak<Session>>> = Mutex::new(Vec::new());

/// One start of telemetry.
#[derive(Debug)]
pub(crate) struct Session {
    settings: Arc<Settings>,
    process: ProcessPipeline,
}

/// The pipeline of one process and, after a fork, that of the child, which must not touch its parent's.
#[derive(Debug)]
struct ProcessPipeline {
    generation: u32,
    /// `Some` until it is dropped.
    pipeline: Option<Arc<Pipeline>>,
    next: OnceLock<Box<ProcessPipeline>>,
}

impl Session {
    /// Begins a session, and registers it for the end of the process.
    pub(crate) fn begin(settings: Arc<Settings>, pipeline: Arc<Pipeline>) -> Arc<Self> {
        let session = Arc::new(Self {
            settings,
            process: ProcessPipeline::new(pipeline),
        });
        register(&session);
        session
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// This process's pipeline; a forked child creates its own.
    #[inline]
    pub(crate) fn pipeline(&self) -> Option<&Arc<Pipeline>> {
        self.process.pipeline()
    }
}

impl ProcessPipeline {
    fn new(pipeline: Arc<Pipeline>) -> Self {
        Self {
            generation: pipeline.generation,
            pipeline: Some(pipeline),
            next: OnceLock::new(),
        }
    }

    /// This process's pipeline; a forked child creates its own.
    #[inline]
    fn pipeline(&self) -> Option<&Arc<Pipeline>> {
        match self.generation == platform::generation() {
            true => self.pipeline.as_ref(),
            false => self.after_fork(),
        }
    }

    #[cold]
    fn after_fork(&self) -> Option<&Arc<Pipeline>> {
        let parent = self.pipeline.as_ref()?;
        let next = self.next.get_or_init(|| {
            let settings = Arc::clone(&parent.settings);
            let mode = parent.recorder.mode();
            Box::new(ProcessPipeline::new(Pipeline::new(settings, mode)))
        });
        next.pipeline()
    }

    /// This process's pipeline, if it has one.
    fn existing(&self) -> Option<&Arc<Pipeline>> {
        match self.generation == platform::generation() {
            true => self.pipeline.as_ref(),
            false => self.next.get()?.existing(),
        }
    }
}

impl Drop for ProcessPipeline {
    fn drop(&mut self) {
        // In a child the parent's queue may be locked for ever: nothing of it is touched.
        if self.generation != platform::generation() {
            std::mem::forget(self.pipeline.take());
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The host program goes on: the end of the process waits for the last upload, and not this call.
        if let Some(upload) = self.process.existing().and_then(stop) {
            upload.keep();
        }
    }
}

/// Registers a session for the end of the process.
fn register(session: &Arc<Session>) {
    platform::at_exit(stop_all);
    // A forked child may have inherited the lock held by a thread that it does not have: never wait for it.
    for _ in 0..100 {
        if let Ok(mut live) = SESSIONS.try_lock() {
            live.retain(|known| known.strong_count() > 0);
            live.push(Arc::downgrade(session));
            return;
        }
        std::thread::yield_now();
    }
}

/// Writes the events that this process holds in memory to the spool, as the end of the process does, and sends nothing: for a
/// process that is about to end by `_exit`, which runs no exit handler.
pub fn write_all_to_spool() {
    for_each_pipeline(write_to_spool);
}

/// Ends the client's threads of this process after they have written the events that wait: for a host that is about to fork and
/// warns of other threads. The next event starts them again, in the parent and in the child. A request that is being sent goes
/// on, on its own thread.
pub fn end_threads() {
    for_each_pipeline(|pipeline| pipeline.worker.rest());
}

/// Calls `act` with each pipeline of this process; with none while another thread changes their list, because the caller must
/// not wait.
fn for_each_pipeline(act: impl Fn(&Pipeline)) {
    let Ok(live) = SESSIONS.try_lock() else {
        return;
    };
    let sessions: Vec<Arc<Session>> = live.iter().filter_map(Weak::upgrade).collect();
    drop(live);
    for session in sessions {
        if let Some(pipeline) = session.process.existing() {
            act(pipeline);
        }
    }
}

/// Called by the C library when the process ends by `exit` or by returning from `main`.
extern "C" fn stop_all() {
    // A C handler must not unwind.
    let _ = std::panic::catch_unwind(|| {
        let Ok(live) = SESSIONS.try_lock() else {
            return;
        };
        let mut uploads = LastUpload::kept();
        for session in live.iter().filter_map(Weak::upgrade) {
            uploads.extend(session.process.existing().and_then(stop));
            // Its drop would do the same again, and the process ends anyway.
            std::mem::forget(session);
        }
        uploads.into_iter().for_each(LastUpload::wait);
    });
}
