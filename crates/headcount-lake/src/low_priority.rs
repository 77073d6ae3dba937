//! Low-priority tasks: flushes and merges run on threads of their own with the lowest priority. They get the CPU time that the
//! log and the receivers leave over, and never the core that an acknowledgement needs.

use tokio::sync::oneshot;

use crate::error::LakeError;

/// Runs `task` at low priority; resolves when it is done.
pub(crate) async fn run<T: Send + 'static>(
    task: impl FnOnce() -> T + Send + 'static,
) -> Result<T, LakeError> {
    let (reply, answer) = oneshot::channel();
    let thread = std::thread::Builder::new().name("headcount-low".to_owned());
    let started = thread.spawn(move || {
        lower_priority();
        // The receiver is gone if the store is being closed.
        let _ = reply.send(task());
    });
    started.map_err(LakeError::io("start a thread for", "the store"))?;
    answer.await.map_err(|_| LakeError::Closed)
}

/// A thread may always lower its own priority; if it cannot, it works at the usual one.
#[cfg(target_os = "linux")]
fn lower_priority() {
    let _ = thread_priority::set_current_thread_priority(thread_priority::ThreadPriority::Min);
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {}
