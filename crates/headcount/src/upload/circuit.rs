//! When to send, and the circuit breaker that leaves a failing collector alone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::failure::UploadFailure;
use crate::platform::{clock, files, random};

/// The delay of the first upload after the first event of a process.
pub(crate) const FIRST_UPLOAD: Duration = Duration::from_millis(200);
/// The mean time between uploads while events come.
pub(crate) const UPLOAD_EVERY: Duration = Duration::from_secs(30);
/// The shortest time between two uploads of one machine.
pub(crate) const UPLOAD_SPACING_MILLIS: u64 = 500;
/// The wait after the first failure; each further one doubles it.
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// The longest wait without `Retry-After`: a collector that is down for a day is tried four times.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 3_600);
/// The longest wait that a collector may ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 3_600);
/// The tolerated difference between clocks, in milliseconds.
const SLACK_MILLIS: u64 = 60_000;
/// The most failures that are counted: the wait is at its maximum long before.
pub(super) const MAX_FAILURES: u32 = 16;

/// The circuit breaker's state, which processes share through a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Circuit {
    /// Nothing is sent before this, in milliseconds since 1970 UTC.
    pub(crate) closed_until_millis: u64,
    /// Failures since the last success.
    pub(crate) failures: u32,
    /// The time of the last change, in milliseconds since 1970 UTC; 0 if unknown.
    pub(crate) found_millis: u64,
    /// The last failure; `None` after a success, or if a version that did not note it wrote the file.
    pub(crate) failure: Option<UploadFailure>,
}

impl Circuit {
    /// The prefix of the file in a framework's folder; the collector's mark follows, because each collector has its own state.
    pub(crate) const FILE: &str = "circuit-";

    fn path(folder: &Path, collector: &str) -> PathBuf {
        folder.join(format!("{}{collector}", Self::FILE))
    }

    /// Reads the state. A file that is not understood counts as a circuit that never failed.
    pub(crate) fn read(folder: &Path, collector: &str) -> Self {
        let text = files::read_text(&Self::path(folder, collector));
        let failure = text.split_whitespace().nth(3).and_then(UploadFailure::read);
        let mut words = text.split_whitespace();
        let mut next = || words.next()?.parse::<u64>().ok();
        let now = clock::now_millis();
        let circuit = next().and_then(|until| {
            let failures = u32::try_from(next()?).ok()?.min(MAX_FAILURES);
            let found_millis = next().unwrap_or(0);
            // A pause is at most a day, and a change is never in the future. Otherwise the clock was wrong once, which must
            // not keep the client from sending.
            let latest = now + LONGEST_RETRY_AFTER.as_millis() as u64;
            let is_believable =
                until <= latest + SLACK_MILLIS && found_millis <= now + SLACK_MILLIS;
            Some(Self {
                closed_until_millis: if is_believable { until } else { 0 },
                failures,
                found_millis,
                failure,
            })
        });
        circuit.unwrap_or_default()
    }

    pub(crate) fn write(&self, folder: &Path, collector: &str) {
        let failure = self.failure.map(|failure| format!(" {}", failure.word()));
        let text = format!(
            "{} {} {}{}\n",
            self.closed_until_millis,
            self.failures,
            self.found_millis,
            failure.unwrap_or_default()
        );
        let _best_effort = files::replace(&Self::path(folder, collector), text.as_bytes());
    }

    /// After a success.
    pub(crate) fn succeeded(now_millis: u64) -> Self {
        Self {
            closed_until_millis: now_millis + UPLOAD_SPACING_MILLIS,
            failures: 0,
            found_millis: now_millis,
            failure: None,
        }
    }

    /// After a failure: full jitter over a doubling pause, but never sooner than the collector asks.
    pub(crate) fn failed(
        self,
        now_millis: u64,
        failure: UploadFailure,
        retry_after: Option<Duration>,
    ) -> Self {
        let failures = (self.failures + 1).min(MAX_FAILURES);
        let ceiling = FIRST_PAUSE
            .saturating_mul(1 << (failures - 1))
            .min(LONGEST_PAUSE);
        let pause = jittered(ceiling / 2, ceiling);
        let pause = match retry_after {
            Some(asked) => pause.max(asked.min(LONGEST_RETRY_AFTER)),
            None => pause,
        };
        Self {
            closed_until_millis: now_millis + pause.as_millis() as u64,
            failures,
            found_millis: now_millis,
            failure: Some(failure),
        }
    }
}

/// A random duration between two.
pub(crate) fn jittered(least: Duration, most: Duration) -> Duration {
    let [byte, other, ..] = random::bytes16();
    let share = f64::from(u16::from_le_bytes([byte, other])) / f64::from(u16::MAX);
    least + most.saturating_sub(least).mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_six_hours() {
        let mut circuit = Circuit::default();
        let mut ceiling = 10_000;
        for _ in 0..40 {
            circuit = circuit.failed(0, UploadFailure::NoResponse, None);
            assert!(circuit.closed_until_millis <= ceiling);
            assert!(circuit.closed_until_millis >= ceiling / 2);
            ceiling = (ceiling * 2).min(6 * 3_600_000);
        }
    }

    #[test]
    fn the_collectors_wish_is_respected_for_up_to_a_day() {
        let asked = |seconds| {
            Circuit::default()
                .failed(
                    0,
                    UploadFailure::Status(503),
                    Some(Duration::from_secs(seconds)),
                )
                .closed_until_millis
        };
        assert_eq!(asked(3_600), 3_600_000);
        assert_eq!(asked(u64::MAX / 2_000), 86_400_000);
    }

    #[test]
    fn the_state_is_shared_through_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let read = || Circuit::read(folder.path(), "00112233");
        assert_eq!(read(), Circuit::default());
        let circuit = Circuit {
            closed_until_millis: clock::now_millis() + 5_000,
            failures: 3,
            found_millis: clock::now_millis(),
            failure: Some(UploadFailure::Status(503)),
        };
        circuit.write(folder.path(), "00112233");
        assert_eq!(read(), circuit);
        let another = Circuit::read(folder.path(), "44556677");
        assert_eq!(another, Circuit::default());
        let path = folder.path().join("circuit-00112233");
        // The clock was an hour ahead when the collector failed.
        let ahead = clock::now_millis() + 3_600_000;
        let text = format!("{} 2 {ahead}", ahead + 5_000);
        std::fs::write(&path, text).unwrap();
        let circuit = read();
        assert_eq!((circuit.closed_until_millis, circuit.failures), (0, 2));
        std::fs::write(&path, "99999999999999999 7").unwrap();
        assert_eq!(read().closed_until_millis, 0);
        std::fs::write(&path, "5 70000").unwrap();
        assert_eq!(read().failures, MAX_FAILURES);
        std::fs::write(&path, [0xff, 0]).unwrap();
        assert_eq!(read(), Circuit::default());
    }
}
