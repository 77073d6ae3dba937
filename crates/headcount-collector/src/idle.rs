//! Tracks the requests of a connection, so that an idle one can be closed.
//!
//! A connection is busy while a handler runs (handlers have limits of their own), and every part of a response that the
//! peer reads counts as progress. Other bytes do not: neither a slow request head nor HTTP/2 pings keep a connection
//! open.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::Instant;

/// Response bodies are split into chunks of this many bytes, so that the progress of a slow peer is visible.
const CHUNK: usize = 64 * 1024;

/// The requests of one connection.
#[derive(Debug)]
pub(crate) struct IdleTracker {
    opened: Instant,
    running: AtomicUsize,
    /// Whether a request came.
    has_begun: AtomicBool,
    /// Milliseconds from `opened` to the last progress.
    last_progress: AtomicU64,
}

impl IdleTracker {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            opened: Instant::now(),
            running: AtomicUsize::new(0),
            has_begun: AtomicBool::new(false),
            last_progress: AtomicU64::new(0),
        })
    }

    /// Since when the connection is idle; `None` while a handler runs.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        let milliseconds = self.last_progress.load(Ordering::Acquire);
        let is_idle = self.running.load(Ordering::Acquire) == 0;
        is_idle.then(|| self.opened + std::time::Duration::from_millis(milliseconds))
    }

    /// Whether no request came yet.
    pub(crate) fn is_new(&self) -> bool {
        !self.has_begun.load(Ordering::Acquire)
    }

    /// Marks the connection as busy until the guard is dropped.
    pub(crate) fn start_request(self: &Arc<Self>) -> RequestGuard {
        self.running.fetch_add(1, Ordering::AcqRel);
        self.has_begun.store(true, Ordering::Release);
        RequestGuard(Arc::clone(self))
    }

    fn record_progress(&self) {
        let elapsed = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_progress.fetch_max(elapsed, Ordering::AcqRel);
    }
}

/// A handler is running.
#[derive(Debug)]
pub(crate) struct RequestGuard(Arc<IdleTracker>);

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.record_progress();
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A response body in chunks, each of which counts as progress.
#[derive(Debug)]
pub(crate) struct TrackedBody<B> {
    body: Pin<Box<B>>,
    rest: Bytes,
    tracker: Arc<IdleTracker>,
}

impl<B> TrackedBody<B> {
    pub(crate) fn new(body: B, tracker: Arc<IdleTracker>) -> Self {
        Self {
            body: Box::pin(body),
            rest: Bytes::new(),
            tracker,
        }
    }
}

impl<B: http_body::Body<Data = Bytes>> http_body::Body for TrackedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.tracker.record_progress();
        if self.rest.is_empty() {
            let frame = match self.body.as_mut().poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => frame,
                other => return other,
            };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let length = self.rest.len().min(CHUNK);
        let chunk = self.rest.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let inner = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(rest));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};

    use super::*;

    #[tokio::test]
    async fn a_connection_is_idle_only_while_no_handler_runs() {
        let tracker = IdleTracker::new();
        assert!(tracker.idle_since().is_some());
        let request = tracker.start_request();
        assert_eq!(tracker.idle_since(), None);
        drop(request);
        assert!(tracker.idle_since().is_some());
    }

    #[tokio::test]
    async fn a_body_is_delivered_completely_and_in_chunks() {
        let whole: Bytes = (0..3 * CHUNK + 7).map(|index| index as u8).collect();
        let mut body = TrackedBody::new(Full::new(whole.clone()), IdleTracker::new());
        let mut received = Vec::new();
        while let Some(frame) = body.frame().await {
            let chunk = frame.unwrap().into_data().unwrap();
            assert!(chunk.len() <= CHUNK);
            received.extend_from_slice(&chunk);
        }
        assert_eq!(received, whole);
    }
}
