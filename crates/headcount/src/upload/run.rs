//! One run of the uploader over all segments that wait.

use std::time::Duration;

use super::answer::{Answer, Remarks};
use super::circuit::{self, Circuit};
use super::lock::{lock, note_start};
use super::outcome::{Left, UploadOutcome};
use super::uploader::Uploader;
use crate::consent;
use crate::platform::clock;
use crate::spool::{self, DeliveryStatus, Entry, Found, Ledger, discard_for, spool_folder};

/// The collector's answers in one run.
#[derive(Debug, Default)]
struct Answers {
    /// It accepted a segment, and did not fail at two in a row since.
    is_well: bool,
    /// Its failure at the last segment, if it accepted none since.
    failure: Option<Answer>,
}

impl Uploader {
    /// Sends the segments, oldest first, until the collector fails, none is left or `should_stop` returns `true`.
    pub(crate) fn run(&self, should_stop: &dyn Fn() -> bool) -> UploadOutcome {
        let mut outcome = UploadOutcome::default();
        if self.waiting().is_empty() {
            return outcome;
        }
        let collector = self.endpoint.mark();
        let circuit = Circuit::read(&self.folder, &collector);
        if clock::now_millis() < circuit.closed_until_millis {
            outcome.left = Left::At(circuit.closed_until_millis);
            return outcome;
        }
        let Some(lock) = lock(&self.folder) else {
            outcome.left = Left::Soon;
            return outcome;
        };
        note_start(&lock);
        let answers = self.send_all(should_stop, &mut outcome);
        let now = clock::now_millis();
        if answers.is_well {
            Circuit::succeeded(now).write(&self.folder, &collector);
        } else if let Some(failure) = answers.failure {
            let circuit = circuit.failed(now, failure.failure(), failure.retry_after());
            circuit.write(&self.folder, &collector);
            outcome.left = Left::At(circuit.closed_until_millis);
        }
        drop(lock);
        outcome
    }

    fn waiting(&self) -> Vec<Found> {
        let mut found = spool::list(&spool_folder(&self.folder));
        found.retain(|found| self.may_send(found));
        found
    }

    fn send_all(&self, should_stop: &dyn Fn() -> bool, outcome: &mut UploadOutcome) -> Answers {
        let mut answers = Answers::default();
        let ledger = Ledger::new(&self.folder);
        let failures = failures(&ledger.entries());
        for found in self.waiting() {
            if should_stop() {
                outcome.left = Left::Soon;
                break;
            }
            if let Some(until) = not_before(&failures, &found) {
                outcome.left = Left::At(until);
                continue;
            }
            let Some((held, bytes)) = found.take() else {
                outcome.left = Left::Soon;
                continue;
            };
            let answer = self.send_segment(&ledger, &found, &bytes, outcome);
            drop(held);
            match answer {
                Some(Answer::Status(200..=299, _)) => {
                    answers.is_well = true;
                    answers.failure = None;
                }
                Some(Answer::Status(410, _)) => {
                    outcome.is_gone = true;
                    let collector = self.endpoint.mark();
                    consent::note_gone(&self.folder, &collector, &self.version);
                    outcome
                        .removed
                        .extend(discard_for(&self.folder, &collector));
                    break;
                }
                Some(answer) if answer.is_failure() => {
                    // One failure may be the segment's fault; two in a row are the collector's.
                    let is_second = answers.failure.replace(answer).is_some();
                    if is_second || !may_be_about_the_segment(answer) {
                        answers.is_well = false;
                        break;
                    }
                    outcome.left = Left::At(clock::now_millis() + FIRST_PAUSE_MILLIS);
                }
                Some(_) | None => {}
            }
        }
        answers
    }
}

/// The wait after a segment's first failure, in milliseconds; each further one doubles it.
const FIRST_PAUSE_MILLIS: u64 = circuit::FIRST_PAUSE.as_millis() as u64;

/// Whether a failure may be about the segment and not about the collector: the collector does not say that it is busy or
/// unavailable.
fn may_be_about_the_segment(answer: Answer) -> bool {
    match answer {
        Answer::Status(429 | 502..=504, _) => false,
        Answer::Status(..) if answer.retry_after().is_some() => false,
        Answer::Status(..) => answer.is_failure(),
        Answer::NotSent(_) | Answer::Unanswered | Answer::NotACollector(_) => false,
    }
}

/// The segments that a collector failed at, how often, and when last, according to the ledger.
fn failures(entries: &[Entry]) -> Vec<(String, u32, u64)> {
    let mut found: Vec<(String, u32, u64)> = Vec::new();
    let is_ours = |entry: &&Entry| {
        let answer = Answer::Status(entry.http_status, Remarks::default());
        entry.delivery_status == DeliveryStatus::Postponed && may_be_about_the_segment(answer)
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

/// The time before which a segment that a collector failed at is not sent again; `None` if it may be sent now.
fn not_before(failures: &[(String, u32, u64)], found: &Found) -> Option<u64> {
    let (_, count, last) = failures.iter().find(|(name, ..)| *name == found.name)?;
    let pause = Duration::from_millis(FIRST_PAUSE_MILLIS)
        .saturating_mul(1 << (count - 1).min(circuit::MAX_FAILURES))
        .min(circuit::LONGEST_PAUSE);
    let now = clock::now_millis();
    let until = last + pause.as_millis() as u64;
    // A clock that was set back must not delay it.
    (now < until && *last <= now + 1_000).then_some(until)
}
