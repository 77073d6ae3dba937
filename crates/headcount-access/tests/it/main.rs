//! Roles, tokens and the audit log, as collectors and commands use them.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod audit;
mod rate_limits;
mod roles;
mod tokens;
