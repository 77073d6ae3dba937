//! The pack, through the crate's public API.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod pack;
mod published;
mod statement;
mod support;
