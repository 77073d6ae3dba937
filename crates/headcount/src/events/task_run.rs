use std::time::SystemTime;

use crate::clock::Stopwatch;
use crate::events::crew::CrewLink;
use crate::fields::{crew_io, task_lifecycle};
use crate::model::{Content, Direction, Key};
use crate::random::Id;
use crate::recorder::Event;
use crate::{Telemetry, platform};

/// A task at work, from its real start to its real end (category `task_lifecycle`).
///
/// It may be sent to another thread and held across `await`. Dropped without [`complete`](Self::complete) it says that
/// the task failed: with the error's class `panic` while its thread panics, else `dropped`, as an early return or a
/// cancelled future is. The copy of it that a forked child drops says nothing: the task goes on in its parent.
#[derive(Debug)]
pub struct TaskRun {
    telemetry: Telemetry,
    /// `None` while telemetry is off.
    link: Option<TaskLink>,
    watch: Stopwatch,
    generation: u32,
    end: End,
}

/// How much of an error's class is kept, in bytes: more than can be recorded, so that what is too long is seen to be.
const LONGEST_KEPT: usize = 2 * task_lifecycle::ERROR_TYPE.max_length;

#[derive(Debug, Clone, Copy)]
struct TaskLink {
    crew: CrewLink,
    id: Id,
    key: Key,
}

#[derive(Debug)]
enum End {
    Unknown,
    Completed,
    Failed(Option<String>),
}

impl TaskRun {
    pub(super) fn new(telemetry: Telemetry, crew: CrewLink, id: Id, key: Key) -> Self {
        Self {
            telemetry,
            link: Some(TaskLink { crew, id, key }),
            watch: Stopwatch::begin(),
            generation: platform::generation(),
            end: End::Unknown,
        }
    }

    pub(super) fn off() -> Self {
        Self {
            telemetry: Telemetry::off(),
            link: None,
            watch: Stopwatch::never(),
            generation: 0,
            end: End::Unknown,
        }
    }

    /// The task began at that moment and not when this was made; a moment that is yet to come counts as now.
    #[must_use]
    pub fn since(mut self, start: SystemTime) -> Self {
        self.watch = Stopwatch::since(start);
        self
    }

    /// The task is done.
    pub fn complete(mut self) {
        self.end = End::Completed;
    }

    /// What the task is given to work on: recorded only if its crew shares (category `crew_io`). A task may be given
    /// something more than once.
    pub fn share_input(&self, input: impl Into<Content>) {
        self.content(Direction::Input, input);
    }

    /// The task is done, with this output: recorded only if its crew shares (category `crew_io`).
    pub fn complete_with(self, output: impl Into<Content>) {
        self.content(Direction::Output, output);
        self.complete();
    }

    fn content(&self, direction: Direction, content: impl Into<Content>) {
        let Some(link) = self.link else {
            return;
        };
        let Some(grant) = &link.crew.grant else {
            return;
        };
        // Nobody pays for a copy of what is not recorded.
        if !self.telemetry.is_recording() {
            return;
        }
        let content = content.into();
        self.telemetry.record(
            || Event::now("Crew Content"),
            |span| {
                span.sharing_mark(grant);
                span.id(crew_io::CREW_ID, link.crew.id);
                span.keyed_hash(crew_io::CREW_KEY, link.crew.key);
                span.id(crew_io::TASK_ID, link.id);
                span.word(crew_io::DIRECTION, direction.as_str());
                span.shared(grant, crew_io::CONTENT, &content);
            },
        );
    }

    /// The task failed. `error_type` is the error's class, such as `ValidationError`, and never its message: letters,
    /// digits and `_ . : + / -`, at most 128 of them; anything else is left out.
    pub fn fail(mut self, error_type: &str) {
        // What is longer than any class is left out, and need not be copied for that.
        let cut = error_type.floor_char_boundary(LONGEST_KEPT);
        let error_type = error_type.get(..cut).unwrap_or_default();
        self.end = End::Failed(self.link.map(|_| error_type.to_owned()));
    }

    /// The task failed, with an error whose class is not known.
    pub fn fail_untyped(mut self) {
        self.end = End::Failed(None);
    }
}

impl Drop for TaskRun {
    fn drop(&mut self) {
        let Some(link) = self.link else {
            return;
        };
        if matches!(self.end, End::Unknown) && self.generation != platform::generation() {
            return;
        }
        let error_type = match &self.end {
            End::Completed => None,
            End::Failed(error_type) => error_type.as_deref(),
            End::Unknown if std::thread::panicking() => Some("panic"),
            End::Unknown => Some("dropped"),
        };
        self.telemetry.ask_again();
        self.telemetry.record(
            || Event {
                name: "Task Execution",
                start_nanos: self.watch.start_nanos,
                end_nanos: self.watch.end_nanos(),
                failed: !matches!(self.end, End::Completed),
            },
            |span| {
                span.id(task_lifecycle::CREW_ID, link.crew.id);
                span.keyed_hash(task_lifecycle::CREW_KEY, link.crew.key);
                span.id(task_lifecycle::TASK_ID, link.id);
                span.keyed_hash(task_lifecycle::TASK_KEY, link.key);
                span.token(task_lifecycle::ERROR_TYPE, error_type);
            },
        );
    }
}
