//! Tests of several modules together.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod damage;
mod durability;
mod folders;
