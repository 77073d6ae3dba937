//! A running collector: its listeners, receivers and store.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::{IntoResponse as _, Response};
use headcount_access::{Arrival, RateLimiter};
use headcount_problem::Problem;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, StatusCode};
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
use crate::ingest::{IngestPipeline, ServerState};
use crate::listener::{Bound, ListenerConfig, Peer, bind, serve};
use crate::log_watch;
use crate::memory_budget::MemoryBudget;
use crate::metrics;
use crate::options::{ReceiverLimits, ServeOptions};
use crate::otlp_grpc::OtlpGrpc;
use crate::otlp_http::{self, OtlpHttp, misdirected_export};
use crate::readiness;
use crate::rejection::{self, Rejection};
use crate::request_durations::Endpoint;
use crate::tls::{Tls, TlsReload};
use crate::unread::ReceivedBody;

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
    tls_reload: Option<TlsReload>,
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

    /// Why telemetry and queries should not be sent here now, as `/readyz` says; `None` if they may.
    pub fn fault(&self) -> Option<&'static str> {
        self.pipeline.fault()
    }

    /// For how long the write-ahead log has not answered; some seconds are usual. While it grows nothing is stored, and the process
    /// is stuck.
    pub fn log_silence(&self) -> Duration {
        self.pipeline.heartbeat().silence()
    }

    /// Reads the files of TLS again, and uses them if they are good; the log says what became of them. Does nothing without TLS.
    pub fn reload_certificate(&self) -> BoxFuture<()> {
        let reload = self.tls_reload.clone();
        Box::pin(async move {
            if let Some(reload) = reload {
                reload.run().await;
            }
        })
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
            service_fn(move |mut request: Request<ReceivedBody>| {
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
            service_fn(move |mut request: Request<ReceivedBody>| {
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
    metrics::note_start();
    if options.http.is_empty() && options.grpc.is_none() {
        return Err(ServeError::NoAddress);
    }
    let tls = options.tls.clone().map(Tls::open).transpose()?;
    let (tls, tls_watch) = tls.unzip();
    let gate = gate(&options)?;
    // Addresses first: if one fails, there is no store to close.
    let (http, grpc) = bind_all(&options).await?;
    let pipeline = Arc::new(IngestPipeline::open(&options.data, options.lake.clone()).await?);
    let (stop, stopped) = watch::channel(false);
    let config = listener_config(options.limits, tls, stopped);
    let budget = MemoryBudget::new(options.limits.in_flight_bytes);
    let state = ServerState {
        budget: budget.clone(),
        connections: Arc::clone(&config.connections),
        tls: config.tls.clone(),
        query_failure: options.query_failure,
    };
    // There is one server to a pipeline.
    let _ = pipeline.server().set(state);
    let receiver = OtlpGrpc {
        pipeline: Arc::clone(&pipeline),
        budget: budget.clone(),
        tokens: options.ingest_tokens.clone(),
        limits: options.limits,
        stop: config.stop.clone(),
    };
    let site = site(&pipeline);
    let endpoints = Endpoints::new(&pipeline, budget, gate.clone(), site, options, &config);
    let mut collector = Collector {
        pipeline,
        stop,
        listeners: JoinSet::new(),
        http: Vec::new(),
        grpc: None,
        tls_reload: tls_watch.as_ref().map(|watch| watch.reload.clone()),
    };
    let beating = log_watch::run(Arc::clone(&collector.pipeline), config.stop.clone());
    collector.listeners.spawn(beating);
    if let Some(watch) = tls_watch {
        collector.listeners.spawn(watch.run(config.stop.clone()));
    }
    for bound in http {
        collector.listen_http(bound, config.clone(), endpoints.clone());
    }
    if let Some(bound) = grpc {
        collector.listen_grpc(bound, config, gate, receiver);
    }
    Ok(collector)
}

/// Who senders are, and how often each may ask.
fn gate(options: &ServeOptions) -> Result<Gate, ServeError> {
    let rate_limiter = options.rate_limit.map(RateLimiter::new).transpose();
    Ok(Gate {
        trusted_proxies: options.trusted_proxies.clone().into(),
        rate_limiter: rate_limiter.map_err(ServeError::Random)?.map(Arc::new),
    })
}

/// The sockets for HTTP, and the one for gRPC.
async fn bind_all(options: &ServeOptions) -> Result<(Vec<Bound>, Option<Bound>), ServeError> {
    let mut http = Vec::new();
    for address in &options.http {
        http.push(bind(address).await?);
    }
    let grpc = match &options.grpc {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    Ok((http, grpc))
}

fn listener_config(
    limits: ReceiverLimits,
    tls: Option<Tls>,
    stop: watch::Receiver<bool>,
) -> ListenerConfig {
    ListenerConfig {
        tls,
        connections: Connections::new(descriptors::connections(limits.connections)),
        timeout: limits.timeout,
        idle: limits.idle,
        reading_rate: limits.reading_rate,
        shutdown_timeout: limits.shutdown_timeout,
        stop,
    }
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
    fn new(
        pipeline: &Arc<IngestPipeline>,
        budget: MemoryBudget,
        gate: Gate,
        site: Router,
        options: ServeOptions,
        config: &ListenerConfig,
    ) -> Self {
        Self {
            traces: OtlpHttp {
                pipeline: Arc::clone(pipeline),
                budget: budget.clone(),
                tokens: options.ingest_tokens,
                limits: options.limits,
            },
            erase: EraseEndpoint {
                pipeline: Arc::clone(pipeline),
                budget,
                audit: options.audit,
                timeout: options.limits.timeout,
            },
            site,
            gate,
            base_path: options.base_path,
            stop: config.stop.clone(),
        }
    }

    /// Answers a request. Probes are not counted: they would hide what the others took.
    async fn handle(&self, peer: Peer, request: Request<ReceivedBody>) -> Response {
        let mut request = request.map(Body::new);
        if let Some(address) = self.base_path.strip(request.uri()) {
            *request.uri_mut() = address;
        }
        let endpoint = match request.uri().path() {
            "/healthz" => return plain("alive\n"),
            "/readyz" => return self.readiness(&request),
            "/v1/traces" => Endpoint::TracesHttp,
            "/v1/erase" => Endpoint::Erase,
            _ => Endpoint::Site,
        };
        let began = Instant::now();
        let response = self.answer(peer, endpoint, request).await;
        let durations = self.traces.pipeline.counters().durations();
        durations.observe(endpoint, response.status().as_u16(), began.elapsed());
        response
    }

    async fn answer(&self, peer: Peer, endpoint: Endpoint, request: Request<Body>) -> Response {
        if peer.is_crowded {
            return self.traces.reject(&request, &Rejection::crowded());
        }
        let sender = self.gate.sender(peer, request.headers());
        let is_limited = self.gate.is_rate_limited(&sender);
        match endpoint {
            Endpoint::TracesHttp if is_limited => {
                self.traces.refuse(&request, &Rejection::rate_limited())
            }
            _ if is_limited => too_many_requests(),
            Endpoint::TracesHttp => self.traces.handle(request).await,
            Endpoint::Erase => self.erase.handle(request).await,
            Endpoint::Site | Endpoint::TracesGrpc => {
                self.ask_site(peer, sender.arrival, request).await
            }
        }
    }

    /// Whether traces and queries may be sent here.
    fn readiness(&self, request: &Request<Body>) -> Response {
        let pipeline = &self.traces.pipeline;
        let fault = match *self.stop.borrow() {
            true => Some("the collector is stopping"),
            false => pipeline.fault(),
        };
        readiness::response(fault, &pipeline.warnings(), request.headers())
    }

    /// Passes the request on. Where the site has no such address, a misdirected export gets an answer that its sender can
    /// read and log, instead of a page.
    async fn ask_site(&self, peer: Peer, arrival: Arrival, mut request: Request<Body>) -> Response {
        let misdirected = misdirected_export(&request);
        let misdirected = misdirected.map(|format| (request.uri().path().to_owned(), format));
        request.extensions_mut().insert(ConnectInfo(peer.address));
        request.extensions_mut().insert(arrival);
        let response = match self.site.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        match misdirected.filter(|_| is_refusal(response.status())) {
            Some((path, format)) => otlp_http::not_here(&path, format),
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
