//! Backups of stores that are written meanwhile, restored and compared.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods
)]

mod crew_erasure;
mod erasure;
mod live;
mod repair;
mod repository;
mod support;
