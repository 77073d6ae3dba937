//! The `headcount` command, run as its users run it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod answers;
mod audit;
mod backup;
mod client;
mod command_line;
mod damage;
mod durability;
mod erase_crews;
mod expected_rows;
mod explain;
mod forget;
mod grpc_client;
mod health;
mod ingest;
mod log_lines;
mod metrics;
mod own_framework;
mod privacy;
mod proxy;
mod queries;
mod rate_limit;
mod repair;
mod replay;
mod roles;
mod service_manager;
mod signals;
mod support;
mod tls;
mod token;
mod upgrade;
