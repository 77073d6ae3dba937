//! The client through its public API, alone and in programs of its own (`examples/subject`).
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod about;
mod conformance;
mod copies;
mod endings;
mod fields;
mod ground;
mod many_processes;
mod notice;
mod off_and_on;
mod ownership;
mod partial_success;
mod promises;
mod receipts;
mod runs;
mod same_bytes;
mod uploads;
mod waiting;
mod weight;
mod words;
