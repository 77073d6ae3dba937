//! Support for tests of this crate and of those that build on it. No shipped code uses it.

mod simulated_disk;

pub use simulated_disk::{SimulatedDisk, Stalled};
