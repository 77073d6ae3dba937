use std::time::SystemTime;

use super::crew_link::CrewLink;
use crate::fields::{crew_io, task_lifecycle};
use crate::model::{Content, Direction, Key};
use crate::platform;
use crate::platform::clock::Stopwatch;
use crate::platform::random::Id;
use crate::record::Event;
use crate::telemetry::Telemetry;

/// A task's run, from its start to its end (category `task_lifecycle`).
///
/// It may be sent to another thread and held across `await`. Dropped without [`complete`](Self::complete), it records that
/// the task failed: with the error class `panic` while its thread panics, otherwise `dropped`, as by an early return or a
/// cancelled future. A forked child's copy records nothing when it is dropped: the task continues in the parent.
#[derive(Debug)]
pub struct TaskRun {
    telemetry: Telemetry,
    /// `None` while telemetry is off.
    link: Option<TaskLink>,
    watch: Stopwatch,
    generation: u32,
    end: End,
}

/// How much of an error's class is stored, in bytes: more than the field allows, so that a longer class is refused.
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

    /// Sets an earlier start; a time in the future counts as now.
    #[must_use]
    pub fn since(mut self, start: SystemTime) -> Self {
        self.watch = Stopwatch::since(start);
        self
    }

    /// The task completed.
    pub fn complete(mut self) {
        self.end = End::Completed;
    }

    /// An input of the task: recorded only if its crew shares (category `crew_io`). A task may have several.
    pub fn share_input(&self, input: impl Into<Content>) {
        self.content(Direction::Input, input);
    }

    /// The task completed with this output, which is recorded only if its crew shares (category `crew_io`).
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
        // Content that is not recorded is not copied.
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
                span.enumerated(crew_io::DIRECTION, direction.as_str());
                span.shared(grant, crew_io::CONTENT, &content);
            },
        );
    }

    /// The task failed. `error_type` is the error's class, such as `ValidationError`, never its message: letters,
    /// digits and `_ . : + / -`, at most 128 characters. Anything else is left out.
    pub fn fail(mut self, error_type: &str) {
        // A longer text is no class and is left out, so it is not copied whole.
        let cut = error_type.floor_char_boundary(LONGEST_KEPT);
        let error_type = error_type.get(..cut).unwrap_or_default();
        self.end = End::Failed(self.link.map(|_| error_type.to_owned()));
    }

    /// The task failed with an error of unknown class.
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
        self.telemetry.check_switches();
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
                span.identifier(task_lifecycle::ERROR_TYPE, error_type);
            },
        );
    }
}
