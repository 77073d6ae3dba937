//! What a collector is told at its start.

use std::path::PathBuf;
use std::time::Duration;

use headcount_lake::LakeOptions;

/// Where a collector listens and stores, and within which limits.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The data folder; made if it is not there.
    pub data: PathBuf,
    /// Addresses of OTLP/HTTP listeners as `HOST:PORT`; port 0 takes any free one.
    pub http: Vec<String>,
    /// The address of the OTLP/gRPC listener as `HOST:PORT`, or none.
    pub grpc: Option<String>,
    /// Limits of the doors.
    pub limits: ReceiverLimits,
    /// Options of the store.
    pub lake: LakeOptions,
}

impl ServeOptions {
    /// The ports of OpenTelemetry on this machine alone, with `data` as the data folder.
    pub fn local(data: PathBuf) -> Self {
        Self {
            data,
            http: vec!["127.0.0.1:4318".to_owned()],
            grpc: Some("127.0.0.1:4317".to_owned()),
            limits: ReceiverLimits::default(),
            lake: LakeOptions::default(),
        }
    }
}

/// What a sender may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiverLimits {
    /// A request's body as it arrives, in bytes. A full batch of the stock SDKs (512 spans) is about 200 KiB.
    pub body_bytes: usize,
    /// A request's body after decompression, in bytes: what a decompression bomb may grow to.
    pub decoded_bytes: usize,
    /// All bodies that are in memory at one time, in bytes. Past it requests are answered with 503.
    pub in_flight_bytes: usize,
    /// Connections of all listeners together. Past it, new ones wait.
    pub connections: usize,
    /// How long a body, or a request's head, may take to arrive.
    pub patience: Duration,
    /// How long requests under way may go on after the collector was asked to stop.
    pub farewell: Duration,
}

impl Default for ReceiverLimits {
    /// 16 MiB as it arrives, 32 MiB decoded, 96 MiB in flight, 4,096 connections, 30 s to arrive, 10 s to end.
    fn default() -> Self {
        Self {
            body_bytes: 16 << 20,
            decoded_bytes: 32 << 20,
            in_flight_bytes: 96 << 20,
            connections: 4096,
            patience: Duration::from_secs(30),
            farewell: Duration::from_secs(10),
        }
    }
}
