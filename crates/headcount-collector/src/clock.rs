//! Whether this machine's clock is behind. A span that begins more than a day in the future is refused, and its sender is told
//! that the span's time is wrong. If that befalls nearly all senders, it is not theirs that is wrong.

use std::time::{Duration, Instant};

/// How many requests are looked at, the last ones.
const REQUESTS: usize = 256;

/// How long they count.
const MAX_AGE: Duration = Duration::from_secs(600);

/// How many of them must be ahead before anything is concluded, and how many for each that is not.
const MIN_AHEAD: usize = 20;
const AHEAD_TO_ON_TIME: usize = 19;

/// How long a suspicion lasts. If a load balancer sends no more requests because of it, nothing could end it.
const LASTS: Duration = Duration::from_secs(60);

/// How often the log is told.
const TELL_AGAIN: Duration = Duration::from_secs(3600);

/// What the last requests say about the clock.
#[derive(Debug, Default)]
pub(crate) struct ClockWatch {
    /// When each came, and whether all of its spans were ahead; a ring.
    requests: Vec<(Instant, bool)>,
    next: usize,
    suspect_since: Option<Instant>,
    told: Option<Instant>,
}

impl ClockWatch {
    /// Notes a request: whether all of its spans were refused because they begin in the future.
    pub(crate) fn note(&mut self, now: Instant, is_ahead: bool) {
        if self.requests.len() < REQUESTS {
            self.requests.push((now, is_ahead));
        } else {
            self.requests[self.next] = (now, is_ahead);
            self.next = (self.next + 1) % REQUESTS;
        }
        if !is_ahead && self.suspect_since.is_none() {
            return;
        }
        let recent = self.requests.iter();
        let recent = recent.filter(|(at, _)| now.duration_since(*at) < MAX_AGE);
        let (mut ahead, mut on_time) = (0, 0);
        for (_, is_ahead) in recent {
            *(if *is_ahead { &mut ahead } else { &mut on_time }) += 1;
        }
        let is_suspect = ahead >= MIN_AHEAD && ahead >= AHEAD_TO_ON_TIME * on_time;
        self.suspect_since = is_suspect.then_some(now);
        let was_told = self
            .told
            .is_some_and(|told| now.duration_since(told) < TELL_AGAIN);
        if is_suspect && !was_told {
            self.told = Some(now);
            tracing::error!(
                requests = ahead,
                of = ahead + on_time,
                "nearly all spans of the last requests begin more than a day in the future, and are refused: this machine's clock is probably behind; set it"
            );
        }
    }

    /// Whether the clock is probably behind.
    pub(crate) fn is_suspect(&self, now: Instant) -> bool {
        self.suspect_since
            .is_some_and(|since| now.duration_since(since) < LASTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(watch: &mut ClockWatch, now: Instant, count: usize, is_ahead: bool) {
        (0..count).for_each(|_| watch.note(now, is_ahead));
    }

    #[test]
    fn the_clock_is_suspect_where_nearly_all_senders_are_ahead() {
        let (mut watch, now) = (ClockWatch::default(), Instant::now());
        noted(&mut watch, now, 19, true);
        assert!(!watch.is_suspect(now), "a few senders prove nothing");
        watch.note(now, true);
        assert!(watch.is_suspect(now));
        // One is on time: its own clock may be behind. Two of twenty-one are not chance.
        watch.note(now, false);
        assert!(watch.is_suspect(now));
        watch.note(now, false);
        assert!(!watch.is_suspect(now));
        noted(&mut watch, now, 300, true);
        assert!(watch.is_suspect(now));
        assert!(watch.is_suspect(now + LASTS / 2));
        assert!(!watch.is_suspect(now + LASTS));
    }

    #[test]
    fn old_requests_do_not_count() {
        let (mut watch, now) = (ClockWatch::default(), Instant::now());
        noted(&mut watch, now, 19, true);
        watch.note(now + MAX_AGE, true);
        assert!(!watch.is_suspect(now + MAX_AGE));
    }
}
