//! The collector through its sockets.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod access;
mod connections;
mod erase;
mod genai;
mod grpc;
mod health;
mod http;
mod metrics;
mod misdirected;
mod overload;
mod promises;
mod query;
mod support;
mod tolerance;
