//! What goes on on a connection, so that one on which nothing goes on can be closed.
//!
//! A connection is busy while a handler runs (handlers have limits of their own), and for [`Activity::quiet_since`] each
//! piece of an answer that the peer takes counts as a sign of life. Bytes that are no request do not: neither a slow
//! head nor HTTP/2 pings keep a connection open.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::Instant;

/// Answers are handed over in pieces of this many bytes, so that a slow peer's progress can be seen.
const PIECE: usize = 64 * 1024;

/// The requests of one connection.
#[derive(Debug)]
pub(crate) struct Activity {
    opened: Instant,
    running: AtomicUsize,
    /// Milliseconds from `opened` to the last sign of life.
    last: AtomicU64,
}

impl Activity {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            opened: Instant::now(),
            running: AtomicUsize::new(0),
            last: AtomicU64::new(0),
        })
    }

    /// Since when nothing has gone on; none while a handler runs.
    pub(crate) fn quiet_since(&self) -> Option<Instant> {
        let milliseconds = self.last.load(Ordering::Acquire);
        let is_quiet = self.running.load(Ordering::Acquire) == 0;
        is_quiet.then(|| self.opened + std::time::Duration::from_millis(milliseconds))
    }

    /// Says that a handler runs until the answer is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> Running {
        let _before = self.running.fetch_add(1, Ordering::AcqRel);
        Running(Arc::clone(self))
    }

    fn note(&self) {
        let elapsed = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        let _before = self.last.fetch_max(elapsed, Ordering::AcqRel);
    }
}

/// A handler that runs.
#[derive(Debug)]
pub(crate) struct Running(Arc<Activity>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.note();
        let _before = self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

/// An answer's body that is handed over in pieces, each of which is a sign of life.
#[derive(Debug)]
pub(crate) struct Watched<B> {
    body: Pin<Box<B>>,
    rest: Bytes,
    activity: Arc<Activity>,
}

impl<B> Watched<B> {
    pub(crate) fn new(body: B, activity: Arc<Activity>) -> Self {
        Self {
            body: Box::pin(body),
            rest: Bytes::new(),
            activity,
        }
    }
}

impl<B: http_body::Body<Data = Bytes>> http_body::Body for Watched<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.activity.note();
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
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
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
    async fn a_connection_is_quiet_only_while_no_handler_runs() {
        let activity = Activity::new();
        assert!(activity.quiet_since().is_some());
        let running = activity.begin();
        assert_eq!(activity.quiet_since(), None);
        drop(running);
        assert!(activity.quiet_since().is_some());
    }

    #[tokio::test]
    async fn an_answer_is_handed_over_whole_and_in_pieces() {
        let whole: Bytes = (0..3 * PIECE + 7).map(|index| index as u8).collect();
        let mut body = Watched::new(Full::new(whole.clone()), Activity::new());
        let mut pieces = Vec::new();
        while let Some(frame) = body.frame().await {
            let piece = frame.unwrap().into_data().unwrap();
            assert!(piece.len() <= PIECE);
            pieces.extend_from_slice(&piece);
        }
        assert_eq!(pieces, whole);
    }
}
