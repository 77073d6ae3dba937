//! The worker thread, and the pipeline that it serves: it starts with the first event, moves events from the queue to the
//! spool, checks whether telemetry was turned off, starts uploads, and sleeps while nothing happens. At the end of the process
//! the host's thread does the last step; it waits for an upload only if a short run must send what earlier runs left.

mod last_upload;
mod pipeline;
mod send;
mod session;
mod shutdown;
mod state;
mod thread;

pub use session::{end_threads, write_all_to_spool};

pub(crate) use pipeline::Pipeline;
pub(crate) use session::Session;
pub(crate) use thread::wake;
