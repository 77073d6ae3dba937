//! Threads for answers, apart from those that take telemetry in: rendering a page, encoding rows and compressing a body take time on a core, and no
//! acknowledgement waits for them.
//!
//! ```text
//! runtime of the collector          │ answer threads
//! request ──────────────────────────┼─► handler
//! response's head ◄─────────────────┼──┘
//! its body: parts through a channel ◄── read, encoded and compressed here
//! ```

use std::sync::OnceLock;

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::stream;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::problem::panicked;

/// The name of each thread.
const NAME: &str = "headcount-answer";

/// Parts of a body that wait for the client.
const WAITING: usize = 4;

static THREADS: OnceLock<Option<Runtime>> = OnceLock::new();

/// The threads; `None` where the operating system gives none, and answers are made where they are asked for.
fn threads() -> Option<&'static Runtime> {
    let threads = THREADS.get_or_init(|| {
        let started = Builder::new_multi_thread()
            .thread_name(NAME)
            .enable_all()
            .build();
        if let Err(error) = &started {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "cannot start threads for answers; they are made on those that take telemetry in"
            );
        }
        started.ok()
    });
    threads.as_ref()
}

/// Has the request answered on the threads for answers, with its body.
pub(crate) async fn answer_apart(request: Request, next: Next) -> Response {
    let Some(threads) = threads() else {
        return next.run(request).await;
    };
    let answering = threads.spawn(next.run(request));
    // A client that goes away ends its request.
    let _end = EndOnDrop(answering.abort_handle());
    match answering.await {
        Ok(response) => response.map(|body| made_apart(threads, body)),
        Err(_) => panicked().into_response(),
    }
}

/// The body, whose parts are made on the threads for answers. One of known length is in memory already.
fn made_apart(threads: &Runtime, mut body: Body) -> Body {
    if body.size_hint().exact().is_some() {
        return body;
    }
    let (parts, mut received) = mpsc::channel::<Result<Frame<Bytes>, axum::Error>>(WAITING);
    let _making = threads.spawn(async move {
        while let Some(part) = body.frame().await {
            // The client is gone.
            if parts.send(part).await.is_err() {
                break;
            }
        }
    });
    let received = stream::poll_fn(move |context| received.poll_recv(context));
    Body::new(StreamBody::new(received))
}

/// Aborts a task when its caller stops waiting.
struct EndOnDrop(AbortHandle);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use axum::Router;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
    use tower::ServiceExt as _;

    use super::*;
    use crate::middleware::compression;

    fn here() -> String {
        std::thread::current().name().unwrap_or_default().to_owned()
    }

    fn request(path: &str) -> Request {
        let request = Request::get(path).header(ACCEPT_ENCODING, "gzip");
        request.body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn handlers_bodies_and_compression_run_on_threads_of_their_own() {
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let noted = Arc::clone(&seen);
        let handler = move || {
            let noted = Arc::clone(&noted);
            async move {
                noted.lock().unwrap().push(here());
                let parts = stream::iter(0..50).map(move |number| {
                    noted.lock().unwrap().push(here());
                    Ok::<_, std::io::Error>(format!("part {number}\n").repeat(1000))
                });
                ([(CONTENT_TYPE, "text/csv")], Body::from_stream(parts))
            }
        };
        use futures::StreamExt as _;
        let router = Router::new()
            .route("/", get(handler))
            .layer((from_fn(answer_apart), compression()));
        let response = router.oneshot(request("/")).await.unwrap();
        assert_eq!(response.headers()[CONTENT_ENCODING], "gzip");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let mut text = String::new();
        let mut decoder = flate2::read::GzDecoder::new(&body[..]);
        std::io::Read::read_to_string(&mut decoder, &mut text).unwrap();
        assert_eq!(text.lines().count(), 50_000);
        let seen = seen.lock().unwrap();
        // The compressor asks for a part where it compresses it.
        assert_eq!(seen.len(), 51);
        assert!(seen.iter().all(|name| name == NAME), "{seen:?}");
    }

    #[tokio::test]
    async fn a_body_in_memory_keeps_its_length_and_a_panic_is_an_answer() {
        async fn fails() -> &'static str {
            panic!("a test");
        }
        let router = Router::new()
            .route("/", get(|| async { "short" }))
            .route("/fails", get(fails))
            .layer(from_fn(answer_apart));
        let response = router.clone().oneshot(request("/")).await.unwrap();
        assert_eq!(response.headers()[CONTENT_LENGTH], "5");
        let failed = router.oneshot(request("/fails")).await.unwrap();
        assert_eq!(failed.status(), http::StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[tokio::test]
    async fn a_client_that_goes_away_ends_its_request_and_its_body() {
        struct Ends(mpsc::UnboundedSender<&'static str>, &'static str);
        impl Drop for Ends {
            fn drop(&mut self) {
                let _ = self.0.send(self.1);
            }
        }
        let (ended, mut ends) = mpsc::unbounded_channel();
        let of_body = ended.clone();
        let endless = move || {
            let ends = Ends(of_body.clone(), "body");
            let parts = stream::repeat_with(move || {
                let _held = &ends;
                Ok::<_, std::io::Error>("part")
            });
            async move { Body::from_stream(parts) }
        };
        let waiting = move || {
            let ends = Ends(ended.clone(), "handler");
            async move {
                let _held = ends;
                tokio::time::sleep(Duration::from_secs(3600)).await;
            }
        };
        let router = Router::new()
            .route("/endless", get(endless))
            .route("/waiting", get(waiting))
            .layer(from_fn(answer_apart));
        let response = router.clone().oneshot(request("/endless")).await.unwrap();
        let mut body = response.into_body();
        assert!(body.frame().await.is_some());
        drop(body);
        assert_eq!(ends.recv().await, Some("body"));
        let answering = router.oneshot(request("/waiting"));
        let waited = tokio::time::timeout(Duration::from_millis(200), answering).await;
        assert!(waited.is_err());
        assert_eq!(ends.recv().await, Some("handler"));
    }
}
