//! Tests of the whole store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod damage;
mod erasure;
mod interoperability;
mod promises;
mod records;
pub(crate) mod support;
