//! The client through its public API, within the test and in separate programs (`examples/subject`).
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod conformance;
mod copies;
mod descriptors;
mod endings;
mod fields;
mod identifiers;
mod many_processes;
mod no_locks;
mod notice;
mod off_and_on;
mod ownership;
mod partial_success;
mod portal;
mod promises;
mod receipts;
mod replaced_telemetry;
mod runs;
mod same_bytes;
mod short_runs;
mod support;
mod tls;
mod uploads;
mod waiting;
mod weekly_beat;
mod weight;
