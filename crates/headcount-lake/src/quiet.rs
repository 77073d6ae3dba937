//! Work that can wait: flushes and merges, on threads of their own and of the lowest priority, so that they take what the
//! log and the doors leave over and never the core that an acknowledgement needs.

use tokio::sync::oneshot;

use crate::error::LakeError;

/// Runs `work` quietly; resolves when it is done.
pub(crate) async fn run<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, LakeError> {
    let (reply, answer) = oneshot::channel();
    let thread = std::thread::Builder::new().name("headcount-quiet".to_owned());
    let started = thread.spawn(move || {
        lower_priority();
        // Nobody waits for the answer of a store that is being closed.
        let _unheard = reply.send(work());
    });
    let _detached = started.map_err(LakeError::io("start a thread for", "the store"))?;
    answer.await.map_err(|_| LakeError::Closed)
}

/// A thread may always lower its own priority; where it cannot, it works at the usual one.
#[cfg(target_os = "linux")]
fn lower_priority() {
    let _unchanged =
        thread_priority::set_current_thread_priority(thread_priority::ThreadPriority::Min);
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {}
