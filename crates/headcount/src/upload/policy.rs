//! When to send, and when to leave a collector alone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{clock, folders, random};

/// After the first event of a process: what earlier ones left goes out.
pub(crate) const FIRST_UPLOAD: Duration = Duration::from_millis(200);
/// While events come, one request in about so long.
pub(crate) const UPLOAD_EVERY: Duration = Duration::from_secs(30);
/// No two uploads of one machine come closer, whatever ends in between.
pub(crate) const UPLOAD_SPACING_MILLIS: u64 = 500;
/// The wait after the first failure; each further one doubles it.
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// The longest wait of our own making: a collector that is down for a day is asked four times.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 3_600);
/// The longest wait that a collector may ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 3_600);
/// By how much clocks differ that are right, in milliseconds.
const SLACK_MILLIS: u64 = 60_000;
/// How many doublings are told apart.
pub(super) const MOST_FAILURES: u32 = 16;

/// What processes tell each other about the collector: the circuit breaker's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Circuit {
    /// Nothing is sent before this, in milliseconds since 1970 UTC.
    pub(crate) closed_until_millis: u64,
    /// Failures since the last success.
    pub(crate) failures: u32,
    /// When this was found, in milliseconds since 1970 UTC; 0 where it is not known.
    pub(crate) found_millis: u64,
}

impl Circuit {
    /// Its name in a framework's folder begins with this, and ends with the collector's mark: one that is down keeps
    /// nothing from another.
    pub(crate) const FILE: &str = "circuit-";

    fn path(folder: &Path, collector: &str) -> PathBuf {
        folder.join(format!("{}{collector}", Self::FILE))
    }

    /// Reads the state; a file that is not understood is a circuit that never failed.
    pub(crate) fn read(folder: &Path, collector: &str) -> Self {
        let text = folders::read_text(&Self::path(folder, collector));
        let mut words = text.split_whitespace();
        let mut next = || words.next()?.parse::<u64>().ok();
        let now = clock::now_millis();
        let circuit = next().and_then(|until| {
            let failures = u32::try_from(next()?).ok()?.min(MOST_FAILURES);
            let found_millis = next().unwrap_or(0);
            // Nobody may ask for more than a day, and nothing was found in the future: a clock was wrong once, and must not
            // silence the client until it would be right.
            let latest = now + LONGEST_RETRY_AFTER.as_millis() as u64;
            let is_believable =
                until <= latest + SLACK_MILLIS && found_millis <= now + SLACK_MILLIS;
            Some(Self {
                closed_until_millis: if is_believable { until } else { 0 },
                failures,
                found_millis,
            })
        });
        circuit.unwrap_or_default()
    }

    pub(crate) fn write(&self, folder: &Path, collector: &str) {
        let text = format!(
            "{} {} {}\n",
            self.closed_until_millis, self.failures, self.found_millis
        );
        let _best_effort = folders::replace(&Self::path(folder, collector), text.as_bytes());
    }

    /// After a success.
    pub(crate) fn succeeded(now_millis: u64) -> Self {
        Self {
            closed_until_millis: now_millis + UPLOAD_SPACING_MILLIS,
            failures: 0,
            found_millis: now_millis,
        }
    }

    /// After a failure: full jitter over a doubling pause, but never sooner than the collector asks.
    pub(crate) fn failed(self, now_millis: u64, retry_after: Option<Duration>) -> Self {
        let failures = (self.failures + 1).min(MOST_FAILURES);
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
            circuit = circuit.failed(0, None);
            assert!(circuit.closed_until_millis <= ceiling);
            assert!(circuit.closed_until_millis >= ceiling / 2);
            ceiling = (ceiling * 2).min(6 * 3_600_000);
        }
    }

    #[test]
    fn the_collectors_wish_is_respected_for_up_to_a_day() {
        let asked = |seconds| {
            Circuit::default()
                .failed(0, Some(Duration::from_secs(seconds)))
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
        };
        circuit.write(folder.path(), "00112233");
        assert_eq!(read(), circuit);
        let another = Circuit::read(folder.path(), "44556677");
        assert_eq!(another, Circuit::default());
        let path = folder.path().join("circuit-00112233");
        // A clock that was an hour ahead when the collector was found closed.
        let ahead = clock::now_millis() + 3_600_000;
        let text = format!("{} 2 {ahead}", ahead + 5_000);
        std::fs::write(&path, text).unwrap();
        let circuit = read();
        assert_eq!((circuit.closed_until_millis, circuit.failures), (0, 2));
        std::fs::write(&path, "99999999999999999 7").unwrap();
        assert_eq!(read().closed_until_millis, 0);
        std::fs::write(&path, "5 70000").unwrap();
        assert_eq!(read().failures, MOST_FAILURES);
        std::fs::write(&path, [0xff, 0]).unwrap();
        assert_eq!(read(), Circuit::default());
    }
}
