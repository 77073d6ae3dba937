//! Tests of the whole store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod damage;
mod erasure;
mod interoperability;
mod other_programs;
mod promises;
mod records;
mod room;
pub(crate) mod support;
