//! What a handler leaves unread of a request's body: a refusal answers before the body has come.
//!
//! The next request of an HTTP/1 connection begins behind the body. So a short rest is read and thrown away, and the response to
//! a longer one says that the connection ends with it (RFC 9112 §9.6): without that word, a client would send its next request into a
//! connection that is being closed.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, EXPECT};
use http::{HeaderValue, Request, Response, Version};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use parking_lot::Mutex;

/// The longest rest that is read, in bytes: a refused export of usual size.
const MAX_REST: u64 = 64 * 1024;

/// How long it may take to come: it is under way already.
const MAX_TIME: Duration = Duration::from_secs(1);

/// A request's body, as handlers read it.
#[derive(Debug)]
pub(crate) struct ReceivedBody(Arc<Mutex<Received>>);

#[derive(Debug)]
struct Received {
    body: Incoming,
    has_ended: bool,
}

/// The same body, for whoever answers when the handler is done with it.
#[derive(Debug)]
pub(crate) struct Unread {
    body: Arc<Mutex<Received>>,
    /// Whether the sender waits for a word before it sends the body (`Expect: 100-continue`), which reading it would give.
    is_held_back: bool,
}

impl Received {
    fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if matches!(polled, Poll::Ready(None)) {
            self.has_ended = true;
        }
        polled
    }

    fn has_ended(&self) -> bool {
        self.has_ended || self.body.is_end_stream()
    }
}

impl http_body::Body for ReceivedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.0.lock().poll(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().has_ended()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().body.size_hint()
    }
}

/// The request for its handler, and its body for afterwards. `None` where no other request follows on the same stream: on HTTP/2.
pub(crate) fn share(request: Request<Incoming>) -> (Request<ReceivedBody>, Option<Unread>) {
    let is_http1 = request.version() <= Version::HTTP_11;
    let is_held_back = request.headers().contains_key(EXPECT);
    let (parts, body) = request.into_parts();
    let body = Arc::new(Mutex::new(Received {
        body,
        has_ended: false,
    }));
    let unread = is_http1.then(|| Unread {
        body: Arc::clone(&body),
        is_held_back,
    });
    (Request::from_parts(parts, ReceivedBody(body)), unread)
}

impl Unread {
    /// Reads the rest of the body, or says in `response` that the connection ends with it.
    pub(crate) async fn settle<B>(self, response: &mut Response<B>) {
        if response.headers().contains_key(CONNECTION) || self.is_gone().await {
            return;
        }
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }

    /// Whether nothing of the body is left.
    async fn is_gone(&self) -> bool {
        {
            let received = self.body.lock();
            if received.has_ended() {
                return true;
            }
            if self.is_held_back || received.body.size_hint().lower() > MAX_REST {
                return false;
            }
        }
        matches!(tokio::time::timeout(MAX_TIME, self.read()).await, Ok(true))
    }

    async fn read(&self) -> bool {
        let mut left = MAX_REST;
        loop {
            let frame = std::future::poll_fn(|context| self.body.lock().poll(context)).await;
            let length = match frame {
                None => return true,
                Some(Err(_)) => return false,
                Some(Ok(frame)) => frame.data_ref().map_or(0, |data| data.len() as u64),
            };
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => return false,
            }
        }
    }
}
