//! Accepts connections and serves them with a door, until told to stop.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::activity::{Activity, Watched};
use crate::error::ServeError;

/// After a failed `accept` (usually: no file descriptors left) the listener rests so long.
const REST: Duration = Duration::from_millis(50);

/// The most streams that one HTTP/2 connection may have open.
const STREAMS: u32 = 256;

/// What a peer may send on one HTTP/2 stream before it is read, in bytes. What has been read counts against the budget.
const STREAM_WINDOW: u32 = 128 * 1024;

/// The same for all streams of a connection together: the most that an HTTP/2 connection holds unread.
const CONNECTION_WINDOW: u32 = 256 * 1024;

/// What one HTTP/2 stream holds of an answer that its peer does not read, in bytes.
const SEND_BUFFER: usize = 64 * 1024;

/// What an HTTP/1 connection holds unread, and the longest head of a request, in bytes.
const HTTP1_BUFFER: usize = 128 * 1024;

/// The longest head of an HTTP/2 request, in bytes.
const HEADERS: u32 = 32 * 1024;

/// How long a connection that is closed for its silence may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// What all listeners share.
#[derive(Debug, Clone)]
pub(crate) struct Listening {
    pub(crate) connections: Arc<Semaphore>,
    pub(crate) patience: Duration,
    pub(crate) farewell: Duration,
    pub(crate) stop: watch::Receiver<bool>,
}

/// Binds `address`.
pub(crate) async fn bind(address: &str) -> Result<TcpListener, ServeError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| ServeError::Listen {
        address: address.to_owned(),
        source,
    })
}

/// Serves connections of `listener` until told to stop and every request under way is answered or given up.
pub(crate) async fn serve<F, B, S>(listener: TcpListener, listening: Listening, service_for: F)
where
    F: Fn(SocketAddr) -> S,
    S: hyper::service::Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Send
        + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut stop = listening.stop.clone();
    let mut tasks = JoinSet::new();
    loop {
        while tasks.try_join_next().is_some() {}
        let accepted = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = accept(&listener, &listening.connections) => accepted,
        };
        let Some((stream, peer, permit)) = accepted else {
            tokio::time::sleep(REST).await;
            continue;
        };
        let connection = converse(stream, service_for(peer), listening.clone());
        let _handle = tasks.spawn(async move {
            connection.await;
            drop(permit);
        });
    }
    drop(listener);
    let all_ended = async { while tasks.join_next().await.is_some() {} };
    let _given_up = tokio::time::timeout(listening.farewell, all_ended).await;
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, permit)),
        Err(error) => {
            tracing::warn!(kind = %error.kind(), "cannot accept a connection");
            None
        }
    }
}

/// Speaks HTTP/1.1 or HTTP/2 on one connection. What goes wrong on a connection is the sender's to notice: it gets no
/// acknowledgement and sends again. A connection on which no request has been under way for [`Listening::patience`] is
/// closed, whether it is silent, dawdles over its first bytes or keeps itself alive without asking anything.
async fn converse<B, S>(stream: TcpStream, service: S, listening: Listening)
where
    S: hyper::service::Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Send
        + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let _unchanged = stream.set_nodelay(true);
    let patience = listening.patience;
    let activity = Activity::new();
    let service = watch_over(service, Arc::clone(&activity));
    let builder = builder(patience);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut stop = listening.stop;
    let stopping = async move {
        let _told = stop.wait_for(|stop| *stop).await.is_ok();
    };
    tokio::select! {
        _ended = connection.as_mut() => return,
        () = quiet(&activity, patience) => {
            connection.as_mut().graceful_shutdown();
            // What still waits to be sent had as long as a request may take; the peer does not read.
            let _given_up = tokio::time::timeout(GOODBYE, connection).await;
            return;
        }
        () = stopping => connection.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        _ended = connection => {}
        () = quiet(&activity, patience) => {}
    }
}

fn builder(patience: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    let _http1 = builder
        .http1()
        .timer(TokioTimer::new())
        .max_buf_size(HTTP1_BUFFER)
        .header_read_timeout(patience);
    let _http2 = builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(HEADERS)
        .keep_alive_interval(patience)
        .keep_alive_timeout(patience);
    builder
}

/// Reports each request of `service` to `activity`, from its head to its answer's last piece.
fn watch_over<B, S>(
    service: S,
    activity: Arc<Activity>,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = Response<Watched<B>>,
    Error = Infallible,
    Future = impl Future<Output = Result<Response<Watched<B>>, Infallible>> + Send,
> + Send
where
    S: hyper::service::Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Send
        + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes>,
{
    service_fn(move |request| {
        let running = activity.begin();
        let answer = service.call(request);
        let activity = Arc::clone(&activity);
        async move {
            let response = answer.await?;
            drop(running);
            Ok(response.map(|body| Watched::new(body, activity)))
        }
    })
}

/// Resolves when nothing has gone on for `patience`.
async fn quiet(activity: &Activity, patience: Duration) {
    loop {
        let now = Instant::now();
        let until = activity.quiet_since().unwrap_or(now) + patience;
        if until <= now {
            return;
        }
        tokio::time::sleep_until(until).await;
    }
}
