//! From a call to bytes in a queue: everything that happens on the host program's own thread.
//!
//! A call encodes its span into memory that the thread keeps for that, and hands a copy to a bounded queue. It takes no lock
//! that another thread may hold and never waits: an event that finds no room is dropped and counted (promise 4). It makes a
//! system call only to start or wake the worker thread, or when the allocator needs memory from the kernel. [`crate::spool`] takes over at the other end of the queue.

mod counters;
mod host;
mod losses;
mod recorder;
mod resource;
mod span;

pub use counters::Counters;
pub use losses::LossReason;

pub(crate) use host::HostEnvironment;
pub(crate) use losses::Losses;
pub(crate) use recorder::{Event, QueuedSpan, Recorder};
pub(crate) use resource::Resource;
pub(crate) use span::{Findings, SpanWriter, is_identifier};
