//! The reader beside prost: captured requests, arbitrary requests, mutated and arbitrary bytes, and requests in JSON.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod arbitrary;
mod captured;
mod encoded;
mod in_json;
mod model;
mod mutated;
mod neighbours;
