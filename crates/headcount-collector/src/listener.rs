//! Accepts connections and serves HTTP/1.1 and HTTP/2 on them, until told to stop.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use headcount_observe::ReportLimit;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::connections::{Connections, Place};
use crate::delivery::{Pace, TrackedBody};
use crate::error::ServeError;
use crate::handshake;
use crate::idle::IdleTracker;
use crate::linger::Socket;
use crate::tls::Tls;
use crate::transport::Transport;
use crate::unread::{self, ReceivedBody};

/// How long the listener pauses after a failed `accept` (usually: no file descriptors left).
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

/// How many streams one HTTP/2 connection may have open.
const MAX_STREAMS: u32 = 256;

/// How many bytes a peer may send on one HTTP/2 stream before they are read. Bytes that were read count against the
/// memory budget.
const STREAM_WINDOW: u32 = 128 * 1024;

/// The same for all streams of a connection together.
const CONNECTION_WINDOW: u32 = 256 * 1024;

/// How many bytes of a response one HTTP/2 stream buffers while its peer does not read.
const SEND_BUFFER: usize = 64 * 1024;

/// How many bytes an HTTP/1 connection buffers, and so the longest request head; a longer one gets status 431.
const HTTP1_BUFFER: usize = 128 * 1024;

/// The longest head of an HTTP/2 request, in bytes.
const MAX_HEADER_LIST: u32 = 32 * 1024;

/// How long a connection of the reserve may be silent.
const RESERVE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the graceful shutdown of an idle connection may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Settings and state that all listeners share.
#[derive(Debug, Clone)]
pub(crate) struct ListenerConfig {
    pub(crate) connections: Arc<Connections>,
    /// TLS on every connection; none if `None`.
    pub(crate) tls: Option<Tls>,
    /// How long a request's head may take to arrive.
    pub(crate) timeout: Duration,
    /// How long a connection may be idle between two requests.
    pub(crate) idle: Duration,
    /// How many bytes of a response its reader must take a second.
    pub(crate) reading_rate: u32,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) stop: watch::Receiver<bool>,
}

impl ListenerConfig {
    /// How fast responses must be read.
    fn pace(&self) -> Pace {
        Pace {
            grace: self.timeout,
            rate: self.reading_rate,
        }
    }

    /// The same for a connection of the reserve, which serves one probe and makes room for the next.
    fn hurried_if(mut self, is_crowded: bool) -> Self {
        if is_crowded {
            self.timeout = self.timeout.min(RESERVE_TIMEOUT);
            self.idle = self.idle.min(RESERVE_TIMEOUT);
        }
        self
    }
}

/// The other side of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// Whether the connection serves probes alone, because all others are in use.
    pub(crate) is_crowded: bool,
    /// Whether it uses TLS.
    pub(crate) is_tls: bool,
}

/// A listening socket and its address, which differs from the one asked for if that has port 0.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) listener: TcpListener,
    pub(crate) address: SocketAddr,
}

/// Listens on `address`.
pub(crate) async fn bind(address: &str) -> Result<Bound, ServeError> {
    let failed = |source| ServeError::Listen {
        address: address.to_owned(),
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Bound { listener, address })
}

/// Serves connections of `listener` until told to stop and every request in flight is answered or abandoned.
pub(crate) async fn serve<F, B, S>(listener: TcpListener, config: ListenerConfig, service_for: F)
where
    F: Fn(Peer) -> S + Clone + Send + 'static,
    S: hyper::service::Service<Request<ReceivedBody>, Response = Response<B>, Error = Infallible>
        + Send
        + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut stop = config.stop.clone();
    let mut tasks = JoinSet::new();
    let refused = ReportLimit::new();
    loop {
        while tasks.try_join_next().is_some() {}
        let accepted = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = accept(&listener, &config.connections, &refused) => accepted,
        };
        let Some((stream, address, place)) = accepted else {
            tokio::time::sleep(ACCEPT_BACKOFF).await;
            continue;
        };
        let (service_for, config) = (service_for.clone(), config.clone());
        tasks.spawn(async move {
            let peer = Peer {
                address,
                is_crowded: place.is_crowded,
                is_tls: config.tls.is_some(),
            };
            let config = config.hurried_if(place.is_crowded);
            let socket = Socket::new(stream);
            // Without it, responses are merely slower.
            let _ = socket.set_nodelay();
            let (tls, stop) = (config.tls.as_ref(), config.stop.clone());
            let begun =
                handshake::begin(tls, socket.clone(), config.timeout, &place.close, stop).await;
            let Some(transport) = begun else {
                return;
            };
            let (tracker, pace) = (Arc::clone(&place.tracker), config.pace());
            let service = track_requests(service_for(peer), tracker, pace);
            let has_ended =
                serve_connection(transport, service, &place.tracker, &place.close, config).await;
            if has_ended {
                socket.close().await;
            }
        });
    }
    drop(listener);
    let all_ended = async { while tasks.join_next().await.is_some() {} };
    // Requests that take longer are abandoned; their senders get no acknowledgement and retry.
    let _ = tokio::time::timeout(config.shutdown_timeout, all_ended).await;
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Connections>,
    refused: &ReportLimit,
) -> Option<(TcpStream, SocketAddr, Place)> {
    match listener.accept().await {
        Ok((stream, address)) => {
            let place = connections.place(address.ip().to_canonical()).await;
            Some((stream, address, place))
        }
        Err(error) => {
            if let Some(withheld) = refused.pass() {
                tracing::warn!(kind = %error.kind(), withheld, "cannot accept connections; trying again");
            }
            None
        }
    }
}

/// Serves HTTP/1.1 or HTTP/2 on one connection. Errors of a connection are not reported: the sender gets no
/// acknowledgement and retries. A connection is closed that sends no request for [`ListenerConfig::timeout`], or no further one
/// for [`ListenerConfig::idle`], whether it is silent, sends a request head slowly or sends only keep-alives; and one that is
/// told to `close`. True if it ended by itself, so that a response may be on its way.
async fn serve_connection<B, S>(
    transport: Transport,
    service: S,
    tracker: &IdleTracker,
    close: &Notify,
    config: ListenerConfig,
) -> bool
where
    S: hyper::service::Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Send
        + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let builder = builder(&config);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(transport), service));
    let mut stop = config.stop.clone();
    let stopping = async move {
        // An error means that the collector is gone, which stops as well.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    tokio::select! {
        _ended = connection.as_mut() => return true,
        () = idle_for_long(tracker, close, &config) => {
            connection.as_mut().graceful_shutdown();
            // The peer had a whole timeout to read the rest of its responses, and did not.
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, connection).await;
            return false;
        }
        () = stopping => connection.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        _ended = connection => true,
        () = idle_for(tracker, &config) => false,
    }
}

/// Resolves when the connection has been idle for too long, or is told to close and is idle.
async fn idle_for_long(tracker: &IdleTracker, close: &Notify, config: &ListenerConfig) {
    let told = async {
        loop {
            close.notified().await;
            if tracker.idle_since().is_some() {
                return;
            }
        }
    };
    tokio::select! {
        () = told => {}
        () = idle_for(tracker, config) => {}
    }
}

fn builder(config: &ListenerConfig) -> auto::Builder<TokioExecutor> {
    let timeout = config.timeout;
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .max_buf_size(HTTP1_BUFFER)
        // hyper also counts the time between two requests; a head that comes slowly ends by `idle_for`.
        .header_read_timeout(timeout.max(config.idle));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(MAX_HEADER_LIST)
        .keep_alive_interval(timeout)
        .keep_alive_timeout(timeout);
    builder
}

/// Reports each request of `service` to `tracker`, from its head to the last chunk of its response, and settles what its handler
/// leaves unread.
fn track_requests<B, S>(
    service: S,
    tracker: Arc<IdleTracker>,
    pace: Pace,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = Response<TrackedBody<B>>,
    Error = Infallible,
    Future = impl Future<Output = Result<Response<TrackedBody<B>>, Infallible>> + Send,
> + Send
where
    S: hyper::service::Service<Request<ReceivedBody>, Response = Response<B>, Error = Infallible>
        + Send
        + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    service_fn(move |request| {
        let request_guard = tracker.start_request();
        let (request, unread) = unread::share(request);
        let response = service.call(request);
        let tracker = Arc::clone(&tracker);
        async move {
            let mut response = response.await?;
            if let Some(unread) = unread {
                unread.settle(&mut response).await;
            }
            drop(request_guard);
            Ok(response.map(|body| TrackedBody::new(body, tracker, pace)))
        }
    })
}

/// Resolves when the connection has been idle for as long as it may: longer once it has sent a request.
async fn idle_for(tracker: &IdleTracker, config: &ListenerConfig) {
    loop {
        let now = Instant::now();
        let limit = match tracker.is_new() {
            true => config.timeout,
            false => config.idle,
        };
        let until = tracker.idle_since().unwrap_or(now) + limit;
        if until <= now {
            return;
        }
        // A new connection may send its first request meanwhile.
        tokio::time::sleep_until(until.min(now + config.timeout)).await;
    }
}
