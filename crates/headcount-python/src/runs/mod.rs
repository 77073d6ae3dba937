//! Crews, tasks and flows at work. Each is a context manager, for `with` and for `async with`, and may be ended on another
//! thread than it was begun on. Ended once it records nothing more.

mod crew;
mod flow;
mod task;

pub(crate) use crew::CrewRun;
pub(crate) use flow::FlowRun;
pub(crate) use task::TaskRun;

use std::time::SystemTime;

use headcount::Content;

/// A run, until it ends, and the content that it will end with.
#[derive(Debug)]
struct Kept<R> {
    run: Option<R>,
    output: Option<Content>,
}

impl<R> Kept<R> {
    fn new(run: Option<R>) -> std::sync::Mutex<Self> {
        std::sync::Mutex::new(Self { run, output: None })
    }
}

/// Where a run began earlier than it was said to begin.
fn since<R>(run: R, started: Option<SystemTime>, begin: impl FnOnce(R, SystemTime) -> R) -> R {
    match started {
        Some(started) => begin(run, started),
        None => run,
    }
}
