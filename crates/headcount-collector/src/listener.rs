//! Accepts connections and serves them with a door, until told to stop.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::error::ServeError;

/// After a failed `accept` (usually: no file descriptors left) the listener rests so long.
const REST: Duration = Duration::from_millis(50);

/// The most streams that one HTTP/2 connection may have open.
const STREAMS: u32 = 256;

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
/// acknowledgement and sends again.
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
    let mut builder = auto::Builder::new(TokioExecutor::new());
    let _http1 = builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(listening.patience);
    let _http2 = builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(32 * 1024);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut stop = listening.stop;
    tokio::select! {
        _ended = connection.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ended = connection.await;
}
