//! A running collector: its listeners, its doors, its store.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::budget::Budget;
use crate::erase_door::EraseDoor;
use crate::error::ServeError;
use crate::grpc::TraceService;
use crate::http_door::TracesDoor;
use crate::intake::Intake;
use crate::listener::{Listening, bind, serve};
use crate::options::ServeOptions;

/// A running collector.
#[derive(Debug)]
pub struct Collector {
    intake: Arc<Intake>,
    stop: watch::Sender<bool>,
    listeners: JoinSet<()>,
    http: Vec<SocketAddr>,
    grpc: Option<SocketAddr>,
}

/// The doors of an HTTP listener.
#[derive(Debug, Clone)]
struct Doors {
    traces: TracesDoor,
    erase: EraseDoor,
    /// Everything that is not telemetry.
    site: Router,
    stop: watch::Receiver<bool>,
}

impl Collector {
    /// Opens the data folder and listens. Call it in a multi-threaded Tokio runtime. Requests that are neither telemetry
    /// nor about health go to the router that `site` makes, with the peer's address as [`ConnectInfo`]; the router must
    /// not keep the intake alive.
    ///
    /// # Errors
    /// The folder is in use or damaged, or an address cannot be listened on.
    pub async fn start(
        options: ServeOptions,
        site: impl FnOnce(&Arc<Intake>) -> Router,
    ) -> Result<Self, ServeError> {
        if options.http.is_empty() && options.grpc.is_none() {
            return Err(ServeError::NoAddress);
        }
        // Addresses first: a store that was opened for nothing would have to be closed again.
        let mut http_listeners = Vec::new();
        for address in &options.http {
            http_listeners.push((bind(address).await?, address));
        }
        let grpc_listener = match &options.grpc {
            Some(address) => Some((bind(address).await?, address)),
            None => None,
        };
        let intake = Arc::new(Intake::open(&options.data, options.lake.clone()).await?);
        let (stop, stopped) = watch::channel(false);
        let listening = Listening {
            connections: Arc::new(Semaphore::new(options.limits.connections)),
            patience: options.limits.patience,
            farewell: options.limits.farewell,
            stop: stopped,
        };
        let budget = Budget::new(options.limits.in_flight_bytes);
        let traces = TracesDoor {
            intake: Arc::clone(&intake),
            budget: budget.clone(),
            limits: options.limits,
        };
        let erase = EraseDoor {
            intake: Arc::clone(&intake),
            budget: budget.clone(),
            patience: options.limits.patience,
        };
        let doors = Doors {
            traces,
            erase,
            site: site(&intake),
            stop: listening.stop.clone(),
        };
        let mut collector = Self {
            intake,
            stop,
            listeners: JoinSet::new(),
            http: Vec::new(),
            grpc: None,
        };
        for (listener, address) in http_listeners {
            let bound = listener.local_addr();
            collector
                .http
                .push(bound.map_err(|source| ServeError::Listen {
                    address: address.clone(),
                    source,
                })?);
            let doors = doors.clone();
            let service_for = move |peer| {
                let doors = doors.clone();
                service_fn(move |request| {
                    let doors = doors.clone();
                    async move { Ok::<_, Infallible>(doors.answer(peer, request).await) }
                })
            };
            let _handle =
                collector
                    .listeners
                    .spawn(serve(listener, listening.clone(), service_for));
        }
        if let Some((listener, address)) = grpc_listener {
            let bound = listener.local_addr();
            collector.grpc = Some(bound.map_err(|source| ServeError::Listen {
                address: address.clone(),
                source,
            })?);
            let service = TraceService {
                intake: Arc::clone(&collector.intake),
                budget,
                limits: options.limits,
            };
            let service_for = move |_peer| {
                let service = service.clone();
                service_fn(move |request: Request<Incoming>| {
                    let service = service.clone();
                    async move { Ok::<_, Infallible>(service.answer(request).await) }
                })
            };
            let _handle = collector
                .listeners
                .spawn(serve(listener, listening, service_for));
        }
        Ok(collector)
    }

    /// The addresses of the OTLP/HTTP listeners, as bound.
    pub fn http_addresses(&self) -> &[SocketAddr] {
        &self.http
    }

    /// The address of the OTLP/gRPC listener, as bound.
    pub fn grpc_address(&self) -> Option<SocketAddr> {
        self.grpc
    }

    /// Admission, store and counters.
    pub fn intake(&self) -> &Arc<Intake> {
        &self.intake
    }

    /// Stops accepting, lets requests under way end (at most [`crate::ReceiverLimits::farewell`]), flushes and closes
    /// the store.
    ///
    /// # Errors
    /// The last flush failed; everything acknowledged is safe in the log.
    pub async fn stop(mut self) -> Result<(), ServeError> {
        let _before = self.stop.send_replace(true);
        while self.listeners.join_next().await.is_some() {}
        // A request that outlived the farewell still holds the store; the log has what was acknowledged.
        match Arc::try_unwrap(self.intake) {
            Ok(intake) => intake.close().await?,
            Err(_) => tracing::warn!(
                "requests were given up at the end; the log is replayed at the next start"
            ),
        }
        Ok(())
    }
}

impl Doors {
    async fn answer(&self, peer: SocketAddr, request: Request<Incoming>) -> Response {
        let request = request.map(Body::new);
        match request.uri().path() {
            "/v1/traces" => self.traces.answer(request).await,
            "/v1/erase" => self.erase.answer(request).await,
            "/healthz" => plain("alive\n"),
            "/readyz" => readiness(*self.stop.borrow(), self.traces.intake.ailment()),
            _ => {
                let mut request = request;
                let peer = ConnectInfo(peer);
                let _none = request.extensions_mut().insert(peer);
                match self.site.clone().oneshot(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                }
            }
        }
    }
}

fn plain(text: &'static str) -> Response {
    Response::new(Body::from(text))
}

/// Whether traces may be sent here: for whoever directs them, so in one line.
fn readiness(is_stopping: bool, ailment: Option<&'static str>) -> Response {
    let reason = match (is_stopping, ailment) {
        (false, None) => return plain("ready\n"),
        (true, _) => "the collector is stopping",
        (false, Some(ailment)) => ailment,
    };
    let mut response = Response::new(Body::from(format!("not ready: {reason}\n")));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_that_stops_or_cannot_store_is_not_ready() {
        assert_eq!(readiness(false, None).status(), 200);
        assert_eq!(readiness(true, None).status(), 503);
        assert_eq!(readiness(false, Some("the disk is full")).status(), 503);
    }
}
