//! A running collector: its listeners, receivers and store.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::{IntoResponse as _, Response};
use headcount_access::{Arrival, RateLimiter};
use headcount_problem::Problem;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::base_path::BasePath;
use crate::connections::{Connections, Crowded};
use crate::descriptors;
use crate::erase_endpoint::EraseEndpoint;
use crate::error::ServeError;
use crate::gate::{Gate, RateLimited};
use crate::grpc_health;
use crate::ingest::IngestPipeline;
use crate::listener::{Bound, ListenerConfig, Peer, bind, serve};
use crate::memory_budget::MemoryBudget;
use crate::options::ServeOptions;
use crate::otlp_grpc::OtlpGrpc;
use crate::otlp_http::{self, OtlpHttp, misdirected_export};
use crate::rejection::{self, Rejection};
use crate::tls::Tls;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Makes the router for everything that is not telemetry.
type MakeSite = dyn FnOnce(&Arc<IngestPipeline>) -> Router + Send;

/// A running collector.
#[derive(Debug)]
pub struct Collector {
    pipeline: Arc<IngestPipeline>,
    stop: watch::Sender<bool>,
    listeners: JoinSet<()>,
    http: Vec<SocketAddr>,
    grpc: Option<SocketAddr>,
}

/// The endpoints of an HTTP listener.
#[derive(Debug, Clone)]
struct Endpoints {
    traces: OtlpHttp,
    erase: EraseEndpoint,
    /// Handles everything that is not telemetry.
    site: Router,
    gate: Gate,
    base_path: BasePath,
    query_failure: fn() -> Option<&'static str>,
    stop: watch::Receiver<bool>,
}

impl Collector {
    /// Opens the data folder and listens. Call it in a multi-threaded Tokio runtime. Requests for other paths than those
    /// of telemetry and health checks go to the router that `site` returns, with the peer's address as [`ConnectInfo`].
    /// The router must not keep the pipeline alive.
    ///
    /// # Errors
    /// The folder is in use or damaged, or an address cannot be listened on.
    pub fn start(
        options: ServeOptions,
        site: impl FnOnce(&Arc<IngestPipeline>) -> Router + Send + 'static,
    ) -> BoxFuture<Result<Self, ServeError>> {
        // Boxed, so that this crate compiles the servers, and not every crate that starts one.
        Box::pin(start(options, Box::new(site)))
    }

    /// The addresses of the OTLP/HTTP listeners, as bound.
    pub fn http_addresses(&self) -> &[SocketAddr] {
        &self.http
    }

    /// The address of the OTLP/gRPC listener, as bound.
    pub fn grpc_address(&self) -> Option<SocketAddr> {
        self.grpc
    }

    /// The ingest pipeline: admission, store and counters.
    pub fn pipeline(&self) -> &Arc<IngestPipeline> {
        &self.pipeline
    }

    /// Stops accepting, waits for requests in flight (at most [`crate::ReceiverLimits::shutdown_timeout`]), flushes and closes
    /// the store.
    ///
    /// # Errors
    /// The last flush failed; acknowledged rows are safe in the write-ahead log.
    pub fn stop(self) -> BoxFuture<Result<(), ServeError>> {
        Box::pin(stop(self))
    }

    fn listen_http(&mut self, bound: Bound, config: ListenerConfig, endpoints: Endpoints) {
        self.http.push(bound.address);
        let service_for = move |peer: Peer| {
            let endpoints = endpoints.clone();
            let share = endpoints.traces.budget.share();
            service_fn(move |mut request: Request<Incoming>| {
                let endpoints = endpoints.clone();
                request.extensions_mut().insert(share.clone());
                async move { Ok::<_, Infallible>(endpoints.handle(peer, request).await) }
            })
        };
        self.listeners
            .spawn(serve(bound.listener, config, service_for));
    }

    fn listen_grpc(
        &mut self,
        bound: Bound,
        config: ListenerConfig,
        gate: Gate,
        receiver: OtlpGrpc,
    ) {
        self.grpc = Some(bound.address);
        let service_for = move |peer: Peer| {
            let (receiver, gate) = (receiver.clone(), gate.clone());
            let share = receiver.budget.share();
            service_fn(move |mut request: Request<Incoming>| {
                let receiver = receiver.clone();
                request.extensions_mut().insert(share.clone());
                let is_call = request.uri().path() != grpc_health::CHECK;
                if is_call && gate.is_rate_limited(&gate.sender(peer, request.headers())) {
                    request.extensions_mut().insert(RateLimited);
                }
                if peer.is_crowded {
                    request.extensions_mut().insert(Crowded);
                }
                async move { Ok::<_, Infallible>(receiver.handle(request).await) }
            })
        };
        self.listeners
            .spawn(serve(bound.listener, config, service_for));
    }
}

async fn start(options: ServeOptions, site: Box<MakeSite>) -> Result<Collector, ServeError> {
    if options.http.is_empty() && options.grpc.is_none() {
        return Err(ServeError::NoAddress);
    }
    let tls = options.tls.map(Tls::open).transpose()?;
    let (tls, tls_watch) = tls.unzip();
    let rate_limiter = options.rate_limit.map(RateLimiter::new).transpose();
    let rate_limiter = rate_limiter.map_err(ServeError::Random)?;
    // Addresses first: if one fails, there is no store to close.
    let mut http_listeners = Vec::new();
    for address in &options.http {
        http_listeners.push(bind(address).await?);
    }
    let grpc_listener = match &options.grpc {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let pipeline = Arc::new(IngestPipeline::open(&options.data, options.lake.clone()).await?);
    let limits = options.limits;
    let (stop, stopped) = watch::channel(false);
    let config = ListenerConfig {
        tls,
        connections: Connections::new(descriptors::connections(limits.connections)),
        timeout: limits.timeout,
        idle: limits.idle,
        shutdown_timeout: limits.shutdown_timeout,
        stop: stopped,
    };
    let gate = Gate {
        trusted_proxies: options.trusted_proxies.into(),
        rate_limiter: rate_limiter.map(Arc::new),
    };
    let budget = MemoryBudget::new(limits.in_flight_bytes);
    let endpoints = Endpoints {
        traces: OtlpHttp {
            pipeline: Arc::clone(&pipeline),
            budget: budget.clone(),
            tokens: options.ingest_tokens.clone(),
            limits,
        },
        erase: EraseEndpoint {
            pipeline: Arc::clone(&pipeline),
            budget: budget.clone(),
            audit: options.audit,
            timeout: limits.timeout,
        },
        site: site(&pipeline),
        gate: gate.clone(),
        base_path: options.base_path,
        query_failure: options.query_failure,
        stop: config.stop.clone(),
    };
    let receiver = OtlpGrpc {
        pipeline: Arc::clone(&pipeline),
        budget,
        tokens: options.ingest_tokens,
        limits,
        stop: config.stop.clone(),
    };
    let mut collector = Collector {
        pipeline,
        stop,
        listeners: JoinSet::new(),
        http: Vec::new(),
        grpc: None,
    };
    if let Some(watch) = tls_watch {
        collector.listeners.spawn(watch.run(config.stop.clone()));
    }
    for bound in http_listeners {
        collector.listen_http(bound, config.clone(), endpoints.clone());
    }
    if let Some(bound) = grpc_listener {
        collector.listen_grpc(bound, config, gate, receiver);
    }
    Ok(collector)
}

async fn stop(mut collector: Collector) -> Result<(), ServeError> {
    collector.stop.send_replace(true);
    while collector.listeners.join_next().await.is_some() {}
    // A request that outlived the timeout still holds the store; acknowledged rows are in the write-ahead log.
    match Arc::try_unwrap(collector.pipeline) {
        Ok(pipeline) => pipeline.close().await?,
        Err(_) => tracing::warn!(
            "some requests did not finish before the shutdown timeout; the write-ahead log is replayed at the next start"
        ),
    }
    Ok(())
}

impl Endpoints {
    async fn handle(&self, peer: Peer, request: Request<Incoming>) -> Response {
        let mut request = request.map(Body::new);
        if let Some(address) = self.base_path.strip(request.uri()) {
            *request.uri_mut() = address;
        }
        let sender = self.gate.sender(peer, request.headers());
        match request.uri().path() {
            "/healthz" => plain("alive\n"),
            "/readyz" => {
                let fault = self.traces.pipeline.fault();
                let warnings = self.traces.pipeline.warnings();
                readiness(
                    *self.stop.borrow(),
                    fault.or_else(self.query_failure),
                    &warnings,
                )
            }
            _ if peer.is_crowded => self.traces.reject(&request, &Rejection::crowded()),
            path if self.gate.is_rate_limited(&sender) => match path {
                "/v1/traces" => self.traces.refuse(&request, &Rejection::rate_limited()),
                _ => too_many_requests(),
            },
            "/v1/traces" => self.traces.handle(request).await,
            "/v1/erase" => self.erase.handle(request).await,
            _ => self.ask_site(peer, sender.arrival, request).await,
        }
    }

    /// Passes the request on. Where the site has no such address, a misdirected export gets an answer that its sender can
    /// read and log, instead of a page.
    async fn ask_site(&self, peer: Peer, arrival: Arrival, mut request: Request<Body>) -> Response {
        let misdirected = misdirected_export(&request);
        request.extensions_mut().insert(ConnectInfo(peer.address));
        request.extensions_mut().insert(arrival);
        let response = match self.site.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        match misdirected.filter(|_| is_refusal(response.status())) {
            Some(format) => otlp_http::not_here(format),
            None => response,
        }
    }
}

/// Whether the site has no such address for the sender: none, not for this method, or not without the token.
fn is_refusal(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
    )
}

fn too_many_requests() -> Response {
    let detail = "too many requests from this address; ask less often, or have the operator raise --rate-limit";
    let status = StatusCode::TOO_MANY_REQUESTS;
    let problem = Problem::new(status, "too many requests", detail);
    problem
        .retry_after(rejection::retry_after())
        .into_response()
}

fn plain(text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    let media_type = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

/// Whether traces and queries may be sent here, in one line: for load balancers.
/// Each warning has a line of its own.
fn readiness(
    is_stopping: bool,
    health_fault: Option<&'static str>,
    warnings: &[String],
) -> Response {
    let reason = match (is_stopping, health_fault) {
        (false, None) => {
            let lines = warnings
                .iter()
                .map(|warning| format!("warning: {warning}\n"));
            return plain(format!("ready\n{}", lines.collect::<String>()));
        }
        (true, _) => "the collector is stopping",
        (false, Some(health_fault)) => health_fault,
    };
    let mut response = plain(format!("not ready: {reason}\n"));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopping_or_failing_collector_is_not_ready() {
        assert_eq!(readiness(false, None, &[]).status(), 200);
        assert_eq!(readiness(true, None, &[]).status(), 503);
        assert_eq!(
            readiness(false, Some("the disk is full"), &[]).status(),
            503
        );
    }
}
