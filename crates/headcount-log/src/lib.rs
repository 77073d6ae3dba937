//! The durability promise: a span that was acknowledged is never lost and never counted twice (promise 8).
//!
//! [`wal`] makes an admitted batch durable before its sender is told, and reads it back after a crash. [`dedup`]
//! recognises a span that is sent again, [`erasure`] keeps the orders to erase. [`folder`], [`secret`] and [`private_file`]
//! are the other files of a data folder outside its tables. All of them reach the file system through [`disk`] alone, so that tests
//! lose power between any two operations. `docs/formats/wal.md` specifies every file, byte by byte.
//!
//! This crate knows no table: the rows go to a [`wal::RowSink`], which `headcount-lake` implements with its memtable.

pub mod dedup;
pub mod disk;
pub mod erasure;
mod error;
pub mod folder;
mod identity_hash;
pub mod private_file;
pub mod secret;
#[doc(hidden)]
pub mod testing;
pub mod wal;

pub use error::{AppendError, LogError, OrderError};

#[cfg(test)]
mod tests;
