//! Log lines whose cause comes again and again.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lets one line a minute through: a cause that comes with every request must not fill the log.
#[derive(Debug, Default)]
pub struct ReportLimit(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    withheld: u64,
}

/// The time between two lines.
const EVERY: Duration = Duration::from_secs(60);

impl ReportLimit {
    /// One that has let nothing through yet.
    pub const fn new() -> Self {
        Self(Mutex::new(State {
            last: None,
            withheld: 0,
        }))
    }

    /// Whether the line is to be written now: `Some` with the number of those that were not, since the last one that was.
    pub fn pass(&self) -> Option<u64> {
        self.pass_at(Instant::now())
    }

    fn pass_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |last: Instant| now.saturating_duration_since(last) < EVERY;
        if state.last.is_some_and(is_recent) {
            state.withheld += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.withheld))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_minute_passes_and_tells_of_the_others() {
        let (limit, start) = (ReportLimit::new(), Instant::now());
        let passed = (0..180).map(|second| limit.pass_at(start + Duration::from_secs(second)));
        let passed: Vec<u64> = passed.flatten().collect();
        assert_eq!(passed, [0, 59, 59]);
    }
}
