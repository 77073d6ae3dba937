//! Tests of the whole store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod account;
mod crew_erasure;
mod damage;
mod erasure;
mod integrity;
mod interoperability;
mod layout;
mod other_programs;
mod promises;
mod records;
mod repair;
mod retention;
mod room;
pub(crate) mod support;
