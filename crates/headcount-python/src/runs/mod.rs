//! Runs of crews, tasks and flows. Each is a context manager, for `with` and `async with`, and may end on another thread than
//! it began on. Once it has ended it records nothing more.

mod crew;
mod flow;
mod task;

pub(crate) use crew::CrewRun;
pub(crate) use flow::FlowRun;
pub(crate) use task::TaskRun;

use std::time::SystemTime;

use headcount::Content;

/// A run until it ends, and its output.
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

/// The start of a run that began earlier.
fn since<R>(run: R, started: Option<SystemTime>, begin: impl FnOnce(R, SystemTime) -> R) -> R {
    match started {
        Some(started) => begin(run, started),
        None => run,
    }
}
