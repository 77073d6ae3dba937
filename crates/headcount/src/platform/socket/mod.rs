//! TCP connections.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::connect;

#[cfg(not(unix))]
mod other;
#[cfg(not(unix))]
pub(crate) use other::connect;
