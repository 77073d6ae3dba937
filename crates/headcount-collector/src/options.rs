//! Settings of a collector.

use std::path::PathBuf;
use std::time::Duration;

use headcount_access::{AuditLog, Authenticator};
use headcount_catalog::Catalog;
use headcount_lake::LakeOptions;

use crate::base_path::BasePath;
use crate::proxies::ProxyAddresses;
use crate::tls::TlsFiles;

/// Addresses, data folder and limits of a collector.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The data folder; created if missing.
    pub data: PathBuf,
    /// Addresses of OTLP/HTTP listeners as `HOST:PORT`; port 0 takes any free one.
    pub http: Vec<String>,
    /// The address of the OTLP/gRPC listener as `HOST:PORT`, or none.
    pub grpc: Option<String>,
    /// The proxies in front of the collector, whose `X-Forwarded-…` headers count.
    pub trusted_proxies: Vec<ProxyAddresses>,
    /// How many requests a second one sender may make, and ten times as many after a pause; any number if `None`.
    pub rate_limit: Option<u32>,
    /// The path under which the collector is served; requests may have it or not.
    pub base_path: BasePath,
    /// TLS on all listeners; none if `None`.
    pub tls: Option<TlsFiles>,
    /// The tokens, one of which telemetry requires; everybody may send if `None`.
    pub ingest_tokens: Option<Authenticator>,
    /// Where orders to erase are recorded; nowhere if `None`.
    pub audit: Option<AuditLog>,
    /// Limits of the receivers.
    pub limits: ReceiverLimits,
    /// Options of the store.
    pub lake: LakeOptions,
    /// Why queries cannot be answered now, if they cannot: the collector is not ready then.
    pub query_failure: fn() -> Option<&'static str>,
}

impl ServeOptions {
    /// The ports of OpenTelemetry on this machine alone, with `data` as the data folder.
    pub fn local(data: PathBuf) -> Self {
        Self {
            data,
            http: vec!["127.0.0.1:4318".to_owned()],
            grpc: Some("127.0.0.1:4317".to_owned()),
            trusted_proxies: Vec::new(),
            rate_limit: None,
            base_path: BasePath::default(),
            tls: None,
            ingest_tokens: None,
            audit: None,
            limits: ReceiverLimits::default(),
            lake: LakeOptions {
                retention: Some(Catalog::in_force().retention()),
                ..LakeOptions::default()
            },
            query_failure: || None,
        }
    }
}

/// How much a sender may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiverLimits {
    /// The size of a request's body before decompression, in bytes. A full batch of the stock SDKs (512 spans) is about 200 KiB.
    pub body_bytes: usize,
    /// The size of a request's body after decompression, in bytes: the limit for decompression bombs.
    pub decoded_bytes: usize,
    /// The memory budget of all bodies together, in bytes. Requests wait for their part of it, and get status 503 if it takes
    /// too long.
    pub in_flight_bytes: usize,
    /// Connections of all listeners together. When all are in use, an idle one is closed for each further one; where none is
    /// idle, only probes are answered. Fewer, if the process may not open so many files.
    pub connections: usize,
    /// How long a request's head, or its body, may take to arrive.
    pub timeout: Duration,
    /// How long a connection may be idle between two requests. Longer than the usual intervals of exporters (5, 10, 30 and
    /// 60 s), so that none meets a connection that is being closed.
    pub idle: Duration,
    /// How many bytes of a response its reader must take a second, on average after the first [`Self::timeout`]. Whoever is slower
    /// loses the connection, because a response holds memory, and an export one of few turns, until it is read.
    pub reading_rate: u32,
    /// How long requests in flight may continue after the collector was told to stop.
    pub shutdown_timeout: Duration,
}

impl Default for ReceiverLimits {
    /// 16 MiB compressed, 32 MiB decompressed, 96 MiB in flight, 4,096 connections, 30 s to arrive, 90 s idle, 64 KiB/s to read,
    /// 10 s to stop.
    fn default() -> Self {
        Self {
            body_bytes: 16 << 20,
            decoded_bytes: 32 << 20,
            in_flight_bytes: 96 << 20,
            connections: 4096,
            timeout: Duration::from_secs(30),
            idle: Duration::from_secs(90),
            reading_rate: 64 << 10,
            shutdown_timeout: Duration::from_secs(10),
        }
    }
}
