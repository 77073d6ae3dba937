//! Whether the store takes batches, by what became of the last ones; and what the log says about it.

use std::time::{Duration, Instant};

use headcount_lake::{AppendError, Appended};
use parking_lot::Mutex;

/// How long a failure of the store makes the collector unready. After that the cause may be gone, and only another
/// request can tell.
const UNREADY_AFTER_FAILURE: Duration = Duration::from_secs(10);

/// The log names a failure at most once in this time: on a disk that is nearly full, small batches may fit between large ones
/// that do not, and every request would change the state.
const REPORT_EVERY: Duration = Duration::from_secs(60);

/// What the last batches say about the store.
#[derive(Debug, Default)]
pub(crate) struct StoreHealth(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When and why the store last failed to append a batch; `None` once it succeeds.
    failure: Option<(Instant, &'static str)>,
    /// The failure that the log has named, until the log has said that it is over.
    named: Option<&'static str>,
    /// When the log last named one.
    last_report: Option<Instant>,
    /// Batches that failed since then.
    failed: u64,
}

/// What is to be said.
#[derive(Debug, PartialEq, Eq)]
enum Report {
    Nothing,
    Fails(&'static str),
    Works { after: &'static str, failed: u64 },
}

impl StoreHealth {
    /// Why the store failed in the last [`UNREADY_AFTER_FAILURE`]; `None` if it did not, or has succeeded since.
    pub(crate) fn failure(&self) -> Option<&'static str> {
        let failure = self.0.lock().failure;
        let recent = failure.filter(|(since, _)| since.elapsed() < UNREADY_AFTER_FAILURE);
        recent.map(|(_, text)| text)
    }

    /// Notes what became of a batch. The log says when the store stops taking batches, and when it takes them again; not for
    /// each request.
    pub(crate) fn record(&self, appended: &Result<Appended, AppendError>) {
        let failure = match appended {
            // A batch without new rows is not written, and so says nothing about the disk.
            Ok(Appended { written: false, .. }) | Err(AppendError::TooLarge(_)) => return,
            Ok(_) => None,
            Err(AppendError::DiskFull) => Some("the disk is full"),
            Err(AppendError::Overloaded) => Some("the store cannot keep up"),
            Err(AppendError::Log(_)) => Some("the write-ahead log cannot be written"),
            Err(AppendError::Closed) => Some("the store is closed"),
        };
        let report = self.0.lock().note(Instant::now(), failure);
        match report {
            Report::Nothing => {}
            Report::Fails(reason) => tracing::error!(
                reason,
                "requests are not stored; their senders are told to send them again"
            ),
            Report::Works { after, failed } => {
                tracing::warn!(reason = after, failed, "requests are stored again");
            }
        }
    }
}

impl State {
    fn note(&mut self, now: Instant, failure: Option<&'static str>) -> Report {
        self.failure = failure.map(|text| (now, text));
        let Some(text) = failure else {
            return match self.named.take() {
                None => Report::Nothing,
                Some(after) => Report::Works {
                    after,
                    failed: std::mem::take(&mut self.failed),
                },
            };
        };
        self.failed += 1;
        let is_recent = |at: Instant| now.saturating_duration_since(at) < REPORT_EVERY;
        if self.named == Some(text) || self.last_report.is_some_and(is_recent) {
            return Report::Nothing;
        }
        self.named = Some(text);
        self.last_report = Some(now);
        Report::Fails(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Option<&str> = Some("the disk is full");

    #[test]
    fn a_failure_is_named_once_and_its_end_once() {
        let (mut state, start) = (State::default(), Instant::now());
        assert_eq!(state.note(start, None), Report::Nothing);
        assert_eq!(state.note(start, FULL), Report::Fails("the disk is full"));
        for second in 1..600 {
            let now = start + Duration::from_secs(second);
            assert_eq!(state.note(now, FULL), Report::Nothing);
        }
        let works = Report::Works {
            after: "the disk is full",
            failed: 600,
        };
        assert_eq!(state.note(start, None), works);
        assert_eq!(state.note(start, None), Report::Nothing);
    }

    #[test]
    fn a_store_that_fails_every_other_time_is_named_once_a_minute() {
        let (mut state, start) = (State::default(), Instant::now());
        let mut reports = 0;
        for request in 0..6000_u64 {
            let now = start + Duration::from_millis(request * 20);
            let failure = FULL.filter(|_| request % 2 == 0);
            reports += u32::from(state.note(now, failure) != Report::Nothing);
        }
        // Two minutes: each with a failure and its end.
        assert_eq!(reports, 4);
    }
}
