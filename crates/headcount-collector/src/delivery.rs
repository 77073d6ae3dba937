//! A response on its way to its reader: in chunks, and no more slowly than [`Pace`] allows.
//!
//! A response holds what its handler reserved for it, such as memory for an answer or the turn of an export, until it is read. hyper asks a body
//! for more only when the peer has taken what it has, so a body that nobody asks cannot end itself: a task looks after each one that
//! is longer than a chunk, and drops what it holds when its reader is too slow.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::idle::IdleTracker;

/// Response bodies are split into chunks of this many bytes, so that the progress of a slow peer is visible.
const CHUNK: usize = 64 * 1024;

/// How often a reader's pace is looked at, at most; a quarter of the grace where that is shorter.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How fast responses must be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// How long a reader may take nothing.
    pub(crate) grace: Duration,
    /// The bytes a second that it must take on average beyond that.
    pub(crate) rate: u32,
}

/// Why a response ended before its end.
#[derive(Debug, thiserror::Error)]
#[error("the response was read too slowly")]
struct TooSlow;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A response body in chunks, each of which counts as progress of its connection. Its reader keeps the pace, or loses it.
#[derive(Debug)]
pub(crate) struct TrackedBody<B> {
    delivery: Arc<Mutex<Delivery<B>>>,
    tracker: Arc<IdleTracker>,
    pace: Pace,
    is_watched: bool,
}

/// The part that the reader has not got.
#[derive(Debug)]
struct Delivery<B> {
    /// `None` once the reader was too slow.
    body: Option<Pin<Box<B>>>,
    rest: Bytes,
    reading: Reading,
}

/// How long the reader took for how much. Time in which the handler has nothing to give is not the reader's.
#[derive(Debug, Default)]
struct Reading {
    bytes: u64,
    time: Duration,
    /// Since when it has something to read.
    since: Option<Instant>,
}

impl Reading {
    fn gets(&mut self, bytes: usize, now: Instant) {
        self.bytes += bytes as u64;
        self.since = Some(now);
    }

    fn asks_for_more(&mut self, now: Instant) {
        self.time = self.time_until(now);
        self.since = None;
    }

    fn time_until(&self, now: Instant) -> Duration {
        let reading = self.since.map(|since| now.saturating_duration_since(since));
        self.time + reading.unwrap_or_default()
    }

    fn is_too_slow(&self, pace: Pace, now: Instant) -> bool {
        let due = Duration::from_secs_f64(self.bytes as f64 / f64::from(pace.rate.max(1)));
        self.time_until(now) > pace.grace + due
    }
}

impl<B: http_body::Body<Data = Bytes>> TrackedBody<B> {
    pub(crate) fn new(body: B, tracker: Arc<IdleTracker>, pace: Pace) -> Self {
        Self {
            delivery: Arc::new(Mutex::new(Delivery {
                body: Some(Box::pin(body)),
                rest: Bytes::new(),
                reading: Reading::default(),
            })),
            tracker,
            pace,
            is_watched: false,
        }
    }
}

impl<B: http_body::Body<Data = Bytes>> Delivery<B> {
    fn is_end_stream(&self) -> bool {
        let has_ended = self.body.as_ref().is_some_and(|body| body.is_end_stream());
        has_ended && self.rest.is_empty()
    }
}

impl<B> http_body::Body for TrackedBody<B>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.tracker.record_progress();
        let mut delivery = self.delivery.lock();
        let Delivery {
            body,
            rest,
            reading,
        } = &mut *delivery;
        let Some(body) = body else {
            return Poll::Ready(Some(Err(TooSlow.into())));
        };
        reading.asks_for_more(Instant::now());
        if rest.is_empty() {
            let frame = match body.as_mut().poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => frame,
                other => return other.map_err(Into::into),
            };
            match frame.into_data() {
                Ok(data) => *rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let length = rest.len().min(CHUNK);
        let chunk = rest.split_to(length);
        reading.gets(chunk.len(), Instant::now());
        let goes_on = !delivery.is_end_stream();
        drop(delivery);
        if goes_on && !self.is_watched {
            self.is_watched = true;
            let watched = Arc::downgrade(&self.delivery);
            let _watch = tokio::spawn(watch(watched, self.pace));
        }
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.delivery.lock().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let delivery = self.delivery.lock();
        let Some(body) = &delivery.body else {
            return SizeHint::new();
        };
        let (rest, inner) = (delivery.rest.len() as u64, body.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(rest));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

/// Drops what a response holds as soon as its reader is too slow. Ends with the response.
async fn watch<B>(delivery: Weak<Mutex<Delivery<B>>>, pace: Pace) {
    loop {
        tokio::time::sleep(LOOK_EVERY.min(pace.grace / 4)).await;
        let Some(delivery) = delivery.upgrade() else {
            return;
        };
        let given_up = {
            let mut delivery = delivery.lock();
            if !delivery.reading.is_too_slow(pace, Instant::now()) {
                continue;
            }
            delivery.rest = Bytes::new();
            delivery.body.take()
        };
        // Outside of the lock: a handler may do something when its response is dropped.
        drop(given_up);
        tracing::debug!("a response was read too slowly, and given up");
        return;
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;
    use http_body_util::{BodyExt as _, Full, StreamBody};

    use super::*;

    const PACE: Pace = Pace {
        grace: Duration::from_secs(30),
        rate: 1024,
    };

    fn tracked<B: http_body::Body<Data = Bytes>>(body: B) -> TrackedBody<B> {
        TrackedBody::new(body, IdleTracker::new(), PACE)
    }

    #[tokio::test]
    async fn a_body_is_delivered_completely_and_in_chunks() {
        let whole: Bytes = (0..3 * CHUNK + 7).map(|index| index as u8).collect();
        let mut body = tracked(Full::new(whole.clone()));
        assert_eq!(body.size_hint().exact(), Some(whole.len() as u64));
        let mut received = Vec::new();
        while let Some(frame) = body.frame().await {
            let chunk = frame.unwrap().into_data().unwrap();
            assert!(chunk.len() <= CHUNK);
            received.extend_from_slice(&chunk);
        }
        assert_eq!(received, whole);
    }

    #[test]
    fn a_reader_has_the_grace_and_a_second_for_each_rate_of_bytes() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut reading = Reading::default();
        reading.gets(64 * 1024, at(0));
        assert!(!reading.is_too_slow(PACE, at(94)), "30 s and 64 s");
        assert!(reading.is_too_slow(PACE, at(95)));
        // The handler has nothing to give for a quarter of an hour.
        reading.asks_for_more(at(90));
        assert!(!reading.is_too_slow(PACE, at(1000)));
        reading.gets(1024, at(1000));
        assert!(!reading.is_too_slow(PACE, at(1005)));
        assert!(reading.is_too_slow(PACE, at(1006)));
    }

    #[tokio::test]
    async fn who_reads_nothing_loses_the_response_and_what_it_holds() {
        let parts = futures::stream::repeat_with(|| {
            Ok::<_, std::io::Error>(Frame::data(Bytes::from(vec![0; CHUNK])))
        });
        let pace = Pace {
            grace: Duration::from_millis(100),
            rate: u32::MAX,
        };
        let mut body = TrackedBody::new(StreamBody::new(parts), IdleTracker::new(), pace);
        assert!(body.frame().await.unwrap().is_ok());
        assert!(body.delivery.lock().body.is_some());
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(body.delivery.lock().body.is_none());
        let error = body.frame().await.unwrap().unwrap_err();
        assert!(error.is::<TooSlow>(), "{error}");
    }
}
