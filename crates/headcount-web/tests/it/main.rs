//! The site through its public interface.
#![allow(missing_docs, clippy::unwrap_used)]

mod dashboards;
mod pages;
