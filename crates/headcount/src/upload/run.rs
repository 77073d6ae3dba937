//! One run of the uploader over everything that waits.

use std::time::{Duration, SystemTime};

use super::answer::Remarks;
use super::settle::give_up_for;
use super::{Answer, Circuit, Uploader, lock, policy, spool_folder};
use crate::ledger::{Entry, Fate, Ledger};
use crate::spool::{self, Found};
use crate::{clock, consent};

/// Events that were given up, by fate: to be reported with the next batch.
pub(crate) type GivenUp = Vec<(Fate, u64)>;

/// How an upload went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Run {
    /// Events that were acknowledged.
    pub(crate) delivered: u64,
    /// Events that were given up.
    pub(crate) given_up: GivenUp,
    /// What is left to be sent.
    pub(crate) left: Left,
    /// The collector wants no more.
    pub(crate) is_gone: bool,
}

/// What is left after an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Left {
    /// Nothing that may be sent.
    #[default]
    Nothing,
    /// Something that another process holds or is sending.
    Soon,
    /// Something for later: not before this, in milliseconds since 1970 UTC.
    At(u64),
}

/// What the collector answered in a run.
#[derive(Debug, Default)]
struct Answers {
    /// It took something, and is not known to have failed at all that came then.
    is_well: bool,
    /// It failed at a segment, and did not take another since.
    failure: Option<Answer>,
}

impl Uploader {
    /// Sends segment after segment, oldest first, until the collector fails, nothing is left or `should_stop` says so.
    pub(crate) fn run(&self, should_stop: &dyn Fn() -> bool) -> Run {
        let mut run = Run::default();
        if self.waiting().is_empty() {
            return run;
        }
        let collector = self.endpoint.mark();
        let circuit = Circuit::read(&self.folder, &collector);
        if clock::now_millis() < circuit.closed_until_millis {
            run.left = Left::At(circuit.closed_until_millis);
            return run;
        }
        let Some(lock) = lock(&self.folder) else {
            run.left = Left::Soon;
            return run;
        };
        if let Some(file) = lock.file() {
            let _best_effort = file.set_modified(SystemTime::now());
        }
        let answers = self.send_all(should_stop, &mut run);
        let now = clock::now_millis();
        if answers.is_well {
            Circuit::succeeded(now).write(&self.folder, &collector);
        } else if let Some(failure) = answers.failure {
            let circuit = circuit.failed(now, failure.retry_after());
            circuit.write(&self.folder, &collector);
            run.left = Left::At(circuit.closed_until_millis);
        }
        drop(lock);
        run
    }

    fn waiting(&self) -> Vec<Found> {
        let mut found = spool::list(&spool_folder(&self.folder));
        found.retain(|found| self.may_send(found));
        found
    }

    fn send_all(&self, should_stop: &dyn Fn() -> bool, run: &mut Run) -> Answers {
        let mut answers = Answers::default();
        let ledger = Ledger::new(&self.folder);
        let failures = failures(&ledger.entries());
        for found in self.waiting() {
            if should_stop() {
                run.left = Left::Soon;
                break;
            }
            if let Some(until) = not_before(&failures, &found) {
                run.left = Left::At(until);
                continue;
            }
            let Some((held, bytes)) = found.take() else {
                run.left = Left::Soon;
                continue;
            };
            let answer = self.segment(&ledger, &found, &bytes, run);
            drop(held);
            match answer {
                Some(Answer::Status(200..=299, _)) => {
                    answers.is_well = true;
                    answers.failure = None;
                }
                Some(Answer::Status(410, _)) => {
                    run.is_gone = true;
                    let collector = self.endpoint.mark();
                    consent::note_gone(&self.folder, &collector, &self.version);
                    run.given_up.extend(give_up_for(&self.folder, &collector));
                    break;
                }
                Some(answer) if answer.is_failure() => {
                    // One segment may be what the collector fails at; two of them are the collector.
                    let is_second = answers.failure.replace(answer).is_some();
                    if is_second || !is_perhaps_the_segments(answer) {
                        answers.is_well = false;
                        break;
                    }
                    run.left = Left::At(clock::now_millis() + FIRST_PAUSE_MILLIS);
                }
                Some(_) | None => {}
            }
        }
        answers
    }
}

/// The wait after a segment's first failure, in milliseconds; each further one doubles it.
const FIRST_PAUSE_MILLIS: u64 = policy::FIRST_PAUSE.as_millis() as u64;

/// Whether the answer may be about what was sent, and not about the collector: it failed at it, and does not say that it
/// is busy or away.
fn is_perhaps_the_segments(answer: Answer) -> bool {
    match answer {
        Answer::Status(429 | 502..=504, _) => false,
        Answer::Status(..) if answer.retry_after().is_some() => false,
        Answer::Status(..) => answer.is_failure(),
        Answer::NotSent | Answer::Unanswered => false,
    }
}

/// Which segments a collector failed at, how often, and when it last did, as the ledger tells.
fn failures(entries: &[Entry]) -> Vec<(String, u32, u64)> {
    let mut found: Vec<(String, u32, u64)> = Vec::new();
    let is_ours = |entry: &&Entry| {
        let answer = Answer::Status(entry.status, Remarks::default());
        entry.fate == Fate::Postponed && is_perhaps_the_segments(answer)
    };
    for entry in entries.iter().filter(is_ours) {
        match found.iter_mut().find(|(name, ..)| *name == entry.segment) {
            Some((_, count, last)) => {
                *count += 1;
                *last = entry.time_millis;
            }
            None => found.push((entry.segment.clone(), 1, entry.time_millis)),
        }
    }
    found
}

/// A segment that a collector failed at is not sent before this; `None` where it may be.
fn not_before(failures: &[(String, u32, u64)], found: &Found) -> Option<u64> {
    let (_, count, last) = failures.iter().find(|(name, ..)| *name == found.name)?;
    let pause = Duration::from_millis(FIRST_PAUSE_MILLIS)
        .saturating_mul(1 << (count - 1).min(policy::MOST_FAILURES))
        .min(policy::LONGEST_PAUSE);
    let now = clock::now_millis();
    let until = last + pause.as_millis() as u64;
    // A clock that was set back keeps nobody waiting.
    (now < until && *last <= now + 1_000).then_some(until)
}
