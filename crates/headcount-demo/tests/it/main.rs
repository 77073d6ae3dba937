//! The sample week, and the load that is made of it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod scaled;
mod week;
