use std::time::SystemTime;

use super::crew_link::CrewLink;
use super::task_run::TaskRun;
use crate::fields::{crew_completion, crew_execution, crew_io, task_detail, test};
use crate::model::{Content, Direction, Outcome, Task, TestStep};
use crate::platform;
use crate::platform::clock::Stopwatch;
use crate::record::Event;
use crate::telemetry::Telemetry;

/// A crew's run, from [`Telemetry::crew_started`] until it completes, fails or is dropped.
///
/// It may be shared between threads and held across `await`. Dropped without [`complete`](Self::complete), as by an early
/// return, a panic or a cancelled future, it records that the crew failed. A forked child's copy records nothing when it is
/// dropped: the crew continues in the parent.
#[derive(Debug)]
pub struct CrewRun {
    telemetry: Telemetry,
    /// `None` while telemetry is off.
    link: Option<CrewLink>,
    watch: Stopwatch,
    generation: u32,
    end: Option<Outcome>,
}

impl CrewRun {
    pub(super) fn new(telemetry: Telemetry, link: CrewLink) -> Self {
        Self {
            telemetry,
            link: Some(link),
            watch: Stopwatch::begin(),
            generation: platform::generation(),
            end: None,
        }
    }

    pub(super) fn off() -> Self {
        Self {
            telemetry: Telemetry::off(),
            link: None,
            watch: Stopwatch::never(),
            generation: 0,
            end: None,
        }
    }

    /// Whether anything is recorded of this run.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.link.is_some() && self.telemetry.is_recording()
    }

    /// One of the crew's tasks starts.
    #[must_use = "the run records how the task ends; dropped at once it says that the task failed"]
    pub fn task_started(&self, task: &Task) -> TaskRun {
        self.telemetry.check_switches();
        match (self.link, self.telemetry.keyer()) {
            (Some(link), Some(keyer)) => TaskRun::new(
                self.telemetry.clone(),
                link,
                task.identity.id(),
                keyer.task(task),
            ),
            _ => TaskRun::off(),
        }
    }

    /// A task's texts with the inputs of this run filled in: recorded only if the crew shares (category `task_detail`).
    pub fn share_formatted(
        &self,
        task: &Task,
        description: Option<&Content>,
        expected_output: Option<&Content>,
    ) {
        let (Some(link), Some(keyer)) = (self.link, self.telemetry.keyer()) else {
            return;
        };
        let Some(grant) = &link.grant else {
            return;
        };
        self.telemetry.record(
            || Event::now("Task Detail"),
            |span| {
                span.sharing_mark(grant);
                span.id(task_detail::CREW_ID, link.id);
                span.keyed_hash(task_detail::CREW_KEY, link.key);
                span.id(task_detail::ID, task.identity.id());
                span.keyed_hash(task_detail::KEY, keyer.task(task));
                span.shared(grant, task_detail::FORMATTED_DESCRIPTION, description);
                span.shared(
                    grant,
                    task_detail::FORMATTED_EXPECTED_OUTPUT,
                    expected_output,
                );
            },
        );
    }

    /// The crew is tested, `iterations` times, with `model` (category `test`); `inputs` are recorded only if the crew
    /// shares.
    pub fn test_started(&self, iterations: u32, model: &str, inputs: Option<&Content>) {
        self.start_test(Some(iterations.into()), Some(model), inputs);
    }

    pub(super) fn start_test(
        &self,
        iterations: Option<i64>,
        model: Option<&str>,
        inputs: Option<&Content>,
    ) {
        let Some(link) = self.link else {
            return;
        };
        self.telemetry.record(
            || Event::now("Test"),
            |span| {
                span.id(test::CREW_ID, link.id);
                span.keyed_hash(test::CREW_KEY, link.key);
                span.enumerated(test::STEP, TestStep::Execution.as_str());
                span.integer(test::ITERATIONS, iterations);
                span.free_text(test::MODEL_NAME, model);
            },
        );
        self.content(Direction::Input, inputs);
    }

    /// One iteration of a test was scored: `quality` from 0 to 100 points, in `seconds` (category `test`).
    #[inline]
    pub fn test_scored(&self, quality: f64, seconds: f64, model: &str) {
        self.score_test(Some(quality), Some(seconds), Some(model));
    }

    pub(super) fn score_test(
        &self,
        quality: Option<f64>,
        seconds: Option<f64>,
        model: Option<&str>,
    ) {
        let Some(link) = self.link else {
            return;
        };
        self.telemetry.record(
            || Event::now("Test"),
            |span| {
                span.id(test::CREW_ID, link.id);
                span.keyed_hash(test::CREW_KEY, link.key);
                span.enumerated(test::STEP, TestStep::Result.as_str());
                span.double(test::QUALITY, quality);
                span.double(test::EXECUTION_TIME, seconds);
                span.free_text(test::MODEL_NAME, model);
            },
        );
    }

    /// Sets an earlier start; a time in the future counts as now.
    #[must_use]
    pub fn since(mut self, start: SystemTime) -> Self {
        self.watch = Stopwatch::since(start);
        self
    }

    /// The crew completed (category `crew_completion`).
    pub fn complete(mut self) {
        self.end = Some(Outcome::Completed);
    }

    /// The crew completed with this output, which is recorded only if the crew shares (categories `crew_io` and
    /// `crew_execution`).
    pub fn complete_with(self, output: impl Into<Content>) {
        // An output that is not recorded is not copied.
        if self.link.is_some_and(|link| link.grant.is_some()) && self.telemetry.is_recording() {
            let output = output.into();
            self.content(Direction::Output, Some(&output));
            self.execution(Some(&output), None, None);
        }
        self.complete();
    }

    /// The crew failed (category `crew_completion`).
    pub fn fail(mut self) {
        self.end = Some(Outcome::Failed);
    }

    /// The outputs of the crew's tasks, and its log (category `crew_execution`): recorded only if the crew shares.
    pub fn share_execution(&self, tasks_output: Option<&Content>, log: Option<&Content>) {
        self.execution(None, tasks_output, log);
    }

    fn content(&self, direction: Direction, content: Option<&Content>) {
        let Some(link) = self.link else {
            return;
        };
        let (Some(grant), Some(content)) = (&link.grant, content) else {
            return;
        };
        self.telemetry.record(
            || Event::now("Crew Content"),
            |span| {
                span.sharing_mark(grant);
                span.id(crew_io::CREW_ID, link.id);
                span.keyed_hash(crew_io::CREW_KEY, link.key);
                span.enumerated(crew_io::DIRECTION, direction.as_str());
                span.shared(grant, crew_io::CONTENT, content);
            },
        );
    }

    fn execution(
        &self,
        output: Option<&Content>,
        tasks_output: Option<&Content>,
        log: Option<&Content>,
    ) {
        let Some(link) = self.link else {
            return;
        };
        let Some(grant) = &link.grant else {
            return;
        };
        self.telemetry.record(
            || Event::now("Crew Execution Detail"),
            |span| {
                span.sharing_mark(grant);
                span.id(crew_execution::CREW_ID, link.id);
                span.keyed_hash(crew_execution::CREW_KEY, link.key);
                span.shared(grant, crew_execution::OUTPUT, output);
                span.shared(grant, crew_execution::TASKS_OUTPUT, tasks_output);
                span.shared(grant, crew_execution::LOG, log);
            },
        );
    }
}

impl Drop for CrewRun {
    fn drop(&mut self) {
        let Some(link) = self.link else {
            return;
        };
        if self.end.is_none() && self.generation != platform::generation() {
            return;
        }
        self.telemetry.check_switches();
        self.telemetry.record(
            || Event {
                name: "Crew Completed",
                start_nanos: self.watch.start_nanos,
                end_nanos: self.watch.end_nanos(),
                failed: self.end != Some(Outcome::Completed),
            },
            |span| {
                span.id(crew_completion::CREW_ID, link.id);
                span.keyed_hash(crew_completion::CREW_KEY, link.key);
            },
        );
        self.telemetry.hurry();
    }
}
