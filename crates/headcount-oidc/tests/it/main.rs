//! Signing on, against a provider in this process that says whatever a test wants.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod attacks;
mod fake_provider;
mod flow;
