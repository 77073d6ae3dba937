//! From the spool to the collector: one process at a time, one segment per request, one ledger line each.
//!
//! The client's HTTP is its own (`docs/decisions/0009-the-clients-own-http.md`). A circuit breaker, shared between processes
//! through a file, leaves a failing collector alone.

mod answer;
mod certificates;
mod circuit;
mod endpoint;
mod failure;
mod http;
mod ingest_token;
mod json;
mod lock;
mod outcome;
mod run;
mod thread;
mod timed;
#[cfg(feature = "tls")]
mod tls;
mod trust;
mod uploader;

pub use endpoint::EndpointError;
pub use failure::UploadFailure;

pub(crate) use answer::{Answer, is_refusal};
pub(crate) use circuit::{Circuit, FIRST_UPLOAD, UPLOAD_EVERY, jittered};
pub(crate) use endpoint::Endpoint;
pub(crate) use http::{EXCHANGE_LIMIT, post_tokens};
pub(crate) use ingest_token::IngestToken;
pub(crate) use lock::{lock_within, was_tried_recently};
pub(crate) use outcome::Left;
pub(crate) use thread::{STACK_BYTES, UploadThread, later};
pub(crate) use trust::Trust;
pub(crate) use uploader::Uploader;

#[cfg(feature = "fuzzing")]
pub use {answer::fuzz as fuzz_answer, endpoint::fuzz as fuzz_endpoint};
